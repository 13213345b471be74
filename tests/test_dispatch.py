"""Instruction sets: detection, the forced one, and that a missing kernel is never a silent slow path."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastgeo
from fastgeo import runtime
from fastgeo.runtime import info


def run(code, **environment):
    """Run Python code in a fresh process; return the completed process."""
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )


def test_names():
    assert runtime.isa_names()[0] == "scalar"
    assert set(runtime.supported_isas()) <= set(runtime.isa_names())
    assert runtime.active_isa() in runtime.supported_isas()


@pytest.mark.parametrize("isa", runtime.supported_isas())
def test_forced_isa_is_the_one_that_runs(isa):
    done = run("import fastgeo.runtime as r; print(r.active_isa())", FASTGEO_ISA=isa)
    assert done.stdout.strip() == isa, done.stderr


def test_unknown_isa_raises_at_import():
    done = run("import fastgeo", FASTGEO_ISA="altivec")
    assert done.returncode != 0
    assert "FASTGEO_ISA" in done.stderr
    assert "altivec" in done.stderr


def test_unsupported_isa_raises():
    missing = set(runtime.isa_names()) - set(runtime.supported_isas())
    if not missing:
        pytest.skip("this CPU supports every instruction set compiled in")
    with pytest.raises(ValueError, match="does not support"):
        runtime.set_isa(missing.pop())


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="the kernel's own list of features is Linux only")
def test_features_are_those_the_kernel_lists():
    words = set(Path("/proc/cpuinfo").read_text().split())
    for feature, present in runtime.cpu_features().items():
        assert present == (feature in words), feature


@pytest.mark.parametrize("count", ["0", "-1", "two", "257", "1.5"])
def test_bad_thread_count_in_the_environment_raises_at_import(count):
    done = run("import fastgeo", FASTGEO_NUM_THREADS=count)
    assert done.returncode != 0
    assert "FASTGEO_NUM_THREADS" in done.stderr


def test_thread_count_from_the_environment():
    assert run("import fastgeo; print(fastgeo.get_num_threads())", FASTGEO_NUM_THREADS="3").stdout.strip() == "3"


def test_reference_implementation_can_be_asked_for():
    code = "import fastgeo; print(fastgeo.box_iou is fastgeo.reference.box_iou)"
    assert run(code, FASTGEO_IMPL="reference").stdout.strip() == "True"
    assert run(code).stdout.strip() == "False"
    done = run(code, FASTGEO_IMPL="fast")
    assert done.returncode != 0
    assert "FASTGEO_IMPL" in done.stderr


def test_missing_extension_is_an_error_with_the_remedy():
    code = "import sys; sys.modules['fastgeo.runtime.core'] = None; import fastgeo"
    done = run(code)
    assert done.returncode != 0
    assert "pip install" in done.stderr


def test_show_runtime_names_every_function(capsys):
    fastgeo.show_runtime()
    printed = capsys.readouterr().out
    assert runtime.active_isa() in printed
    for name in fastgeo.reference.__all__:
        assert name in printed
    assert info.runtime_info()["fastgeo"] == fastgeo.__version__


@pytest.mark.skipif(sys.platform != "linux", reason="sets the rounding mode through glibc")
@pytest.mark.parametrize("isa", runtime.supported_isas())
def test_callers_floating_point_state_is_left_alone_and_not_used(isa):
    """Under a rounding mode that another library has set, the bits are the same, and the mode survives the call."""
    code = """
import ctypes, platform, numpy as np, fastgeo
libm = ctypes.CDLL("libm.so.6")
FE_UPWARD = {"x86_64": 0x800, "aarch64": 0x400000}[platform.machine()]
expected = fastgeo.box_iou(np.float64([[0, 0, 1, 3]]), np.float64([[0, 0, 1, 10]]))
libm.fesetround(FE_UPWARD)
actual = fastgeo.box_iou(np.float64([[0, 0, 1, 3]]), np.float64([[0, 0, 1, 10]]))
assert libm.fegetround() == FE_UPWARD
libm.fesetround(0)
assert actual == expected
"""
    done = run(code, FASTGEO_ISA=isa)
    assert done.returncode == 0, done.stderr


def test_every_isa_gives_the_same_bits():
    boxes = np.random.default_rng(0).uniform(0, 10, (50, 4))
    before, answers = runtime.active_isa(), set()
    for isa in runtime.supported_isas():
        runtime.set_isa(isa)
        answers.add(fastgeo.box_iou(boxes, boxes[::-1]).tobytes())
    runtime.set_isa(before)
    assert len(answers) == 1
