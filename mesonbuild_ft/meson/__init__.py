# SPDX-License-Identifier: MIT
"""Meson as the plan drives it: what it is given, what it is asked, and what its build directory tells."""
