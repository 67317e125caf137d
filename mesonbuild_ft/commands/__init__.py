# SPDX-License-Identifier: MIT
"""The sub-commands, a module each: the arguments, and what runs. cli.py imports the one that is asked for."""
