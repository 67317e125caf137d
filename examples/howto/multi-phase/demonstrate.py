# SPDX-License-Identifier: MIT
"""Import the module, and look whether the GIL is on."""

import sys

import greeting


print(greeting.greet('world'), 'The GIL is', 'on' if sys._is_gil_enabled() else 'off')
