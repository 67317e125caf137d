# SPDX-License-Identifier: MIT
"""`mesonbuild-ft inspect`: the interpreters of this machine, and the wheels that a project yields."""
