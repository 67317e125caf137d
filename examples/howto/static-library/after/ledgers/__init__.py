# SPDX-License-Identifier: MIT
"""Two modules that write into the same ledgers."""
