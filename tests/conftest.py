"""The one axis of every test: `impl` is the reference, then the kernels; `kernels` are those alone.

A call of a function of the kernels runs on every instruction set, thread count and algorithm (implementations.py).
Tests of objects, which stay on one of them, are marked `one_isa_at_a_time` and run once for each instruction set.
"""

import hypothesis
import pytest
from implementations import Everywhere

import fastgeo
from fastgeo import reference, runtime

pytest_plugins = ["plan_coverage"]

COMMON = {
    "deadline": None,
    "suppress_health_check": [hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("dev", max_examples=60, **COMMON)
hypothesis.settings.register_profile("ci", max_examples=200, **COMMON)
hypothesis.settings.register_profile("long", max_examples=2000, **COMMON)

EVERYWHERE = "everywhere"


def pytest_addoption(parser):
    parser.addoption("--widest", action="store_true", help="of the instruction sets only the widest, and the reference")
    parser.addoption("--exhaustive", action="store_true", help="the widest axes, and what takes minutes or measures")


def pytest_configure(config):
    config.addinivalue_line("markers", "one_isa_at_a_time: objects of the kernels, once for each instruction set")
    config.addinivalue_line("markers", "exhaustive: only with --exhaustive, as CI runs it")
    if not config.getoption("--hypothesis-profile", None):
        hypothesis.settings.load_profile("ci" if config.getoption("--exhaustive") else "dev")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--exhaustive"):
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def pytest_generate_tests(metafunc):
    """`kernels`, `impl` and `n_threads` of one test."""
    one_at_a_time = metafunc.definition.get_closest_marker("one_isa_at_a_time")
    isas = runtime.supported_isas()
    isas = isas[-1:] if metafunc.config.getoption("--widest") else isas
    kernels = isas if one_at_a_time else [EVERYWHERE]
    for fixture, params in (("kernels", kernels), ("impl", ["reference", *kernels])):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, params, indirect=True)
    if "n_threads" in metafunc.fixturenames and not any(
        "n_threads" in str(marker.args[:1]) for marker in metafunc.definition.iter_markers("parametrize")
    ):
        metafunc.parametrize("n_threads", [1, 3] if one_at_a_time else [None])


def namespace(request):
    if request.param == "reference":
        yield reference
    elif request.param == EVERYWHERE:
        yield Everywhere(request.config.getoption("--exhaustive"))
    else:
        before = runtime.active_isa()
        runtime.set_isa(request.param)
        yield fastgeo
        runtime.set_isa(before)


@pytest.fixture
def impl(request):
    """A namespace with every public name: the reference, or the kernels."""
    yield from namespace(request)


@pytest.fixture
def kernels(request):
    """The kernels, to be held against `fastgeo.reference`."""
    yield from namespace(request)
