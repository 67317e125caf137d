# SPDX-License-Identifier: MIT
from . import first, second, third


__all__ = ["first", "second", "third"]
