# SPDX-License-Identifier: MIT
"""Three accounts pay each other in a circle, in three threads."""

import threading
import time

from accounts import Account


accounts = [Account() for _ in range(3)]
end = time.monotonic() + 1


def pay(number: int) -> None:
    mine, other = accounts[number % 3], accounts[(number + 1) % 3]
    while time.monotonic() < end:
        for _ in range(100):
            mine.pay(other)


threads = [threading.Thread(target=pay, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print('the accounts hold', sum(account.balance() for account in accounts), 'together')
