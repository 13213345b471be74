"""Every row with every installed contestant. A peer that is absent or cannot do it is left out by name and reason."""

import functools

import pytest

from fastgeo.cli.measure import OWN, limit_peers


@functools.lru_cache(maxsize=1)
def arrays(row):
    """The contestants of one row follow each other and share its arrays."""
    return row.arrays()


def test_row(benchmark, row, contestant):
    try:
        call = row.contestants[contestant](*arrays(row))
        call()
    except Exception as error:
        if contestant in OWN:
            raise
        pytest.skip(f"{contestant}: {type(error).__name__}: {error}")
    with limit_peers(1):
        benchmark(call)
