# SPDX-License-Identifier: MIT
"""Two threads ask for names at the same time."""

import threading
import time

import names


end = time.monotonic() + 0.5
made: list[list[str]] = [[], []]


def make(number: int) -> None:
    while time.monotonic() < end:
        made[number] += [names.make() for _ in range(1000)]


threads = [threading.Thread(target=make, args=(number,)) for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(set(made[0]) & set(made[1])), 'names were given twice')
