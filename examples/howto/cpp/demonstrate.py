# SPDX-License-Identifier: MIT
"""Two threads add words at the same time."""

import threading
import time

import words


end = time.monotonic() + 0.5


def add() -> None:
    while time.monotonic() < end:
        words.add('neither long nor short')


threads = [threading.Thread(target=add) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(words.add('last'), 'words are kept')
