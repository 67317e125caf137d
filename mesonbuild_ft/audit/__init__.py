# SPDX-License-Identifier: MIT
"""The verdict: what the scanner found, held against the tags. Pure."""
