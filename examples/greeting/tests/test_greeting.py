# SPDX-License-Identifier: MIT
"""Run by `python -m unittest discover tests` where the wheel is installed."""

import sys
import unittest

import greeting


class Greeting(unittest.TestCase):
    def test_greets_anything(self) -> None:
        self.assertEqual(greeting.greet('world'), 'Hello, world!')
        self.assertEqual(greeting.greet(3), 'Hello, 3!')

    def test_never_switches_the_gil_on(self) -> None:
        gil_enabled = getattr(sys, '_is_gil_enabled', None)
        if gil_enabled is None or 'free-threading' not in sys.version:
            self.skipTest('this Python has the GIL')
        self.assertFalse(gil_enabled())


if __name__ == '__main__':
    unittest.main()
