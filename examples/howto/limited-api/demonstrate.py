# SPDX-License-Identifier: MIT
"""Import what was built."""

import greeting


print(greeting.greet('world'), 'This is', greeting.__file__.rpartition('/')[2])
