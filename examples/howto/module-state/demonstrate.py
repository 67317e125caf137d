# SPDX-License-Identifier: MIT
"""Two threads ask for two numbers, 27 with 111 steps and 97 with 118, again and again."""

import threading
import time

import collatz


end = time.monotonic() + 0.5
wrong = [0, 0]


def ask(number: int) -> None:
    while time.monotonic() < end:
        wrong[number] += (collatz.steps(27), collatz.steps(97)) != (111, 118)


threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(wrong), 'answers are wrong')
