# SPDX-License-Identifier: MIT
from ._core import answer


__all__ = ["answer"]
__version__ = "1.2"
