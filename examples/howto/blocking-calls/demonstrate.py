# SPDX-License-Identifier: MIT
"""One thread waits for a program to end, which sleeps for five seconds, while another one calls gc.collect().

demonstrate.py [SECONDS]: how long it sleeps instead
"""

import gc
import os
import select
import subprocess
import sys
import threading
import time

import waiting


reader, writer = os.pipe()
started = threading.Event()


def wait() -> None:
    started.set()
    waiting.wait_for(reader)


with subprocess.Popen(['sleep', *(sys.argv[1:] or ['5'])], stdout=writer) as program:
    os.close(writer)  # The pipe ends with the program.
    thread = threading.Thread(target=wait)
    thread.start()
    started.wait()
    time.sleep(0.2)
    gc.collect()
    ended, _, _ = select.select([reader], [], [], 0)
    print('gc.collect() came back', 'after the program ended' if ended else 'while the program was sleeping')
    program.terminate()
thread.join()
