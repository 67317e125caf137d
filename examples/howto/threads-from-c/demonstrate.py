# SPDX-License-Identifier: MIT
"""A thread that C starts appends to a list."""

import workers


numbers: list[int] = []
workers.start(numbers)
print('the list is', numbers)
