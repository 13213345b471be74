"""StreamingKMeans: literals worked by hand, kernels against the reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from points import blobs

from fastgeo import reference
from fastgeo.testing import assert_same_answer


@pytest.mark.one_isa_at_a_time
def test_streaming_literal(impl):
    model = impl.StreamingKMeans(2, seed=0)
    model.partial_fit([[0.0]])
    with pytest.raises(ValueError, match="centroids: expected at least 2 points before, got 1"):
        model.predict([[0.0]])
    model.partial_fit([[10.0]]).partial_fit([[1.0], [1.0], [14.0]])
    # Sums 0 + 1 + 1 over 3 and 10 + 14 over 2.
    order = np.argsort(model.centroids.ravel())
    np.testing.assert_array_equal(model.centroids.ravel()[order], [2 / 3, 12])
    np.testing.assert_array_equal(model.weights[order], [3, 2])
    np.testing.assert_array_equal(model.predict([[0.0], [11.0]]), order)


@pytest.mark.one_isa_at_a_time
def test_streaming_decay_literal(impl):
    # Half of the old weight is left: (0.5 · 0 + 3) / (0.5 + 1) = 2.
    model = impl.StreamingKMeans(1, decay=0.5, seed=0).partial_fit([[0.0]]).partial_fit([[3.0]])
    assert model.centroids[0, 0] == 2 and model.weights[0] == 1.5


@pytest.mark.one_isa_at_a_time
def test_streaming_merge_literal(impl):
    one = impl.StreamingKMeans(2, seed=0).partial_fit([[0.0], [10.0], [0.0]])
    two = impl.StreamingKMeans(2, seed=1).partial_fit([[3.0], [12.0], [12.0], [12.0]])
    one.merge(two)
    # Groups {0 ×2, 3} and {10, 12 ×3}: means 3/3 and 46/4.
    order = np.argsort(one.centroids.ravel())
    np.testing.assert_array_equal(one.centroids.ravel()[order], [1, 11.5])
    np.testing.assert_array_equal(one.weights[order], [3, 4])
    waiting = impl.StreamingKMeans(2, seed=0).merge(impl.StreamingKMeans(2).partial_fit([[1.0]]))
    assert waiting.partial_fit([[2.0]]).centroids.shape == (2, 1)
    taken = impl.StreamingKMeans(2, seed=0).partial_fit([[1.0]]).merge(one)
    assert taken.weights.sum() == 8


@given(data=st.data())
def test_streaming_is_reference(kernels, data):
    seed = data.draw(st.integers(0, 1000))
    X, _ = blobs(200, 2, 5, np.float32, seed=seed)
    models = [module.StreamingKMeans(5, seed=seed, decay=0.9) for module in (kernels, reference)]
    for end in data.draw(st.lists(st.integers(1, 60), min_size=1, max_size=5)):
        batch, X = X[:end], X[end:]
        for model in models:
            model.partial_fit(batch)
    if models[1]._centroids is not None:
        assert_same_answer(models[0].centroids, models[1].centroids)
        assert_same_answer(models[0].predict(batch), models[1].predict(batch))
