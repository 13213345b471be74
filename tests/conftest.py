"""The one axis of every test: `impl` is the reference, then the kernels on each instruction set of this CPU."""

import hypothesis
import pytest

import fastgeo
from fastgeo import reference, runtime

hypothesis.settings.register_profile(
    "fastgeo",
    deadline=None,
    max_examples=60,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("fastgeo")


def pytest_addoption(parser):
    parser.addoption("--widest", action="store_true", help="of the instruction sets only the widest, and the reference")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--widest"):
        return
    narrower = runtime.supported_isas()[:-1]

    def left_out(item):
        axes = item.callspec.params if hasattr(item, "callspec") else {}
        return axes.get("impl") in narrower or axes.get("kernels") in narrower

    config.hook.pytest_deselected(items=[item for item in items if left_out(item)])
    items[:] = [item for item in items if not left_out(item)]


def _on_isa(name):
    before = runtime.active_isa()
    runtime.set_isa(name)
    yield fastgeo
    runtime.set_isa(before)


@pytest.fixture(params=["reference", *runtime.supported_isas()])
def impl(request):
    """A namespace with every public name: the reference, or the kernels on one instruction set."""
    if request.param == "reference":
        yield reference
    else:
        yield from _on_isa(request.param)


@pytest.fixture(params=runtime.supported_isas())
def kernels(request):
    """The kernels on one instruction set, to be held against `fastgeo.reference`."""
    yield from _on_isa(request.param)


@pytest.fixture(params=[1, 2, 3, 8])
def n_threads(request):
    """Thread counts; results must not depend on them."""
    return request.param
