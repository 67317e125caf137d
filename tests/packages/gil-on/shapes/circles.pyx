# SPDX-License-Identifier: MIT
# cython: language_level=3

def corners():
    return 0
