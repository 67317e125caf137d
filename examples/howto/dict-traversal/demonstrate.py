# SPDX-License-Identifier: MIT
"""One thread adds up a dict while another one replaces its values; the sum of them is 1 at any time."""

import threading
import time

import sums


MOMENTS = [{'left': 1, 'right': 0}, {'left': 0, 'right': 1}]
accounts = dict(MOMENTS[0])
end = time.monotonic() + 0.5


def move() -> None:
    while time.monotonic() < end:
        for moment in MOMENTS:
            accounts.update(moment)  # one step for other threads


thread = threading.Thread(target=move)
thread.start()
seen: set[int] = set()
while time.monotonic() < end:
    seen.add(sums.sum(accounts))
thread.join()
print('sums that were seen:', *sorted(seen))
