"""Axes that are walked whole with `pytest --exhaustive`, and in part without."""

import pytest


def usually(chosen, values):
    """The values as parameters of a test, of which all but the chosen ones take --exhaustive."""
    return [value if value in chosen else pytest.param(value, marks=pytest.mark.exhaustive) for value in values]
