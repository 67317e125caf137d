# SPDX-License-Identifier: MIT
"""`mesonbuild-ft check`: wheels, directories, module files and installed packages in, a verdict on each out."""
