"""Let every memory allocation of every kernel fail in turn.

    python tools/fail_allocations.py

Each time the call must raise MemoryError and give back all it had taken, and the next call must answer rightly. A layer
that has been called once takes no memory at all. Needs a C compiler, Cython and NumPy. Prints how many failures were
injected; any finding is exit code 1.
"""

from __future__ import annotations

import os
import subprocess
import sys

import instrumented

RENAMED = ("malloc", "calloc", "realloc", "aligned_alloc", "free")

DRIVER = """
import ctypes, sys, numpy as np, fastgeo, calls
from fastgeo import runtime
from fastgeo.testing import algorithms, assert_same_answer, force_algorithm
library = ctypes.CDLL(sys.argv[1])
made, outstanding, fail_after = library.fg_test_made, library.fg_test_outstanding, library.fg_test_fail_after
made.restype = outstanding.restype = ctypes.c_long
fail_after.argtypes = [ctypes.c_long]
injected, findings, without = 0, [], set(calls.NAMES)

def check(name, variant, n, dtype, entry=None):
    global injected
    entry, kwargs = entry or calls.ENTRIES[name](fastgeo), calls.arguments(name, n, dtype, variant)
    expected = entry(**kwargs)
    before = made()
    entry(**kwargs)
    label = f"{name} {variant} n={n} {runtime.active_isa()} {fastgeo.get_num_threads()} threads"
    for nth in range(1, made() - before + 1):
        held = outstanding()
        fail_after(nth)
        try:
            entry(**kwargs)
            findings.append(f"{label}: allocation {nth} failed, and no MemoryError was raised")
        except MemoryError:
            pass
        except BaseException as error:
            findings.append(f"{label}: allocation {nth} failed with {error!r}")
        fail_after(0)
        injected += 1
        without.discard(name)
        if outstanding() > held:
            findings.append(f"{label}: allocation {nth} failed, and {outstanding() - held} blocks leaked")
        try:
            assert_same_answer(entry(**kwargs), expected)
        except BaseException as error:
            findings.append(f"{label}: wrong after allocation {nth} had failed: {error!r}")

# Few channels, one plane, pointwise, depthwise, any other.
LAYERS = (
    ((1, 20, 40, 3), (3, 3, 3, 8)), ((1, 20, 40, 1), (3, 3, 1, 1)), ((1, 20, 40, 17), (1, 1, 17, 33)),
    ((1, 20, 40, 16), (3, 3, 1, 16)), ((2, 20, 40, 20), (5, 5, 20, 50)),
)

def check_layer(shape, kernel_shape):
    layer = fastgeo.Conv2d(np.ones(kernel_shape, np.float32), padding=1, groups=shape[3] // kernel_shape[2])
    inputs = np.ones(shape, np.float32)
    out = layer(inputs)
    before = made()
    layer(inputs, out)
    if made() > before:
        findings.append(f"Conv2d {shape} {kernel_shape}: the second call took {made() - before} blocks of memory")

CHOOSING = (
    "sparse_box_iou", "box_iou", "mask_iou", "histogram_auc", "roc_auc", "nms", "batched_nms", "multiclass_nms"
)

for isa in runtime.supported_isas():
    runtime.set_isa(isa)
    for n_threads in (1, 3):
        fastgeo.set_num_threads(n_threads)
        for shapes in LAYERS:
            check_layer(*shapes)
        for name in calls.NAMES:
            for n in (5, min(800, max(calls.SIZES.get(name, (300,))))):
                for variant in calls.VARIANTS[name]:
                    check(name, variant, n, np.float32)
        for name in CHOOSING:
            function, size = getattr(fastgeo, name), 40 if name == "mask_iou" else 700
            for algorithm in algorithms(function):
                with force_algorithm(function, algorithm):
                    try:
                        function(**calls.arguments(name, size, np.float32))
                    except ValueError:  # it cannot serve this call
                        continue
                    check(name, {}, size, np.float32)
        # Rows of 4096 bytes, which are copied farther apart.
        page = lambda n, dtype: np.random.default_rng(n).random((n, 1024)).astype(dtype)
        check("assign", {"X": page, "centroids": page}, 150, np.float32)
        check("kmeans", {"X": page, "k": 5, "init": lambda n, dtype: page(5, dtype)}, 150, np.float32)
        check("pairwise_distance", {"X": page, "Y": page}, 30, np.float32)
held = outstanding()
print(*sorted(set(findings)), sep="\\n")
print(f"{injected} allocation failures injected, {len(findings)} findings")
print("functions that allocate nothing in C:", ", ".join(sorted(without)) or "none")
sys.exit(bool(findings))
"""


def main():
    if sys.argv[1:]:
        sys.exit(__doc__)
    renamed = " ".join(f"-D{name}=fg_test_{name}" for name in RENAMED)
    with instrumented.build(f"{renamed} -O1", "-Wl,--allow-shlib-undefined") as copy:
        library = copy / "failing_malloc.so"
        compiler = os.environ.get("CC", "gcc")
        source = instrumented.ROOT / "tests" / "c" / "failing_malloc.c"
        subprocess.run([compiler, "-std=gnu11", "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
        sys.exit(instrumented.python(copy, "-c", DRIVER, library, LD_PRELOAD=str(library)))


if __name__ == "__main__":
    main()
