"""One input, one output: every function on every instruction set and thread count against digests that are committed.

    python tests/test_same_bits.py --print    digests as JSON, under FASTGEO_ISA and FASTGEO_NUM_THREADS
    python tests/test_same_bits.py --write    rewrite same_bits.json; only for answers that were meant to change

The file is shared by all platforms: x86-64 in three forms, aarch64, and older CPUs under an emulator.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from axes import usually
from calls import ENTRIES, NAMES, SIZES, USUAL_SIZES, VARIANTS, arguments, missing

import fastgeo
from fastgeo import reference, runtime

COMMITTED = Path(__file__).with_name("same_bits.json")
THREADS = (1, 2, 3, 8)


def canonical(answer):
    """Bytes that are equal exactly if two answers are; every NaN alike."""
    if isinstance(answer, (tuple, list)):
        return b"(" + b"".join(canonical(part) for part in answer) + b")"
    array = np.asarray(answer)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    return f"{type(answer).__name__} {array.dtype.str} {array.shape}:".encode() + array.tobytes()


def label(variant):
    return ", ".join(key if callable(value) else f"{key}={value}" for key, value in variant.items()) or "plain"


def digests():
    """One digest per function, variant, size and float type."""
    found = {}
    for name in NAMES:
        entry = ENTRIES[name](fastgeo)
        found[name] = {}
        for variant in VARIANTS[name]:
            digest = hashlib.sha256()
            for n in SIZES.get(name, USUAL_SIZES):
                for dtype in (np.float32, np.float64):
                    digest.update(canonical(entry(**arguments(name, n, dtype, variant))))
            found[name][label(variant)] = digest.hexdigest()[:32]
    return found


def digests_of_process(**environment):
    """The same from a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--print"],
        env={**os.environ, "PYTHONPATH": str(Path(fastgeo.__file__).parent.parent), **environment},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_public_name_has_a_call():
    assert missing() == []


def test_every_public_name_is_committed():
    assert sorted(json.loads(COMMITTED.read_text())) == sorted(reference.__all__)


MACHINES = [(isa, n_threads) for isa in runtime.supported_isas() for n_threads in THREADS]
# The narrowest and the widest; other tests run on each instruction set, too.
USUAL = [MACHINES[0], MACHINES[-1], MACHINES[-len(THREADS)]]


@pytest.mark.parametrize("machine", usually(USUAL, MACHINES), ids=str)
def test_digests(machine):
    isa, n_threads = machine
    found = digests_of_process(FASTGEO_ISA=isa, FASTGEO_NUM_THREADS=str(n_threads))
    committed = json.loads(COMMITTED.read_text())
    different = {
        f"{name}: {variant}"
        for name in NAMES
        for variant, digest in found[name].items()
        if committed.get(name, {}).get(variant) != digest
    }
    assert different == set()


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        print(json.dumps(digests()))
    elif sys.argv[1:] == ["--write"]:
        COMMITTED.write_text(json.dumps(digests(), indent=2, sort_keys=True) + "\n")
    else:
        sys.exit(__doc__)
