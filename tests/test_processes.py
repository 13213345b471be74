"""Nothing to fear from a running call: flat memory, Ctrl-C answered, threads, processes and other libraries."""

import importlib.util
import itertools
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from axes import usually
from calls import ENTRIES, NAMES, OF_EACH_FAMILY, VARIANTS, arguments
from fresh import in_fresh_process

import fastgeo
from fastgeo.testing import assert_same_answer

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@LINUX_ONLY
def test_memory_is_flat_over_ten_thousand_calls():
    """Good and bad calls of every function in turn; a leak of a hundred bytes a call would show."""
    grown = in_fresh_process("""
import numpy as np, os, fastgeo
from calls import ENTRIES, NAMES, VARIANTS, arguments
from fresh import in_fresh_process

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")

calls = []
for name in NAMES:
    for variant in VARIANTS[name]:
        good = arguments(name, 40, np.float32, variant)
        calls.append((name, good))
        for parameter, value in good.items():
            if isinstance(value, np.ndarray):
                nan = value.astype(np.float32)
                nan.flat[-1] = np.nan
                calls += [(name, {**good, parameter: bad}) for bad in (value[:-1], value.astype(complex), nan, "x")]

def mixed(count):
    for i in range(count):
        name, kwargs = calls[i % len(calls)]
        try:
            ENTRIES[name](fastgeo)(**kwargs)
        except (TypeError, ValueError):
            pass

mixed(2000)
before = resident()
mixed(10000)
print(resident() - before)
""")
    assert int(grown) < 1_000_000


# Calls that take a second or more on the narrowest instruction set, by the function, which a remark may follow.
_PAIR = "kwargs = calls.arguments({!r}, 15_000, np.float32)"
_CROWDED = "kwargs = {{**calls.arguments({!r}, 1_000_000, np.float32), 'iou_threshold': 0.99}}"
_ONE_GROUP = "n = 1_000_000; " + _CROWDED.replace("1_000_000", "n").replace("}}", ", 'idxs': np.zeros(n, np.int64)}}")
# Nearly as many distinct scores as samples.
_SAMPLES = (
    "n = 20_000_000; random = np.random.default_rng(0).random; kwargs = dict(labels=random(n) < 0.3, scores=random(n))"
)
_WEIGHTS = _SAMPLES.replace("20_000_000", "10_000_000") + "; kwargs['sample_weight'] = random(n)"
_GROUPS = _SAMPLES.replace("20_000_000", "10_000_000") + "; kwargs.update(groups=np.arange(n) // 100)"
_POINTS = "kwargs = {{**calls.arguments({!r}, 1_000_000, np.float32), 'k': 100}}"
# Read once; with the pages still untouched, half a gigabyte of them is cheap.
_BOXES = "kwargs = calls.arguments({!r}, 5, np.float32); boxes = np.zeros((36_000_000, 4), np.float32); "
_BOXES += "kwargs = {{key: boxes if key.startswith('boxes') else value for key, value in kwargs.items()}}"
# A million of one column, or one row of many: what is done for each box before the first pair.
_ONE_BY_MANY = "boxes = np.zeros(({0}, {1}), np.float32); boxes[:, 2:4] = 1; kwargs = dict(boxes1={2}, boxes2={3})"
_PICTURES = "kwargs = {{**calls.arguments({!r}, 8, np.float32), 'inputs': np.ones((32, 700, 700, {}), np.float32)}}"
_WINDOWS = _PICTURES.replace("}}", ", 'size': 7, 'stride': 1}}")
LONG_CALLS = {
    "box_area": _BOXES.replace("36_000_000", "100_000_000"),
    "box_convert": _BOXES,
    "clip_boxes": _BOXES,
    "paired_box_iou": _BOXES,
    "box_iou": _PAIR,
    "box_ioa": _PAIR,
    "distance_box_iou": _PAIR,
    "scylla_box_iou": _PAIR,
    "generalized_box_iou": _PAIR,
    "complete_box_iou": _PAIR,
    "sparse_box_iou": _PAIR,
    "box_iou of one column": _ONE_BY_MANY.format("60_000_000", 4, "boxes", "boxes[:1]"),
    "sparse_box_iou of one row": _ONE_BY_MANY.format("15_000_000", 4, "boxes[:1]", "boxes"),
    "sparse_box_iou of many boxes": "random = np.random.default_rng(0).random; boxes = 1e5 * random((6_000_000, 4), "
    "np.float32); boxes[:, 2:] = boxes[:, :2] + 1; kwargs = dict(boxes1=boxes, boxes2=boxes)",
    "rotated_box_iou": "kwargs = calls.arguments({!r}, 2_500, np.float32)",
    "rotated_box_iou of one column": _ONE_BY_MANY.format("5_000_000", 5, "boxes", "boxes[:1]"),
    "nms": _CROWDED,
    "batched_nms": _ONE_GROUP,
    "nms_groups": _CROWDED,
    "soft_nms": "kwargs = calls.arguments({!r}, 50_000, np.float32)",
    "rotated_nms": "kwargs = {{**calls.arguments({!r}, 20_000, np.float32), 'iou_threshold': 0.99}}",
    "rotated_nms of many boxes": "random = np.random.default_rng(0).random; n = 5_000_000; "
    "boxes = 1e6 * random((n, 5), np.float32); boxes[:, 2:4] = 1; "
    "kwargs = dict(boxes=boxes, scores=random(n), iou_threshold=0.5)",
    # One set alone, of equal boxes that all stay.
    "multiclass_nms": "n = 80_000; boxes = np.zeros((1, n, 4), np.float32); boxes[..., 2:] = 1; kwargs = "
    "dict(boxes=boxes, scores=np.random.default_rng(0).random((1, n, 1)), iou_threshold=1.0, max_output=n)",
    # Many classes whose boxes nearly all stay.
    "multiclass_nms of many classes": "random = np.random.default_rng(0).random; "
    "boxes = random((1, 1500, 4), np.float32); boxes[..., 2:] += boxes[..., :2]; kwargs = "
    "dict(boxes=boxes, scores=random((1, 1500, 2000), np.float32), iou_threshold=0.95, max_output=100_000)",
    "weighted_boxes_fusion": "kwargs = calls.arguments({!r}, 100_000, np.float32)",
    "histogram_auc": "kwargs = calls.arguments({!r}, 100_000_000, np.float32)",
    "histogram_auc of many bins": _SAMPLES.replace("20_000_000", "50_000_000") + "; kwargs['n_bins'] = 2**26",
    "histogram_auc with weights": _WEIGHTS.replace("10_000_000", "50_000_000"),
    "roc_auc": _SAMPLES,
    "roc_auc with weights": _WEIGHTS,
    "roc_auc of few false positives": _SAMPLES + "; kwargs['max_fpr'] = 0.9",
    "roc_auc by group": _GROUPS,
    "AUCHistogram": _SAMPLES.replace("20_000_000", "100_000_000"),
    "AUCHistogram of many bins": _SAMPLES.replace("20_000_000", "50_000_000") + "; kwargs['n_bins'] = 2**20",
    # The checks, sums and bytes of the bins, of which most hold nothing.
    "AUCHistogram of very many bins": "kwargs = dict(labels=[0, 1], scores=[0.1, 0.2], n_bins=2**24)",
    "AUCHistogram of very many bins with weights": "kwargs = dict("
    "labels=[0, 1], scores=[0.1, 0.2], sample_weight=[1, 2], n_bins=2**23)",
    # Words that agree in all leading digits but not in their labels.
    "roc_auc of equal scores": "n = 150_000_000; scores = np.ones(n); scores[:2] = 1.5, 1 + 2.0**-12; "
    "kwargs = dict(labels=np.arange(n) % 2 == 0, scores=scores)",
    "roc_curve": _SAMPLES,
    "roc_curve with weights": _WEIGHTS,
    "precision_recall_curve": _SAMPLES,
    "average_precision": _SAMPLES,
    "roc_auc_interval": _SAMPLES,
    "conv2d": _PICTURES,
    "Conv2d": _PICTURES,
    "max_pool2d": _WINDOWS,
    "avg_pool2d": _WINDOWS,
    "lp_pool2d": _WINDOWS,
    **{
        f"{name} of one window": "kwargs = dict(inputs=np.ones((1, 12_000, 12_000, 1), np.float32), size=12_000)"
        for name in ("max_pool2d", "avg_pool2d", "lp_pool2d")
    },
    "max_pool2d of one window of few channels": "kwargs = dict("
    "inputs=np.ones((1, 5000, 5000, 3), np.float32), size=5000)",
    "conv2d of one window": "kwargs = dict(inputs=np.ones((1, 4500, 4500, 1), np.float32), "
    "kernel=np.ones((4500, 4500, 1, 1), np.float32))",
    "Conv2d of one window": "kwargs = dict(inputs=np.ones((2, 1500, 1500, 1), np.float32), "
    "kernel=np.ones((1500, 1500, 1, 8), np.float32))",
    "linear_assignment": "kwargs = dict(cost=np.random.default_rng(0).random((2000, 2000)))",
    "match_boxes": "kwargs = calls.arguments({!r}, 4000, np.float32)",
    "decode_predictions": "kwargs = dict("
    "predictions=0.2 * np.random.default_rng(0).random((1, 84, 2_500_000), np.float32))",
    "mean_average_precision": "kwargs = calls.arguments({!r}, 300_000, np.float32)",
    "DetectionEvaluator": "kwargs = calls.arguments({!r}, 300_000, np.float32)",
    "Masks": "counts = np.ones(40_000_000, np.uint32); kwargs = "
    "dict(counts=counts, offsets=[0, len(counts)], sizes=[[8000, 5000]])",
    "mask_iou": "kwargs = dict(masks1=calls.dense_masks(300, 0, 300, 300), masks2=calls.dense_masks(300, 1, 300, 300))",
    "mask_iou of two large masks": "masks = np.random.default_rng(0).random((1, 7000, 7000), np.float32) < 0.5; "
    "kwargs = dict(masks1=masks, masks2=masks)",
    "mask_nms": "n = 3000; "
    "kwargs = dict(masks=calls.dense_masks(n, 0, 100, 100), scores=np.arange(1.0 * n), iou_threshold=0.9)",
    "mask_to_boxes": "kwargs = dict(dense=np.zeros((20, 20_000, 8000), bool))",
    "boundary_iou": "masks = calls.dense_masks(300, 0, 300, 300); kwargs = dict(masks1=masks, masks2=masks[::-1])",
    "paste_masks": "n = 300; kwargs = dict(probabilities=np.random.default_rng(0).random((n, 28, 28)), "
    "boxes=np.tile([0.0, 0, 2000, 2000], (n, 1)), height=2000, width=2000)",
    "kmeans": _POINTS,
    "kmeans among many centroids": "kwargs = {{**calls.arguments({!r}, 12_000, np.float32), 'k': 6000}}",
    "kmeans_plusplus": _POINTS,
    "StreamingKMeans": _POINTS,
    "assign": "kwargs = calls.arguments({!r}, 100_000, np.float32)",
    "pairwise_distance": _PAIR,
    **{
        f"{name} of long rows": "X = np.random.default_rng(0).random((400, 200_000), np.float32); kwargs = " + call
        for name, call in {
            "kmeans": "dict(X=X, k=20, init=X[:20])",
            "kmeans with cosine distances": "dict(X=X, k=20, init='random', metric='cosine')",
            "kmeans_plusplus": "dict(X=X, k=20)",
            "assign": "dict(X=X, centroids=X[:40], metric='cosine')",
            "pairwise_distance": "dict(X=X, Y=X)",
        }.items()
    },
    # One block of points has 10⁸ values of centroids before it.
    "assign among many long centroids": "random = np.random.default_rng(0).random; "
    "kwargs = dict(X=random((64, 20_000), np.float32), centroids=random((5_000, 20_000), np.float32))",
    "assign among a million centroids": "random = np.random.default_rng(0).random; "
    "kwargs = dict(X=random((64, 100), np.float32), centroids=random((1_000_000, 100), np.float32))",
    "kmeans among a million centroids": "X = np.random.default_rng(0).random((1_000_000, 100), np.float32); "
    "kwargs = dict(X=X, k=1_000_000, init='random')",
}


def test_every_function_has_a_long_call():
    assert {name.split()[0] for name in LONG_CALLS} == set(NAMES)


# A signal handler notes when it gets to run, until the call has taken long enough. Two calls that are interrupted early
# come first: what they leave behind must not stop the next one. The timer and the notes count processor time: the test
# means the same on a busy machine.
INTERRUPT = """
import itertools, signal, sys, time, numpy as np, fastgeo, calls
exec(sys.argv[2])
function = calls.ENTRIES[sys.argv[1]](fastgeo)
notes = []
def note(*_):
    notes.append(time.process_time())
    if notes[-1] - notes[0] > limit:
        signal.setitimer(signal.ITIMER_PROF, 0)
        raise KeyboardInterrupt
signal.signal(signal.SIGPROF, note)
for limit in (0.05, 0.3, float(sys.argv[3])):
    notes[:] = [time.process_time()]
    signal.setitimer(signal.ITIMER_PROF, 0.002, 0.002)
    try:
        function(**kwargs)
    except KeyboardInterrupt:
        pass
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    notes.append(time.process_time())
print(notes[-1] - notes[0], max(after - before for before, after in itertools.pairwise(notes)))
"""


LONGEST_WAIT = 0.2  # seconds
ENOUGH = {"roc_auc of equal scores": 8}  # seconds after which a call is ended, else 2


def time_and_longest_wait(name, isa, seconds):
    """Processor time of the long call, and the longest time in it without a signal handler: the least of three tries.

    A pass that does not poll is long in every try; what else a busy machine does to one try is not the call's.
    """
    environment = {"FASTGEO_ISA": isa, "FASTGEO_NUM_THREADS": "1"}
    function = name.split()[0]
    code = LONG_CALLS[name].format(function, 4)
    for _ in range(3):
        printed = in_fresh_process(INTERRUPT, function, code, seconds, timeout=900, **environment)
        whole, longest = map(float, printed.split())
        if longest < LONGEST_WAIT:
            break
    return whole, longest


@POSIX_ONLY
@pytest.mark.parametrize("name", usually(OF_EACH_FAMILY, LONG_CALLS))
def test_interrupt_is_answered(name):
    """Ctrl-C within 0.2 s, wherever in the call it comes: handlers run that often, on the slowest instruction set."""
    whole, longest = time_and_longest_wait(name, "scalar", ENOUGH.get(name, 2))
    assert whole > 0.04, "the call is too short to be interrupted"
    assert longest < LONGEST_WAIT


@pytest.mark.parametrize("name", usually(OF_EACH_FAMILY, NAMES))
def test_eight_python_threads(name):
    """Every thread gets the answer of a single one, whoever holds the pool."""
    calls = [arguments(name, 300, np.float32, variant) for variant in VARIANTS[name]]
    expected = [ENTRIES[name](fastgeo)(**call) for call in calls]

    def answers(_):
        return [ENTRIES[name](fastgeo)(**call) for call in calls]

    with ThreadPoolExecutor(8) as executor:
        for actual in executor.map(answers, range(16)):
            assert_same_answer(actual, expected)


MULTIPROCESSING = """
import multiprocessing, sys, warnings, numpy as np, fastgeo, calls
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of fork in a process with threads
boxes = calls.boxes(700, np.float32)
if __name__ == "__main__":
    expected = fastgeo.box_iou(boxes, boxes, n_threads=2).tobytes()
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        for answer in pool.starmap(fastgeo.box_iou, [(boxes, boxes)] * 8):
            assert answer.tobytes() == expected
"""


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing(method, tmp_path):
    if os.name != "posix" and method != "spawn":
        pytest.skip("this platform can only spawn")
    script = tmp_path / "main.py"
    script.write_text(MULTIPROCESSING)
    in_fresh_process(
        "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')", script, method
    )


FORKED = """
import os, sys, warnings, numpy as np, fastgeo, calls
from fastgeo.testing import assert_same_answer
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of fork in a process with threads
def answers():
    return {name: calls.ENTRIES[name](fastgeo)(**calls.arguments(name, 300, np.float32, variant))
            for name in calls.NAMES for variant in calls.VARIANTS[name][:1]}
before = answers()  # the pool has its helpers
child = os.fork()
if child == 0:
    status = 1
    try:
        for name, answer in answers().items():
            assert_same_answer(answer, before[name])
        status = 0
    finally:
        os._exit(status)
assert os.waitpid(child, 0)[1] == 0
for name, answer in answers().items():  # and the parent goes on
    assert_same_answer(answer, before[name])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_every_function_works_on_both_sides_of_a_fork():
    in_fresh_process(FORKED, timeout=120, FASTGEO_NUM_THREADS="3")


def test_subinterpreter_is_answered():
    """It works, in every family, or says why not; it does not crash, and the main interpreter goes on."""
    answer = in_fresh_process("""
try:
    import _interpreters as interpreters  # Python 3.13
    run = interpreters.exec
except ImportError:
    import _xxsubinterpreters as interpreters
    run = interpreters.run_string
import numpy, fastgeo, calls
code = '''
try:
    import fastgeo, calls
    for name in calls.OF_EACH_FAMILY:
        calls.ENTRIES[name](fastgeo)(**calls.shared_call(name))
    print("works")
except ImportError as error:
    print("refused:", error)
'''
run(interpreters.create(), code)
for name in calls.OF_EACH_FAMILY:
    calls.ENTRIES[name](fastgeo)(**calls.shared_call(name))
print("goes on")
""")
    assert answer.startswith(("works", "refused:"))
    assert answer.endswith("goes on\n")


OTHERS = [name for name in ("torch", "sklearn", "faiss") if importlib.util.find_spec(name)]
ORDERS = list(itertools.permutations(("fastgeo", *OTHERS)))
if importlib.util.find_spec("cv2"):
    ORDERS += [("fastgeo", *OTHERS, "cv2"), ("cv2", *OTHERS, "fastgeo")]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_import_beside_libraries_with_threads_of_their_own(order):
    if ORDERS == [("fastgeo",)]:
        pytest.skip("none of torch, scikit-learn, faiss and OpenCV is installed")
    in_fresh_process(f"""
import importlib, numpy as np
for name in {order!r}:
    importlib.import_module(name)
import fastgeo, calls, sys
boxes = calls.boxes(700, np.float32)
expected = fastgeo.box_iou(boxes, boxes, n_threads=1)
if "torch" in sys.modules:
    sys.modules["torch"].ones(300, 300) @ sys.modules["torch"].ones(300, 300)
if "sklearn" in sys.modules:
    from sklearn.cluster import KMeans
    KMeans(3, n_init=1).fit(boxes)
if "faiss" in sys.modules:
    index = sys.modules["faiss"].IndexFlatL2(4)
    index.add(boxes)
    index.search(boxes, 3)
np.testing.assert_array_equal(fastgeo.box_iou(boxes, boxes, n_threads=2), expected)
""")


def test_no_openmp_and_no_other_runtime_is_loaded():
    """The extensions need the C library alone."""
    if sys.platform != "linux":
        pytest.skip("reads Linux's /proc")
    added = in_fresh_process("""
import numpy, numpy.random
def libraries():
    return {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
before = libraries()
import fastgeo
print("\\n".join(sorted(libraries() - before)))
""").split()
    assert added
    assert [path for path in added if "gomp" in path or "iomp" in path or "libomp" in path or "tbb" in path] == []


@LINUX_ONLY
def test_streaming_memory_is_bounded():
    """A hundred more batches, 64 MB in all, leave nothing behind, nor does merging."""
    grown = in_fresh_process("""
import resource, numpy as np, fastgeo
X = np.random.default_rng(0).random((20_000, 8), np.float32)
model = fastgeo.StreamingKMeans(50, seed=0)
model.partial_fit(X[:49]).partial_fit(X).partial_fit(X)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(100):
    model.partial_fit(X)
other = fastgeo.StreamingKMeans(50, seed=1)
for i in range(100):
    other.partial_fit(X).merge(model)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
""")
    assert int(grown) < 8e6


@LINUX_ONLY
@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["nms", "batched_nms", "nms_groups"])
def test_peak_memory_of_a_million_crowded_boxes(name):
    """O(n): below 100 bytes a box on top of the input."""
    peak = in_fresh_process(f"""
import resource, numpy as np, fastgeo, calls
kwargs = calls.arguments({name!r}, 1_000_000, np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fastgeo.{name}(**kwargs)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
""")
    assert int(peak) < 100e6
