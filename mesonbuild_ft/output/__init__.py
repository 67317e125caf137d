# SPDX-License-Identifier: MIT
"""The result of `mesonbuild-ft check` in each format."""
