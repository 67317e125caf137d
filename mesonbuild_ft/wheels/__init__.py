# SPDX-License-Identifier: MIT
"""`mesonbuild-ft wheels`: every wheel that a project needs, built once, checked, and imported where it serves."""
