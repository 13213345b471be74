"""The scenes that fuzzing and benchmarks draw from are what they say, at every count."""

import numpy as np
import pytest
import scenes


@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 1000])
def test_every_scene_has_as_many_as_asked_for(n):
    rng = np.random.default_rng(0)
    found = {(label, scene(rng, n).shape) for label, scene in scenes.BOXES.items()}
    assert found == {(label, (n, 4)) for label in scenes.BOXES}
    found = {(label, scene(rng, n).shape) for label, scene in scenes.SCORES.items()}
    assert found == {(label, (n,)) for label in scenes.SCORES}
    found = {(label, scene(rng, n, 7).shape) for label, scene in scenes.POINTS.items()}
    assert found == {(label, (n, 7)) for label in scenes.POINTS}


def test_no_point_is_beyond_the_contract():
    rng = np.random.default_rng(0)
    for label, scene in scenes.POINTS.items():
        assert np.abs(scene(rng, 1000, 3)).max() <= 2.0**50, label
