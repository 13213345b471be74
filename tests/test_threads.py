"""The thread pool: same bits for any count, shared safely by Python threads, harmless to fork, silent when idle."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from calls import ENTRIES, NAMES, OF_EACH_FAMILY, SHARED, shared_call
from cases import random_boxes
from fresh import in_fresh_process

import fastgeo
from fastgeo.runtime import core
from fastgeo.runtime.cpu_count import usable_cpus
from fastgeo.testing import assert_same_answer

POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")

BOXES = random_boxes(1200, seed=3)  # 1.44 million pairs: enough for the pool to be used


def test_same_bits_for_any_count(kernels):
    one = kernels.box_iou(BOXES, BOXES, n_threads=1)
    for n_threads in (2, 3, 8, 300):
        assert kernels.box_iou(BOXES, BOXES, n_threads=n_threads).tobytes() == one.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SHARED)
def test_same_answer_however_the_work_is_shared(name, dtype):
    """At sizes where helpers do take part, which the next test counts."""
    call = shared_call(name, dtype)
    answers = []
    for n_threads in (1, 2, 3, 8):
        with fastgeo.threads(n_threads):
            answers.append(ENTRIES[name](fastgeo)(**call))
    for answer in answers[1:]:
        assert_same_answer(answer, answers[0])


@pytest.mark.parametrize("name", SHARED)
def test_helpers_take_part(name):
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("counts threads through Linux's /proc")
    code = """
import os, sys, fastgeo, calls
name = sys.argv[1]
call = calls.shared_call(name)
before = len(os.listdir("/proc/self/task"))
calls.ENTRIES[name](fastgeo)(**call)
print(len(os.listdir("/proc/self/task")) - before)
"""
    assert int(in_fresh_process(code, name, FASTGEO_NUM_THREADS="3")) > 0


def test_a_call_waits_for_the_chunks_of_its_helpers():
    """Two chunks, of which the helper begins its own a little later than the caller; in one of many calls at least,
    also where a busy machine keeps it waiting."""
    boxes1, boxes2 = random_boxes(256, np.float32), random_boxes(16_384, np.float32, seed=1)
    for _ in range(200):
        out = np.full((256, 16_384), np.nan, np.float32)
        fastgeo.complete_box_iou(boxes1, boxes2, out=out, n_threads=2)
        assert not np.isnan(out[-1, -1])


@pytest.mark.parametrize("n_threads", [1, 2, 8])
def test_no_chunk_is_left_out(n_threads):
    pairs = random_boxes(200_000, seed=4)
    out = np.full(len(pairs), np.nan, pairs.dtype)
    fastgeo.paired_box_iou(pairs, pairs, out=out, n_threads=n_threads)
    assert not np.isnan(out).any()


def test_python_threads_share_the_pool():
    expected = fastgeo.box_iou(BOXES, BOXES, n_threads=1).tobytes()
    with ThreadPoolExecutor(8) as executor:
        answers = executor.map(lambda _: fastgeo.box_iou(BOXES, BOXES, n_threads=4).tobytes(), range(40))
        assert all(answer == expected for answer in answers)


def test_pool_resized_in_flight():
    """In a process of its own, which overrun memory may end."""
    counts = in_fresh_process("import resizing; resizing.main(['--seconds', '4'])")
    assert len(counts.splitlines()) == len(NAMES)


def test_limit_of_one_python_thread():
    outside = fastgeo.get_num_threads()
    seen = []
    with fastgeo.threads(7):
        with fastgeo.threads(3):
            assert fastgeo.get_num_threads() == 3
        assert fastgeo.get_num_threads() == 7
        other = threading.Thread(target=lambda: seen.append(fastgeo.get_num_threads()))
        other.start()
        other.join()
    assert seen == [outside]
    assert fastgeo.get_num_threads() == outside


@pytest.mark.parametrize("bad", [0, -1, 257])
def test_count_out_of_range(bad):
    with pytest.raises(ValueError, match=f"from 1 to 256, got {bad}"):
        fastgeo.set_num_threads(bad)
    with pytest.raises(ValueError, match="from 1 to 256"):
        fastgeo.threads(bad)


@pytest.mark.parametrize("bad", [2.0, "2", True, None])
def test_count_of_wrong_type(bad):
    with pytest.raises(TypeError, match="expected an integer"):
        fastgeo.set_num_threads(bad)


def test_more_threads_do_run():
    """With 3 threads asked for, the process has two threads more."""
    if not os.path.isdir("/proc/self/task"):
        pytest.skip("counts threads through Linux's /proc")
    code = """
import os, numpy as np, fastgeo
boxes = np.zeros((3000, 4), np.float32)
fastgeo.box_iou(boxes, boxes, n_threads=1)
before = len(os.listdir("/proc/self/task"))
fastgeo.box_iou(boxes, boxes, n_threads=3)
print(len(os.listdir("/proc/self/task")) - before)
"""
    assert in_fresh_process(code).strip() == "2"


def test_idle_pool_takes_no_cpu():
    fastgeo.box_iou(BOXES, BOXES, n_threads=4)
    begin = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - begin < 0.1


@POSIX_ONLY
def test_fork_after_use():
    in_fresh_process("""
import os, numpy as np, fastgeo
boxes = np.random.default_rng(0).uniform(0, 9, (1200, 4)).astype(np.float32)
expected = fastgeo.box_iou(boxes, boxes, n_threads=4).tobytes()
for _ in range(5):
    child = os.fork()
    if child == 0:
        os._exit(fastgeo.box_iou(boxes, boxes, n_threads=4).tobytes() != expected)
    assert os.waitpid(child, 0)[1] == 0
assert fastgeo.box_iou(boxes, boxes, n_threads=4).tobytes() == expected
""")


@POSIX_ONLY
@pytest.mark.parametrize("name", OF_EACH_FAMILY)
def test_fork_while_another_thread_computes(name):
    # As bytes: numpy.testing was seen to wait in the child for a lock that another thread held at the fork.
    code = """
import os, sys, threading, warnings, fastgeo, calls
from test_same_bits import canonical
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of fork in a process with threads
function, call = calls.ENTRIES[sys.argv[1]](fastgeo), calls.shared_call(sys.argv[1])
expected = canonical(function(**call))
running = True
def compute():
    while running:
        assert canonical(function(**call)) == expected
threads = [threading.Thread(target=compute) for _ in range(2)]
for thread in threads: thread.start()
for _ in range(30):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert canonical(function(**call)) == expected
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
running = False
for thread in threads: thread.join()
"""
    in_fresh_process(code, name, FASTGEO_NUM_THREADS="3")


@POSIX_ONLY
def test_fork_inside_a_running_call():
    """A signal handler that forks in mid-call: the parent's answer is right, the child hears that its call is lost."""
    lost = in_fresh_process("""
import os, signal, numpy as np, fastgeo
parent, lost = os.getpid(), 0
boxes = np.random.default_rng(0).uniform(0, 9, (9000, 4))
out = np.empty((9000, 9000))
expected = fastgeo.box_iou(boxes[:50], boxes)
signal.signal(signal.SIGALRM, lambda *_: os.fork())
for _ in range(20):
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        fastgeo.box_iou(boxes, boxes, out=out, n_threads=2)
    except RuntimeError as error:
        assert "forked" in str(error) and os.getpid() != parent
        os._exit(5 if (fastgeo.box_iou(boxes[:50], boxes, n_threads=2) == expected).all() else 1)
    assert (out[:50] == expected).all()
    if os.getpid() != parent:  # the handler ran after the call, not inside it
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.wait()[1])
    assert status in (0, 5), status
    lost += status == 5
print(lost)
""")
    assert int(lost) > 0


@POSIX_ONLY
@pytest.mark.parametrize("name", OF_EACH_FAMILY)
def test_exit_while_a_call_runs(name):
    code = """
import sys, threading, time, fastgeo, calls
function, call = calls.ENTRIES[sys.argv[1]](fastgeo), calls.shared_call(sys.argv[1])
def forever():
    while True: function(**call)
threading.Thread(target=forever, daemon=True).start()
time.sleep(0.2)
"""
    in_fresh_process(code, name, FASTGEO_NUM_THREADS="2")


def test_threadpoolctl_limits_the_pool():
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="the controller is for users of threadpoolctl")
    from fastgeo.runtime import threadpool_controller

    before = fastgeo.get_num_threads()
    with threadpoolctl.threadpool_limits(3, user_api="fastgeo"):
        assert fastgeo.get_num_threads() == 3
        (library,) = [lib for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "fastgeo"]
        assert (library["num_threads"], library["version"]) == (3, fastgeo.__version__)
        assert threadpool_controller.FastgeoController.user_api == "fastgeo"
    assert fastgeo.get_num_threads() == before


@pytest.mark.parametrize(("asked", "got"), [(-3, 1), (0, 1), (257, 256), (2**40, 256)])
def test_threadpoolctl_is_clamped(asked, got):
    """threadpoolctl hands over what its caller passes, and has no way to refuse it."""
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="the controller is for users of threadpoolctl")
    import fastgeo.runtime.threadpool_controller

    (controller,) = threadpoolctl.ThreadpoolController().select(user_api="fastgeo").lib_controllers
    before = fastgeo.get_num_threads()
    try:
        controller.set_num_threads(asked)
        assert fastgeo.get_num_threads() == got
        call = shared_call("kmeans_plusplus")
        assert_same_answer(fastgeo.kmeans_plusplus(**call), fastgeo.reference.kmeans_plusplus(**call))
    finally:
        fastgeo.set_num_threads(before)


def test_threadpoolctl_leaves_the_default_of_the_process():
    """Inside a thread's own limit, restoring the count that was read must not make the limit everyone's default."""
    threadpoolctl = pytest.importorskip("threadpoolctl", reason="the controller is for users of threadpoolctl")
    import fastgeo.runtime.threadpool_controller

    outside = fastgeo.get_num_threads()
    with fastgeo.threads(7):
        with threadpoolctl.threadpool_limits(3, user_api="fastgeo"):
            assert fastgeo.get_num_threads() == 7
        assert fastgeo.get_num_threads() == 7
    assert fastgeo.get_num_threads() == outside


def test_only_the_main_thread_polls_for_signals():
    """A kernel on another Python thread would wait for the GIL at each poll, and for nothing."""
    boxes = np.random.default_rng(0).uniform(0, 9, (4000, 4))
    before = core.poll_count()
    other = threading.Thread(target=lambda: [fastgeo.box_iou(boxes, boxes, n_threads=2) for _ in range(5)])
    other.start()
    other.join()
    assert core.poll_count() == before
    while core.poll_count() == before:  # it ends: long enough calls on the main thread do poll
        fastgeo.box_iou(boxes, boxes, n_threads=2)


@POSIX_ONLY
def test_exception_of_a_handler_that_forked():
    """In the child the handler's own exception counts, not the news that the call is lost."""
    seen = in_fresh_process("""
import os, signal, numpy as np, fastgeo
parent, seen = os.getpid(), 0
boxes = np.random.default_rng(0).uniform(0, 9, (9000, 4))
out = np.empty((9000, 9000))

def fork_and_raise(*_):
    if os.fork() == 0:
        raise LookupError("in the child")

signal.signal(signal.SIGALRM, fork_and_raise)
for _ in range(5):
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        fastgeo.box_iou(boxes, boxes, out=out, n_threads=2)
    except LookupError:
        os._exit(5 if os.getpid() != parent else 1)
    except BaseException as error:
        os._exit(2)
    assert os.getpid() == parent
    status = os.waitstatus_to_exitcode(os.wait()[1])
    assert status == 5, status
    seen += 1
print(seen)
""")
    assert int(seen) == 5


def test_cpu_count_respects_quotas(tmp_path):
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    membership = tmp_path / "membership"
    root = tmp_path / "cgroup"
    group = root / "user" / "job"
    group.mkdir(parents=True)

    membership.write_text("0::/user/job\n")
    assert usable_cpus(root, membership) == affinity  # no files: no quota
    (group / "cpu.max").write_text("max 100000\n")
    assert usable_cpus(root, membership) == affinity
    (group / "cpu.max").write_text("50000 100000\n")  # half a CPU is one thread
    assert usable_cpus(root, membership) == 1
    (group / "cpu.max").write_text("max 100000\n")
    (root / "user" / "cpu.max").write_text("100000 100000\n")  # a parent's quota binds too
    assert usable_cpus(root, membership) == 1

    membership.write_text("4:cpu,cpuacct:/old\n")
    old = root / "cpu" / "old"
    old.mkdir(parents=True)
    (old / "cpu.cfs_quota_us").write_text("-1\n")
    (old / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cpus(root, membership) == affinity
    (old / "cpu.cfs_quota_us").write_text("100000\n")
    assert usable_cpus(root, membership) == 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this platform has no affinity mask")
def test_default_count_keeps_to_the_affinity_mask():
    code = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import fastgeo
print(fastgeo.get_num_threads())
"""
    assert in_fresh_process(code).strip() == "1"


def cpu_controller():
    """Where a group with a quota can be made, and the files to write; None if this system grants none."""
    one_cpu = {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "100000"}
    for root, files in ((Path("/sys/fs/cgroup/cpu"), one_cpu), (Path("/sys/fs/cgroup"), {"cpu.max": "100000 100000"})):
        group = root / f"fastgeo-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if all((group / name).exists() for name in files):
            return group, files
        group.rmdir()
    return None


def test_default_count_keeps_to_the_quota_of_a_real_group():
    made = cpu_controller()
    if made is None:
        pytest.skip("no control group with a CPU quota can be made here")
    group, files = made
    try:
        for name, text in files.items():
            (group / name).write_text(text)
        code = (
            f"open({str(group / 'cgroup.procs')!r}, 'w').write('0'); import fastgeo; print(fastgeo.get_num_threads())"
        )
        assert in_fresh_process(code).strip() == "1"
    finally:
        group.rmdir()
