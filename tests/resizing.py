"""Calls of every function while another Python thread changes the number of threads.

    python tests/resizing.py [--seconds 30] [--only NAME]

A call must keep the number it began with: its scratch memory was sized for that. Wrong answers end the process with
exit code 1; memory that is overrun ends it by itself or, built with sanitizers (tools/sanitize.py), with a report.
"""

import argparse
import itertools
import threading
import time

from calls import ENTRIES, NAMES, SHARED, SIZES, USUAL_SIZES, arguments, shared_call

import fastgeo
from fastgeo.testing import assert_same_answer

COUNTS = (1, 64, 2, 256)


def large_call(name):
    """One whose work is shared among threads where the function shares any."""
    return shared_call(name) if name in SHARED else arguments(name, max(SIZES.get(name, USUAL_SIZES)))


def resize(done):
    for n_threads in itertools.cycle(COUNTS):
        fastgeo.set_num_threads(n_threads)
        time.sleep(0)  # lets the caller on
        if done.is_set():
            return


def call_while_resized(name, seconds):
    """Call `name` for so long, at least once after the first; return how often."""
    function, call = ENTRIES[name](fastgeo), large_call(name)
    expected, n_calls, end = function(**call), 0, time.monotonic() + seconds
    done = threading.Event()
    thread = threading.Thread(target=resize, args=[done])
    thread.start()
    try:
        while n_calls == 0 or time.monotonic() < end:
            assert_same_answer(function(**call), expected)
            n_calls += 1
    finally:
        done.set()
        thread.join()
    return n_calls


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="for all functions together")
    parser.add_argument("--only", choices=NAMES, metavar="NAME")
    options = parser.parse_args(arguments)
    names = [options.only] if options.only else NAMES
    for name in names:
        print(f"{name:24} {call_while_resized(name, options.seconds / len(names))} calls", flush=True)


if __name__ == "__main__":
    main()
