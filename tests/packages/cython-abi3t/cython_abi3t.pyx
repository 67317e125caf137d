# SPDX-License-Identifier: MIT
# cython: language_level=3
def answer():
    return 42
