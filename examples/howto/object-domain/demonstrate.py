# SPDX-License-Identifier: MIT
"""One thread records a film, scene after scene, while others go through its frames."""

import os
import threading
import time

from frames import Frame


# With fewer processors than threads, these interrupt each other at any point.
if hasattr(os, 'sched_setaffinity'):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
film = [Frame() for _ in range(10)]
recording = True


def show() -> None:
    while recording:
        for frame in film:
            memoryview(frame)


threads = [threading.Thread(target=show) for _ in range(4)]
for thread in threads:
    thread.start()
end = time.monotonic() + 1
while time.monotonic() < end:
    film[:] = [Frame() for _ in range(10)]
    time.sleep(0.0001)
recording = False
for thread in threads:
    thread.join()
print('every frame was shown')
