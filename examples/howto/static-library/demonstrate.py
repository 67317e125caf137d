# SPDX-License-Identifier: MIT
"""Two modules add to the same ledger, each in a thread of its own."""

import threading
import time
import types

from ledgers import north, south


ledger = north.new()
end = time.monotonic() + 0.5
added = []


def add(module: types.ModuleType) -> None:
    count = 0
    while time.monotonic() < end:
        for _ in range(100):
            module.add(ledger)
        count += 100
    added.append(count)


threads = [threading.Thread(target=add, args=(module,)) for module in (north, south)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(added) + 1 - north.add(ledger), 'of the entries are lost')
