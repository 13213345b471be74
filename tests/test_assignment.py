"""Assignment: least total cost, ties as the reference defines them, and the matching of boxes by components."""

import itertools

import numpy as np
import pytest
from cases import random_boxes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastgeo
from fastgeo import reference
from fastgeo.runtime import active_isa, set_isa, supported_isas
from fastgeo.testing import assert_same_answer

INF = np.inf


def on_every_isa(call):
    """The answers of a call on each instruction set."""
    before = active_isa()
    try:
        for name in supported_isas():
            set_isa(name)
            yield call()
    finally:
        set_isa(before)


def least_total(cost, max_cost=None):
    """The optimum by trying every assignment."""
    n, m = cost.shape
    if n > m:
        return least_total(cost.T, max_cost)
    best = INF
    for columns in itertools.permutations(range(m), n):
        pairs = cost[np.arange(n), columns]
        if max_cost is not None:  # a pair is worth it, or both stay unmatched
            pairs = np.minimum(pairs, max_cost)
        best = min(best, pairs.sum())
    return best + (0 if max_cost is None else max_cost / 2 * (m - n))


def total(cost, rows, columns, max_cost=None):
    unmatched = sum(cost.shape) - 2 * len(rows)
    return cost[rows, columns].sum() + (0 if max_cost is None else max_cost / 2 * unmatched)


class TestLiteral:
    def test_three_by_three(self, impl):
        cost = [[4.0, 1, 3], [2, 0, 5], [3, 2, 2]]  # the example of SciPy's documentation: 1 + 2 + 2
        rows, columns = impl.linear_assignment(cost)
        assert rows.tolist() == [0, 1, 2]
        assert columns.tolist() == [1, 0, 2]
        assert rows.dtype == columns.dtype == np.int64

    def test_higher_than_wide(self, impl):
        rows, columns = impl.linear_assignment([[9.0, 9], [1, 9], [9, 2], [5, 5]])
        assert rows.tolist() == [1, 2]
        assert columns.tolist() == [0, 1]

    def test_greatest_total(self, impl):
        rows, columns = impl.linear_assignment([[7.0, 2], [6, 4]], maximize=True)
        assert (rows.tolist(), columns.tolist()) == ([0, 1], [0, 1])

    def test_forbidden_pairs(self, impl):
        rows, columns = impl.linear_assignment([[INF, 5.0], [1, INF]])
        assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])

    def test_gate(self, impl):
        """Matched where that is less than leaving both alone; a tie leaves them alone."""
        rows, columns = impl.linear_assignment([[0.5, 9], [9, 2.0]], max_cost=2.0)
        assert (rows.tolist(), columns.tolist()) == ([0], [0])

    def test_gate_gives_up_a_row_for_another(self, impl):
        """Two rows want one column: the dearer one stays unmatched."""
        rows, columns = impl.linear_assignment([[1.0], [0.5]], max_cost=3)
        assert (rows.tolist(), columns.tolist()) == ([1], [0])

    def test_equal_costs_take_the_lowest_columns(self, impl):
        columns = impl.linear_assignment(np.ones((3, 5)))[1]
        assert sorted(columns.tolist()) == [0, 1, 2]
        assert columns[0] == 0

    @pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0)])
    @pytest.mark.parametrize("max_cost", [None, 1.0])
    def test_empty(self, impl, shape, max_cost):
        rows, columns = impl.linear_assignment(np.zeros(shape), max_cost=max_cost)
        assert rows.shape == columns.shape == (0,)
        assert rows.dtype == columns.dtype == np.int64


COSTS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5),
    elements=st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3), st.just(INF)),
)


class TestOptimum:
    @given(COSTS, st.one_of(st.none(), st.floats(-5, 5)))
    def test_equals_reference_and_brute_force(self, cost, max_cost):
        best = least_total(cost, max_cost)
        try:
            expected = reference.linear_assignment(cost, max_cost=max_cost)
        except ValueError as error:
            assert best == INF
            for _ in on_every_isa(lambda: None):
                with pytest.raises(ValueError, match="admits a complete assignment"):
                    fastgeo.linear_assignment(cost, max_cost=max_cost)
            assert "admits a complete assignment" in str(error)  # noqa: PT017
            return
        assert total(cost, *expected, max_cost) == pytest.approx(best, rel=1e-12, abs=1e-9)
        assert len(set(expected[1].tolist())) == len(expected[1])
        for answer in on_every_isa(lambda: fastgeo.linear_assignment(cost, max_cost=max_cost)):
            assert_same_answer(answer, expected)

    @pytest.mark.parametrize("n", [1, 7, 8, 9, 40, 120])
    @pytest.mark.parametrize("kind", ["uniform", "whole", "product", "forbidden", "gated", "equal"])
    def test_larger(self, n, kind):
        rng = np.random.default_rng(n)
        cost, max_cost = rng.random((n, n + 5)), None
        if kind == "whole":
            cost = np.floor(cost * 10)
        elif kind == "product":  # the hard case for shortest paths
            cost = np.outer(np.arange(1.0, n + 1), np.arange(1.0, n + 6))
        elif kind == "forbidden":
            cost[rng.random(cost.shape) < 0.5] = INF
            cost[np.arange(n), np.arange(n)] = 0.9
        elif kind == "gated":
            max_cost = 1.5 / n
        elif kind == "equal":
            cost[:] = 0.25
        expected = reference.linear_assignment(cost, max_cost=max_cost)
        for answer in on_every_isa(lambda: fastgeo.linear_assignment(cost, max_cost=max_cost)):
            assert_same_answer(answer, expected)
        for answer in on_every_isa(lambda: fastgeo.linear_assignment(cost.T, max_cost=max_cost)):
            assert_same_answer(answer, reference.linear_assignment(cost.T, max_cost=max_cost))

    def test_total_beside_scipy(self):
        scipy = pytest.importorskip("scipy.optimize", reason="beside SciPy's assignment")
        rng = np.random.default_rng(0)
        for _ in range(60):
            n, m = rng.integers(1, 60, 2)
            cost = rng.random((n, m)) if rng.random() < 0.5 else rng.integers(0, 9, (n, m)).astype(float)
            theirs, ours = cost[scipy.linear_sum_assignment(cost)].sum(), cost[fastgeo.linear_assignment(cost)].sum()
            assert ours == pytest.approx(theirs, rel=1e-12)
            theirs = cost[scipy.linear_sum_assignment(cost, maximize=True)].sum()
            assert cost[fastgeo.linear_assignment(cost, maximize=True)].sum() == pytest.approx(theirs, rel=1e-12)

    @pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.uint8, bool])
    def test_types(self, impl, dtype):
        cost = np.array([[4, 1, 3], [2, 0, 5], [3, 2, 2]]).astype(dtype)
        assert_same_answer(impl.linear_assignment(cost), reference.linear_assignment(cost.astype(np.float64)))

    def test_strided_view(self, impl):
        cost = np.random.default_rng(0).random((20, 24))
        for view in (cost[::2, ::3], cost.T[:8], cost[::-1]):
            assert_same_answer(impl.linear_assignment(view), reference.linear_assignment(view.copy()))

    def test_input_is_left_alone(self, impl):
        cost = np.random.default_rng(0).random((9, 9))
        before = cost.copy()
        impl.linear_assignment(cost, maximize=True)
        impl.linear_assignment(cost)
        assert (cost == before).all()


class TestBadInput:
    @pytest.mark.parametrize("bad", [np.nan, -INF])
    @pytest.mark.parametrize("shape", [(3, 20), (20, 3)])
    @pytest.mark.parametrize("at", [(0, 0), (2, 1), (1, 2)])
    def test_value(self, impl, bad, shape, at):
        cost = np.ones(shape)
        cost[at] = bad
        with pytest.raises(ValueError, match=rf"cost\[{at[0]}, {at[1]}\]: expected a number, .* got {bad}"):
            impl.linear_assignment(cost)

    def test_value_with_maximize(self, impl):
        with pytest.raises(ValueError, match=r"cost\[0, 1\]: .*, got inf"):
            impl.linear_assignment([[1.0, INF]], maximize=True)

    @pytest.mark.parametrize("cost", [[[INF, INF]], [[1.0, INF], [2.0, INF]], [[INF], [INF]]])
    def test_infeasible(self, impl, cost):
        with pytest.raises(ValueError, match="cost: expected a matrix that admits a complete assignment"):
            impl.linear_assignment(cost)
        rows, _ = impl.linear_assignment(cost, max_cost=0.5)
        assert len(rows) == 0

    @pytest.mark.parametrize("cost", [[1.0, 2], 3.0, np.zeros((2, 2, 2))])
    def test_shape(self, impl, cost):
        with pytest.raises(ValueError, match=r"cost: expected shape \(n, m\)"):
            impl.linear_assignment(cost)

    def test_arguments(self, impl):
        with pytest.raises(ValueError, match="max_cost: expected a finite number, got inf"):
            impl.linear_assignment([[1.0]], max_cost=INF)
        with pytest.raises(ValueError, match="max_cost: expected None where maximize is True"):
            impl.linear_assignment([[1.0]], max_cost=1, maximize=True)
        with pytest.raises(TypeError, match="cost"):
            impl.linear_assignment([["a"]])


class TestMatchBoxes:
    def test_literal(self, impl):
        tracks = [[0.0, 0, 10, 10], [20, 0, 30, 10]]
        detections = [[21.0, 0, 31, 10], [1, 0, 11, 10], [50, 50, 60, 60]]
        rows, columns, values = impl.match_boxes(tracks, detections)
        assert rows.tolist() == [0, 1]
        assert columns.tolist() == [1, 0]
        np.testing.assert_array_equal(values, [9 / 11, 9 / 11])

    def test_largest_total_and_not_the_greedy_one(self, impl):
        """The best single pair would leave the others with less: 0.8 + 0.0 against 0.6 + 0.6."""
        boxes1, boxes2 = [[0.0, 0, 10, 1], [2.5, 0, 12.5, 1]], [[1.0, 0, 11, 1], [-3.5, 0, 6.5, 1]]
        table = reference.box_iou(boxes1, boxes2)
        rows, columns, values = impl.match_boxes(boxes1, boxes2, 0.0)
        assert values.sum() == least_total(-table) * -1
        assert columns[rows == 1].tolist() == [0]

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("threshold", [0.0, 0.3, 0.9])
    @pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (1, 1), (17, 50), (50, 17), (120, 130)])
    def test_equals_reference(self, kernels, n, m, threshold, dtype):
        boxes1, boxes2 = random_boxes(n, seed=1).astype(dtype), random_boxes(m, seed=2).astype(dtype)
        expected = reference.match_boxes(boxes1, boxes2, threshold)
        for n_threads in (1, 2):
            assert_same_answer(kernels.match_boxes(boxes1, boxes2, threshold, n_threads=n_threads), expected)

    def test_ties(self, kernels):
        """A grid on itself shifted by half a cell: every overlap is equal."""
        x, y = np.meshgrid(np.arange(6.0), np.arange(6.0))
        grid = np.stack([x, y, x + 1, y + 1], axis=-1).reshape(-1, 4)
        assert_same_answer(kernels.match_boxes(grid, grid + 0.5, 0.1), reference.match_boxes(grid, grid + 0.5, 0.1))

    def test_one_large_component(self, kernels):
        boxes1 = random_boxes(90, seed=3) * 0.01 + [0, 0, 50, 50]
        boxes2 = random_boxes(70, seed=4) * 0.01 + [0, 0, 50, 50]
        expected = reference.match_boxes(boxes1, boxes2, 0.3)
        assert len(expected[0]) == 70
        assert_same_answer(kernels.match_boxes(boxes1, boxes2, 0.3), expected)

    def test_bad_threshold(self, impl):
        with pytest.raises(ValueError, match="iou_threshold"):
            impl.match_boxes([[0.0, 0, 1, 1]], [[0.0, 0, 1, 1]], 1.5)
