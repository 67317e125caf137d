# SPDX-License-Identifier: MIT
"""One thread adds up the 10000 equal bytes in a dict, while another one puts others there."""

import threading
import time

import checksums


values = {'data': bytes(10_000)}
end = time.monotonic() + 0.5


def replace() -> None:
    number = 0
    while time.monotonic() < end:
        number = (number + 1) % 256
        values['data'] = bytes([number]) * 10_000


thread = threading.Thread(target=replace)
thread.start()
wrong = 0
while time.monotonic() < end:
    wrong += checksums.checksum(values) % 10_000 != 0
thread.join()
print(wrong, 'sums are of no value that was ever in the dict')
