# SPDX-License-Identifier: MIT
"""A target interpreter that is not run, read from its files."""
