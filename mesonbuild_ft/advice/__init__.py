# SPDX-License-Identifier: MIT
"""The advice of compilers on free threading (advise = true): asked for, read, kept and put into words."""
