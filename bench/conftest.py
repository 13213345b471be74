"""`pytest bench/ --benchmark-only [--short]`: the rows of `fastgeo bench` as pytest-benchmark groups."""

import pytest

from fastgeo.cli.bench_rows import all_rows
from fastgeo.cli.measure import limit_environment

limit_environment(1)


def pytest_addoption(parser):
    parser.addoption("--short", action="store_true", help="only the rows marked short, as CI does")


def pytest_generate_tests(metafunc):
    rows = [row for row in all_rows() if row.short or not metafunc.config.getoption("--short")]
    pairs = [(row, contestant) for row in rows for contestant in row.contestants]
    metafunc.parametrize(("row", "contestant"), pairs, ids=[f"{row.name}-{contestant}" for row, contestant in pairs])


@pytest.fixture(autouse=True)
def one_row_at_a_time(request):
    """The group's name; the report then lists kernel, reference and peers of a row together."""
    request.getfixturevalue("benchmark").group = request.getfixturevalue("row").name
