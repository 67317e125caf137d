# SPDX-License-Identifier: MIT
"""Use a buffer that is allocated while other threads may run."""

import medians


print('the median is', medians.median(bytes(range(100))))
