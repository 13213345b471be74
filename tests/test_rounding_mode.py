"""A rounding mode that another library has set in the calling thread changes no bit, and survives the call."""

import ctypes
import platform
import sys

import pytest
from calls import ENTRIES, NAMES, VARIANTS, arguments

import fastgeo
from fastgeo import reference
from fastgeo.testing import assert_same_answer

NEAREST = 0
UPWARD, DOWNWARD = {"x86_64": (0x800, 0x400), "aarch64": (0x400000, 0x800000)}.get(platform.machine(), (0, 0))
FAMILIES = ("boxes", "ranking")
FUNCTIONS = [name for name in NAMES if getattr(reference, name).__module__.split(".")[1] in FAMILIES]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sets the rounding mode through glibc")


@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_rounding_mode_of_the_caller(kernels, name, n):
    libm = ctypes.CDLL("libm.so.6")
    for variant in VARIANTS[name]:
        good = arguments(name, n, variant=variant)
        expected = ENTRIES[name](fastgeo)(**good)
        for mode in (UPWARD, DOWNWARD):
            libm.fesetround(mode)
            try:
                actual, after = ENTRIES[name](fastgeo)(**good), libm.fegetround()
            finally:
                libm.fesetround(NEAREST)
            assert after == mode
            assert_same_answer(actual, expected)
