# SPDX-License-Identifier: MIT
"""Two threads draw lines of different characters."""

import threading
import time

import lines


end = time.monotonic() + 0.5
mixed = [0, 0]


def draw(number: int) -> None:
    character = '-='[number]
    expected = character * 1000
    while time.monotonic() < end:
        mixed[number] += lines.line(character) != expected


threads = [threading.Thread(target=draw, args=(number,)) for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(mixed), 'lines are mixed')
