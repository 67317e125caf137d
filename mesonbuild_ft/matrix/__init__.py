# SPDX-License-Identifier: MIT
"""`mesonbuild-ft matrix`: which wheels a project needs, who builds each, and who tests it."""
