"""Print how long a signal, and so Ctrl-C, waits at most in every long call on every instruction set.

    python tools/measure_interrupts.py [--seconds 4]

The calls are those of tests/test_processes.py, one thread, at most that many seconds of each; the times are processor
time. A wait of more than 0.2 s is exit code 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / part) for part in ("", "tests")]

from test_processes import LONG_CALLS, time_and_longest_wait  # noqa: E402

from fastgeo import runtime  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    isas = runtime.supported_isas()
    print(f"{'longest wait in ms':24}", *(f"{isa:>8}" for isa in isas))
    worst = 0.0
    for name in LONG_CALLS:
        waits = [time_and_longest_wait(name, isa, options.seconds)[1] for isa in isas]
        print(f"{name:24}", *(f"{1e3 * wait:8.0f}" for wait in waits), flush=True)
        worst = max(worst, *waits)
    sys.exit(worst > 0.2)


if __name__ == "__main__":
    main()
