# SPDX-License-Identifier: MIT
"""One thread adds up a list while another one fills and empties it."""

import threading
import time

import totals


numbers = [float(number) for number in range(10_000)]
values: list[float] = []
end = time.monotonic() + 0.5


def change() -> None:
    while time.monotonic() < end:
        values.extend(numbers)
        values.clear()


thread = threading.Thread(target=change)
thread.start()
while time.monotonic() < end:
    totals.total(values)
thread.join()
print('every list was added up')
