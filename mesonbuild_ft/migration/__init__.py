# SPDX-License-Identifier: MIT
"""`mesonbuild-ft migrate`: from meson-python or setuptools to this backend.

files reads, the plan is pure (texts in; new texts, reasons and what is left out), difference shows it, files writes it.
"""
