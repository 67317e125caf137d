# SPDX-License-Identifier: MIT
"""Run in a target interpreter: import all modules of several-modules, call them from threads, print one JSON line."""
import json
import sys
import threading
import warnings


NAMES = ('multi', 'single', 'plusplus', 'helped')
THREADS, TIMES = 4, 2000

is_enabled = getattr(sys, '_is_gil_enabled', lambda: True)
before = is_enabled()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    modules = {name: __import__(name) for name in NAMES}
threads = [threading.Thread(target=module.count, args=(TIMES,)) for module in modules.values() for _ in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({
    'gil': [before, is_enabled()],
    'warnings': [str(warning.message) for warning in caught],
    'compiled': {name: list(module.compiled()) for name, module in modules.items()},
    # One more than all threads together; of helped, what its library was compiled with.
    'counted': {name: module.count(1) for name, module in modules.items()},
}))
