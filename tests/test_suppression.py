"""nms, batched_nms and nms_groups: literals worked by hand, kernels against the reference, properties, bad input."""

import numpy as np
import pytest
import scenes
from cases import awkward_boxes, layouts, random_boxes
from hypothesis import given
from hypothesis import strategies as st

import fastgeo
from fastgeo import reference
from fastgeo.runtime import core
from fastgeo.testing import algorithms, assert_same_answer, force_algorithm

FLOATS = [np.float32, np.float64]
SEARCHES = algorithms(fastgeo.nms_groups)  # all but the one that knows no owners


def nms_by(algorithm, *args, **options):
    """nms_groups with the search forced."""
    with force_algorithm(fastgeo.nms, algorithm):
        return fastgeo.nms_groups(*args, **options)


def assert_every_search(expected, *args, **options):
    """What `nms_groups` should answer, by every algorithm; and `nms`, where there is one group."""
    for algorithm in SEARCHES:
        assert_same_answer(nms_by(algorithm, *args, **options), expected)
    if options.get("idxs") is None:
        options.pop("idxs", None)
        with force_algorithm(fastgeo.nms, "best_first"):
            assert_same_answer(fastgeo.nms(*args, **options), expected[0])


def scattered(n, seed=0, dtype=np.float32, cluster=5, spread=1.0):
    """Boxes in clusters of about `cluster`, their scores (with ties) and their group ids."""
    rng = np.random.default_rng(seed)
    n_clusters = max(1, n // cluster)
    centre = rng.uniform(-1, 1, (n_clusters, 2)) * 60 * np.sqrt(n_clusters)
    size = rng.uniform(10, 80, (n_clusters, 2)) * np.exp(rng.normal(0, spread, (n_clusters, 1)))
    which = rng.integers(0, n_clusters, n)
    size = size[which] * np.exp(rng.normal(0, 0.15, (n, 2)))
    centre = centre[which] + rng.normal(0, 0.15, (n, 2)) * size
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    scores = np.round(rng.random(n), 2)
    ids = rng.choice([-(10**9), -1, 0, 3, 10**9, 2**62], n)
    return boxes.astype(dtype), scores.astype(dtype), ids


@st.composite
def box_sets(draw):
    """Small integers make ties, touching edges, containment and exact thresholds likely."""
    n = draw(st.integers(0, 40))
    values = draw(st.lists(st.integers(-3, 6), min_size=4 * n, max_size=4 * n))
    boxes = np.array(values, draw(st.sampled_from(FLOATS))).reshape(n, 4)
    if draw(st.booleans()):
        boxes[:, 2:] += boxes[:, :2]
    scores = np.array(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), draw(st.sampled_from(FLOATS)))
    return boxes, scores


class TestLiterals:
    @pytest.mark.parametrize("dtype", FLOATS)
    def test_suppression(self, impl, dtype):
        # IoU of the first two: 81 / (100 + 100 - 81) = 0.68; the third is alone
        boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]], dtype)
        assert impl.nms(boxes, np.array([0.8, 0.9, 0.7], dtype), 0.5).tolist() == [1, 2]
        assert impl.nms(boxes, np.array([0.8, 0.9, 0.7], dtype), 0.7).tolist() == [1, 0, 2]

    @pytest.mark.parametrize("dtype", FLOATS)
    def test_iou_at_the_threshold_is_kept(self, impl, dtype):
        # [0,0,2,1] in [0,0,4,1]: IoU is 2/4, exact in both types
        boxes = np.array([[0, 0, 4, 1], [0, 0, 2, 1]], dtype)
        scores = np.array([2, 1], dtype)
        assert impl.nms(boxes, scores, 0.5).tolist() == [0, 1]
        assert impl.nms(boxes, scores, np.nextafter(0.5, 0)).tolist() == [0]

    def test_iou_is_rounded_before_it_is_compared(self, impl):
        # IoU 3/10: as float32 0.300000012 > 0.3, as float64 the nearest value to 0.3 itself
        boxes = np.array([[0, 0, 10, 1], [0, 0, 3, 1]])
        assert impl.nms(boxes.astype(np.float32), [2, 1], 0.3).tolist() == [0]
        assert impl.nms(boxes.astype(np.float64), [2, 1], 0.3).tolist() == [0, 1]

    @pytest.mark.parametrize("n", [3, 60, 300])
    def test_ties_go_to_the_lowest_index(self, impl, n):
        boxes = np.tile([0.0, 0, 1, 1], (n, 1))
        assert impl.nms(boxes, np.ones(n), 0.5).tolist() == [0]
        apart = boxes + np.arange(n)[:, None] * 2
        assert impl.nms(apart, np.zeros(n), 0.5).tolist() == list(range(n))
        signed = np.where(np.arange(n) % 2, 0.0, -0.0)
        assert impl.nms(apart, signed, 0.5).tolist() == list(range(n))

    def test_touching_boxes_do_not_overlap(self, impl):
        boxes = [[0.0, 0, 2, 2], [2, 0, 4, 2], [0, 2, 2, 4], [2, 2, 4, 4]]
        assert impl.nms(boxes, [4, 3, 2, 1], 0).tolist() == [0, 1, 2, 3]
        # inclusive pixels share a column: 3 of 9 + 9 - 3
        assert impl.nms(boxes, [4, 3, 2, 1], 0.19, offset=1).tolist() == [0, 3]
        assert impl.nms(boxes, [4, 3, 2, 1], 0.2, offset=1).tolist() == [0, 1, 2, 3]

    def test_containment(self, impl):
        # the inner box covers 1/4 of the outer: IoU 1/4 either way; IoA of the lower-scoring box is 1 or 1/4
        boxes = [[0.0, 0, 4, 4], [1, 1, 3, 3]]
        assert impl.nms(boxes, [2, 1], 0.25).tolist() == [0, 1]
        assert impl.nms(boxes, [2, 1], 0.24).tolist() == [0]
        assert impl.nms(boxes, [2, 1], 0.9, kind="ioa").tolist() == [0]
        assert impl.nms(boxes, [1, 2], 0.9, kind="ioa").tolist() == [1, 0]

    def test_diou(self, impl):
        # IoU 1/3; centres 1 apart, diagonal² = 3² + 2² = 13: DIoU = 1/3 - 1/13 = 0.2564
        boxes = [[0.0, 0, 2, 2], [1, 0, 3, 2]]
        assert impl.nms(boxes, [2, 1], 0.3).tolist() == [0]
        assert impl.nms(boxes, [2, 1], 0.3, kind="diou").tolist() == [0, 1]
        assert impl.nms(boxes, [2, 1], 0.25, kind="diou").tolist() == [0]

    def test_empty_boxes_are_kept(self, impl):
        boxes = [[0.0, 0, 2, 2], [1, 1, 1, 1], [2, 2, 0, 0], [1, 1, 1, 1]]
        assert impl.nms(boxes, [4, 3, 2, 1], 0).tolist() == [0, 1, 2, 3]

    def test_thresholds_and_limits(self, impl):
        boxes = [[0.0, 0, 1, 1], [0, 0, 1, 1], [5, 5, 6, 6], [8, 8, 9, 9]]
        scores = [0.9, 0.8, 0.5, 0.4]
        assert impl.nms(boxes, scores, 0.5, score_threshold=0.4).tolist() == [0, 2]
        assert impl.nms(boxes, scores, 0.5, max_output=2).tolist() == [0, 2]
        assert impl.nms(boxes, scores, 0.5, max_output=0).tolist() == []
        keep, owner = impl.nms_groups(boxes, scores, 0.5, max_output=2)
        assert owner.tolist() == [0, 0, 2, -1]
        keep, owner = impl.nms_groups(boxes, scores, 0.5, score_threshold=0.45)
        assert (keep.tolist(), owner.tolist()) == ([0, 2], [0, 0, 2, -1])

    def test_infinite_scores(self, impl):
        boxes = [[0.0, 0, 1, 1], [5, 5, 6, 6], [0, 0, 1, 1]]
        assert impl.nms(boxes, [-np.inf, np.inf, 0], 0.5).tolist() == [1, 2]
        assert impl.nms(boxes, [-np.inf, np.inf, 0], 0.5, score_threshold=-np.inf).tolist() == [1, 2]

    def test_formats(self, impl):
        for fmt in ("xywh", "cxcywh"):
            keep = impl.nms([[0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 10, 10]], [0.8, 0.9, 0.7], 0.5, fmt=fmt)
            assert keep.tolist() == [1, 2]

    def test_groups(self, impl):
        boxes = [[0.0, 0, 1, 1]] * 4
        ids = [10**9, -(10**9), 10**9, 0]
        assert impl.batched_nms(boxes, [1, 2, 3, 4], ids, 0.5).tolist() == [3, 2, 1]
        assert impl.batched_nms(boxes, [1, 2, 3, 4], ids, 0.5, max_output=2).tolist() == [3, 2]
        keep, owner = impl.nms_groups(boxes, [1, 2, 3, 4], 0.5, idxs=ids)
        assert (keep.tolist(), owner.tolist()) == ([3, 2, 1], [2, 1, 2, 3])
        keep, owner = impl.nms_groups(boxes, [1, 2, 3, 4], 0.5, idxs=ids, max_output=1)
        assert (keep.tolist(), owner.tolist()) == ([3], [-1, -1, -1, 3])

    def test_nothing(self, impl):
        for empty in ([], np.zeros((0, 4), np.float32)):
            assert_same_answer(impl.nms(empty, [], 0.5), np.zeros(0, np.int64))
            assert_same_answer(impl.batched_nms(empty, [], [], 0.5), np.zeros(0, np.int64))
            assert_same_answer(impl.nms_groups(empty, [], 0.5), (np.zeros(0, np.int64), np.zeros(0, np.int64)))


class TestKernelIsReference:
    @given(box_sets(), st.sampled_from([0, 0.25, 1 / 3, 0.5, 1]), st.data())
    def test_small(self, kernels, case, threshold, data):
        boxes, scores = case
        options = {
            "kind": data.draw(st.sampled_from(["iou", "diou", "ioa"])),
            "fmt": data.draw(st.sampled_from(["xyxy", "xywh", "cxcywh"])),
            "offset": data.draw(st.integers(0, 1)),
            "score_threshold": data.draw(st.sampled_from([None, 1, 2.5])),
            "max_output": data.draw(st.sampled_from([None, 0, 1, 5, 100])),
        }
        ids = np.array(data.draw(st.lists(st.integers(-2, 2), min_size=len(boxes), max_size=len(boxes))), np.int64)
        assert_same_answer(
            kernels.nms(boxes, scores, threshold, **options), reference.nms(boxes, scores, threshold, **options)
        )
        for idxs in (None, ids):
            expected = reference.nms_groups(boxes, scores, threshold, idxs=idxs, **options)
            assert_same_answer(kernels.nms_groups(boxes, scores, threshold, idxs=idxs, **options), expected)
            assert_every_search(expected, boxes, scores, threshold, idxs=idxs, **options)
        actual = kernels.batched_nms(boxes, scores, ids, threshold, **options)
        assert_same_answer(actual, reference.batched_nms(boxes, scores, ids, threshold, **options))

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("n", [1, 15, 16, 17, 41, 130, 700])
    def test_clusters(self, kernels, dtype, n):
        boxes, scores, ids = scattered(n, dtype=dtype)
        for kind in ("iou", "diou", "ioa"):
            for threshold in (0.0, 0.3, 0.5, 0.8):
                expected = reference.nms_groups(boxes, scores, threshold, kind=kind)
                assert_same_answer(kernels.nms(boxes, scores, threshold, kind=kind), expected[0])
                assert_every_search(expected, boxes, scores, threshold, kind=kind)
        expected = reference.batched_nms(boxes, scores, ids, 0.5)
        assert_same_answer(kernels.batched_nms(boxes, scores, ids, 0.5), expected)

    @pytest.mark.parametrize("dtype", FLOATS)
    def test_awkward_boxes(self, kernels, dtype):
        boxes = np.tile(awkward_boxes(dtype), (3, 1))
        scores = (np.arange(len(boxes)) * 7 % 11).astype(dtype)
        for fmt in ("xyxy", "xywh", "cxcywh"):
            for kind in ("iou", "diou", "ioa"):
                for threshold in (0.0, 0.1, 0.5, 1.0):
                    options = {"fmt": fmt, "kind": kind, "offset": 0}
                    expected = reference.nms_groups(boxes, scores, threshold, **options)
                    assert_every_search(expected, boxes, scores, threshold, **options)

    def test_threads(self, kernels, n_threads):
        boxes, scores, _ = scattered(12_000)
        ids = np.arange(12_000) * 7919 % 80
        expected = np.concatenate(
            [np.flatnonzero(ids == c)[kernels.nms(boxes[ids == c], scores[ids == c], 0.5)] for c in range(80)]
        )
        expected = expected[np.lexsort([expected, -scores[expected]])]
        assert_same_answer(kernels.batched_nms(boxes, scores, ids, 0.5, n_threads=n_threads), expected)

    def test_mixed_types_and_layouts(self, kernels):
        boxes, scores, ids = scattered(60)
        expected = reference.batched_nms(boxes, scores, ids, 0.5)
        for label, other in layouts(boxes):
            if label != "list":  # a list becomes float64
                assert_same_answer(kernels.batched_nms(other, scores.astype(np.float64), ids, 0.5), expected)
        for _, other in layouts(scores):
            assert_same_answer(kernels.batched_nms(boxes, other, ids, 0.5), expected)
        for _, other in layouts(ids):
            assert_same_answer(kernels.batched_nms(boxes, scores, other, 0.5), expected)
        for dtype in (np.float16, np.int32, np.uint8):
            few = np.abs(np.round(boxes[:20] / 8)).astype(dtype)
            assert_same_answer(kernels.nms(few, scores[:20], 0.5), reference.nms(few, scores[:20], 0.5))


@st.composite
def odd_sets(draw):
    """Clusters of boxes of one size each, some of them empty, tiny, huge or far out."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.sampled_from([3, 40, 300]))
    jitter = draw(st.sampled_from([0.01, 0.1, 0.5]))
    boxes, scores, ids = scattered(n, int(rng.integers(2**32)), np.float64, draw(st.integers(1, 30)), jitter * 4)
    odd = rng.integers(0, 12, n)
    boxes[odd == 0, 2:] = boxes[odd == 0, :2]
    boxes[odd == 1] *= 1e-9
    boxes[odd == 2] *= 1e12
    boxes[odd == 3] += draw(st.sampled_from([1e4, -1e9, 1e15]))
    if draw(st.booleans()):
        boxes = np.round(boxes)
    dtype = draw(st.sampled_from(FLOATS))
    return boxes.astype(dtype), scores.astype(dtype), ids


class TestIndex:
    """An index gives the answer of a scan whatever the sizes and places of the boxes."""

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("threshold", [0.0, 0.01, 0.3, 0.5, 0.7, 0.95, 1.0])
    @pytest.mark.parametrize("spread", [0.0, 1.0, 4.0])
    def test_clusters(self, kernels, dtype, threshold, spread):
        boxes, scores, _ = scattered(3000, dtype=dtype, cluster=8, spread=spread)
        for kind in ("iou", "diou", "ioa"):
            for offset in (0, 1):
                options = {"kind": kind, "offset": offset}
                plain = nms_by("scan", boxes, scores, threshold, **options)
                assert_every_search(plain, boxes, scores, threshold, **options)

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("fmt", ["xyxy", "xywh", "cxcywh"])
    @pytest.mark.parametrize("shift", [0, 1e6, -3e7, 2.0**55])
    @pytest.mark.parametrize("size", [1e-30, 1e-3, 1, 1e12])
    def test_far_out_huge_and_tiny(self, kernels, dtype, fmt, shift, size):
        rng = np.random.default_rng(1)
        boxes = rng.uniform(0, 8, (1500, 4)) * size
        if fmt == "xyxy":
            boxes[:, 2:] = boxes[:, :2] + boxes[:, 2:] / 4
        boxes[:, :2] += shift
        if fmt == "xyxy":
            boxes[:, 2:] += shift
        boxes = boxes.astype(dtype)
        scores = rng.random(1500).astype(dtype)
        for threshold in (0.0, 0.4, 0.6):
            plain = nms_by("scan", boxes, scores, threshold, fmt=fmt)
            assert_every_search(plain, boxes, scores, threshold, fmt=fmt)

    @given(
        odd_sets(),
        st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
        st.sampled_from(["iou", "diou", "ioa"]),
        st.integers(0, 1),
        st.booleans(),
    )
    def test_any_scene(self, kernels, case, threshold, kind, offset, grouped):
        boxes, scores, ids = case
        options = {"kind": kind, "offset": offset, "idxs": ids if grouped else None}
        plain = nms_by("scan", boxes, scores, threshold, **options)
        assert_every_search(plain, boxes, scores, threshold, **options)

    def test_large_groups_go_step_by_step(self, kernels, n_threads):
        """Groups on both sides of the size from which they are cut into steps, each as nms alone answers."""
        boxes, scores, _ = scattered(26_000, cluster=40)
        ids = np.repeat([5, -1, 7, 9, 2], [4095, 4096, 9000, 809, 8000])[np.random.default_rng(0).permutation(26_000)]
        keep = kernels.batched_nms(boxes, scores, ids, 0.6, n_threads=n_threads)
        expected, owner = [], np.empty(26_000, np.int64)
        for c in np.unique(ids):
            members = np.flatnonzero(ids == c)
            alone, owners = nms_by("scan", boxes[members], scores[members], 0.6)
            expected.append(members[alone])
            owner[members] = members[owners]
        expected = np.concatenate(expected)
        expected = expected[np.lexsort([expected, -scores[expected]])]
        assert_same_answer(keep, expected)
        assert_same_answer(kernels.nms_groups(boxes, scores, 0.6, idxs=ids), (expected, owner))

    def test_identical_and_outliers(self, kernels):
        boxes = np.tile(np.array([[3, 3, 5, 5]], np.float32), (2000, 1))
        boxes[7] = [-1e18, -1e18, 1e18, 1e18]
        boxes[9] = [1e18, 1e18, 1.1e18, 1.1e18]
        boxes[11] = [4, 4, 4, 4]
        scores = np.random.default_rng(0).random(2000)
        for threshold in (0.0, 0.5):
            plain = nms_by("scan", boxes, scores, threshold)
            assert_every_search(plain, boxes, scores, threshold)


class TestManyBoxes:
    """As a scan answers, whoever is best and wherever cells end."""

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7, 1.0])
    @pytest.mark.parametrize("cluster", [2, 8, 60])
    def test_clusters(self, kernels, dtype, threshold, cluster):
        boxes, scores, _ = scattered(3000, dtype=dtype, cluster=cluster, spread=0.3)
        for kind in ("iou", "diou", "ioa"):
            for options in ({"kind": kind}, {"kind": kind, "offset": 1, "score_threshold": 0.4}):
                plain = nms_by("scan", boxes, scores, threshold, **options)
                assert_every_search(plain, boxes, scores, threshold, **options)

    @given(
        case=odd_sets(),
        threshold=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
        kind=st.sampled_from(["iou", "diou", "ioa"]),
        score_dtype=st.sampled_from(FLOATS),
    )
    def test_any_scene(self, kernels, case, threshold, kind, score_dtype):
        boxes, scores, _ = case
        plain = nms_by("scan", boxes, scores.astype(score_dtype), threshold, kind=kind)
        assert_every_search(plain, boxes, scores.astype(score_dtype), threshold, kind=kind)

    def test_chains_cross_every_border(self, kernels):
        """Each box overlaps the next one of its row, and scores fall along the row: one decides another to the end."""
        x = np.arange(4000, dtype=np.float32) * 3
        boxes = np.stack([x, x * 0, x + 10, x * 0 + 10], axis=1)
        boxes = np.concatenate([boxes + np.float32([0, y, 0, y]) for y in (0, 300, 600)])
        scores = np.tile(np.linspace(1, 0, 4000, dtype=np.float32), 3)
        assert_every_search(nms_by("scan", boxes, scores, 0.3), boxes, scores, 0.3)

    @pytest.mark.parametrize("dtype", FLOATS)
    def test_shapes_of_the_plane(self, kernels, dtype):
        """On a line, on a point, without area, of all sizes, one over all: what cells are cut by."""
        boxes, scores, _ = scattered(2000, dtype=dtype, cluster=20, spread=0.1)
        line, point, flat, sizes, whole = (boxes.copy() for _ in range(5))
        line[:, 1::2] = [3, 9]
        point[:] = [3, 3, 5, 5]
        flat[:, 2] = flat[:, 0]
        sizes *= np.exp2(np.arange(2000) % 30 - 15)[:, None].astype(dtype)
        whole[5] = [-1e9, -1e9, 1e9, 1e9]
        for case in (line, point, flat, sizes, whole):
            for threshold in (0.0, 0.4, 0.8):
                assert_every_search(nms_by("scan", case, scores, threshold), case, scores, threshold)

    @pytest.mark.parametrize("dtype", FLOATS)
    def test_scores_that_tie(self, kernels, dtype):
        """Equal, of few values, apart only beyond float32, below 0, of either zero."""
        boxes, scores, _ = scattered(3000, cluster=30, spread=0.1)
        scores = scores.astype(dtype)
        for case in (scores * 0, np.round(scores, 1), scores * dtype(1e-9) + 1, -scores, np.round(scores - 0.5) * 0):
            assert_every_search(nms_by("scan", boxes, case, 0.5), boxes, case, 0.5)


class TestManyBoxesAsTheyCome:
    """Chosen by number and density."""

    def test_loose_ones(self, kernels, n_threads):
        """As the grid answers; more than half of the boxes lie in a small part of the plane."""
        boxes, scores, _ = scattered(300_000, cluster=20, spread=0.0)
        boxes[:160_000] *= 0.02
        grid, _ = nms_by("grid", boxes, scores, 0.5)
        assert_same_answer(kernels.nms(boxes, scores, 0.5), grid)

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize(("n", "cluster"), [(9000, 300), (60_000, 1000), (280_000, 60), (280_000, 3000)])
    def test_crowded_ones_begin_with_the_best(self, kernels, n_threads, dtype, n, cluster):
        boxes, _, _ = scattered(n, dtype=dtype, cluster=cluster, spread=0.0)
        scores = np.random.default_rng(1).random(n).astype(dtype)
        for options in ({}, {"kind": "ioa"}, {"kind": "diou", "score_threshold": 0.03}):
            grid, _ = nms_by("grid", boxes, scores, 0.5, **options)
            assert_same_answer(kernels.nms(boxes, scores, 0.5, **options), grid)

    @pytest.mark.parametrize("n", [20_000, 280_000])
    def test_crowded_ones_of_one_score(self, kernels, n):
        boxes, _, _ = scattered(n, cluster=200, spread=0.0)
        scores = np.ones(n, np.float32)
        grid, _ = nms_by("grid", boxes, scores, 0.5)
        assert_same_answer(kernels.nms(boxes, scores, 0.5), grid)


class TestPlan:
    """Which search runs, by the counters of the kernels."""

    def runs(self, *args, **options):
        core.count_runs(True)
        try:
            fastgeo.nms(*args, **options)
            return {algorithm for choice, algorithm, _, _ in core.run_counts() if choice == "nms search"}
        finally:
            core.count_runs(False)

    @pytest.mark.parametrize("algorithm", algorithms(fastgeo.nms))
    @pytest.mark.parametrize("n", [20, 50, 3000])
    def test_a_forced_search_is_the_one_that_runs(self, kernels, algorithm, n):
        boxes, scores, _ = scattered(n)
        with force_algorithm(fastgeo.nms, algorithm):
            assert fastgeo.explain(fastgeo.nms, boxes, scores, 0.5).algorithm == algorithm
            found = self.runs(boxes, scores, 0.5)
        assert found <= {"scan", "grid", "tree"} if algorithm == "adaptive" else algorithm in found
        if algorithm in ("scan", "grid", "tree"):
            assert found == {algorithm}

    def test_owners_and_groups_refuse_to_begin_with_the_best(self, kernels):
        boxes, scores, ids = scattered(50)
        with force_algorithm(fastgeo.nms, "best_first"):
            for call in (
                lambda: fastgeo.nms_groups(boxes, scores, 0.5),
                lambda: fastgeo.batched_nms(boxes, scores, ids, 0.5),
                lambda: fastgeo.multiclass_nms(boxes[None], scores[None, :, None], 0.5),
            ):
                with pytest.raises(ValueError, match="'best_first' cannot serve this call: it drops boxes"):
                    call()

    def test_few_boxes_are_scanned(self, kernels):
        boxes, scores, _ = scattered(300)
        assert self.runs(boxes, scores, 0.5) == {"scan"}

    @pytest.mark.parametrize(
        ("scene", "searches"),
        [
            ("sparse", {"grid"}),
            ("giant box in the middle", {"tree"}),
            ("crossing stripes", {"tree"}),
            ("outlier last", {"tree"}),
            ("scales 2^±55", {"tree"}),
        ],
    )
    def test_the_index_suits_the_boxes(self, kernels, scene, searches):
        rng = np.random.default_rng(0)
        boxes, scores = scenes.BOXES[scene](rng, 4000), rng.random(4000)
        assert self.runs(boxes, scores, 0.5) - {"scan"} == searches
        assert_every_search(nms_by("scan", boxes, scores, 0.5), boxes, scores, 0.5)

    @pytest.mark.parametrize("dtype", FLOATS)
    def test_a_grid_gives_way_to_a_tree(self, kernels, dtype):
        """Heaps in which most boxes stay: each looks at all the others of its cells."""
        rng = np.random.default_rng(0)
        corner = rng.integers(0, 2, (12_000, 2)) * 100 + rng.normal(0, 3, (12_000, 2))
        boxes = np.hstack([corner, corner + rng.uniform(20, 100, (12_000, 2))]).astype(dtype)
        scores = rng.random(12_000)
        options = {"max_output": 9000}
        for threshold in (0.85, 0.88):
            assert self.runs(boxes, scores, threshold, **options) >= {"grid", "tree"}
            adaptive = fastgeo.nms_groups(boxes, scores, threshold, **options)
            assert_same_answer(adaptive, nms_by("scan", boxes, scores, threshold, **options))

    def test_identical_boxes_at_threshold_one(self, kernels):
        """None suppresses another, which the hull of all says at once; in a grid each would look at all others."""
        boxes = np.tile(np.float32([[1, 2, 3, 5]]), (20_000, 1))
        scores = np.random.default_rng(0).random(20_000)
        assert "tree" in self.runs(boxes, scores, 1.0)
        assert_same_answer(fastgeo.nms(boxes, scores, 1.0), np.argsort(-scores, kind="stable"))

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("scene", scenes.BOXES)
    @pytest.mark.parametrize("n", [17, 50, 700])
    def test_every_scene(self, kernels, scene, dtype, n):
        rng = np.random.default_rng(1)
        boxes, scores = scenes.BOXES[scene](rng, n).astype(dtype), np.round(rng.random(n), 1)
        for threshold in (0.0, 0.5, 0.95, 1.0):
            for kind in ("iou", "diou", "ioa"):
                expected = nms_by("scan", boxes, scores, threshold, kind=kind)
                assert_every_search(expected, boxes, scores, threshold, kind=kind)


class TestProperties:
    @given(box_sets(), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    def test_nms(self, kernels, case, threshold):
        boxes, scores = case
        keep, owner = kernels.nms_groups(boxes, scores, threshold)
        ious = kernels.box_iou(boxes, boxes).astype(np.float64)
        np.testing.assert_array_equal(keep, keep[np.lexsort([keep, -scores[keep]])])
        among_kept = ious[np.ix_(keep, keep)]
        assert (among_kept[~np.eye(len(keep), dtype=bool)] <= threshold).all()
        for i in range(len(boxes)):
            if i in keep:
                assert owner[i] == i
                continue
            assert ious[i, owner[i]] > threshold
            assert (-scores[owner[i]], owner[i]) < (-scores[i], i)
            earlier = [k for k in keep if ious[i, k] > threshold and (-scores[k], k) < (-scores[i], i)]
            assert owner[i] == earlier[0]


BAD = [
    (([[0, 0, 1]], [1], 0.5), {}),
    (([0, 0, 1, 1], [1], 0.5), {}),
    (([[0, 0, 1, 1]], [[1]], 0.5), {}),
    (([[0, 0, 1, 1]], [1, 2], 0.5), {}),
    (([[0, 0, 1, "a"]], [1], 0.5), {}),
    (([[0, 0, 1, 1j]], [1], 0.5), {}),
    ((None, [1], 0.5), {}),
    ((np.float64([[0, 0, 1, 1], [0, np.nan, 1, 1]]), np.ones(2), 0.5), {}),
    ((np.float32([[0, 0, 1, 1], [0, 0, 1, np.inf]]), np.ones(2), 0.5), {}),
    ((np.float32([[0, 0, 1, 2.0**61]]), np.ones(1), 0.5), {}),
    ((np.float64([[0, 0, 1, 1]]), np.array([np.nan]), 0.5), {}),
    ((np.float64([[0, 0, 1, 1]] * 40), np.array([1.0] * 39 + [np.nan]), 0.5), {"score_threshold": 0}),
    (([[0, 0, 1, 1]], [1], -0.1), {}),
    (([[0, 0, 1, 1]], [1], 1.1), {}),
    (([[0, 0, 1, 1]], [1], np.nan), {}),
    (([[0, 0, 1, 1]], [1], "0.5"), {}),
    (([[0, 0, 1, 1]], [1], None), {}),
    (([[0, 0, 1, 1]], [1], 0.5), {"score_threshold": np.nan}),
    (([[0, 0, 1, 1]], [1], 0.5), {"score_threshold": "x"}),
    (([[0, 0, 1, 1]], [1], 0.5), {"max_output": -1}),
    (([[0, 0, 1, 1]], [1], 0.5), {"max_output": 1.5}),
    (([[0, 0, 1, 1]], [1], 0.5), {"kind": "giou"}),
    (([[0, 0, 1, 1]], [1], 0.5), {"fmt": "yxyx"}),
    (([[0, 0, 1, 1]], [1], 0.5), {"offset": 2}),
    (([[0, 0, 1, 1]], [1], 0.5), {"idxs": [0.5]}),
    (([[0, 0, 1, 1]], [1], 0.5), {"idxs": [1, 2]}),
    (([[0, 0, 1, 1]], [1], 0.5), {"idxs": [[1]]}),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input(kernels, case):
    args, options = BAD[case]
    names = ["nms_groups"] if "idxs" in options else ["nms", "nms_groups"]
    for name in names:
        with pytest.raises((TypeError, ValueError)) as expected:
            getattr(reference, name)(*args, **options)
        with pytest.raises(type(expected.value)) as actual:
            getattr(kernels, name)(*args, **options)
        assert str(actual.value) == str(expected.value)


def test_an_earlier_argument_is_reported_first(kernels):
    """Arrays with their values, then the other arguments, in the order of the signature, in kernel and reference."""
    nan, good = np.full((1, 4), np.nan), [[0.0, 0, 1, 1]]
    for call, name in [
        (lambda m: m.nms(nan, [np.nan], 2), "boxes"),
        (lambda m: m.nms(good, [np.nan], 2), "scores"),
        (lambda m: m.nms(nan, [[1]], 0.5), "boxes"),
        (lambda m: m.nms(good, [1], 10**400), "iou_threshold"),
        (lambda m: m.nms(good, [1], 2, max_output=-1, kind="x"), "iou_threshold"),
        (lambda m: m.nms(good, [1], 0.5, max_output=-1, kind="x"), "max_output"),
        (lambda m: m.batched_nms(nan, [1], [0.5], 0.5), "boxes"),
        (lambda m: m.batched_nms(good, [np.nan], ["a"], 0.5), "scores"),
        (lambda m: m.batched_nms(good, [1], [0], 0.5, offset=7, n_threads=0), "offset"),
        (lambda m: m.soft_nms(nan, [1], method="x"), "boxes"),
        (lambda m: m.soft_nms(good, [np.nan], sigma=0), "scores"),
        (lambda m: m.rotated_nms(np.ones((1, 5)), [np.nan], 2), "scores"),
        (lambda m: m.multiclass_nms([nan], [[[np.nan]]], 2), "boxes"),
        (lambda m: m.multiclass_nms([good], [[[np.nan]]], 2), "scores"),
        (lambda m: m.multiclass_nms([good], [[[1]]], 0.5, max_output=-1, fmt="x", n_threads=0), "max_output"),
        (lambda m: m.weighted_boxes_fusion([nan], [[np.nan]], [[0.5]], weights=[-1]), "boxes_list"),
        (lambda m: m.weighted_boxes_fusion([good], [[1]], [[0]], weights=[-1], iou_threshold=2), "weights"),
    ]:
        with pytest.raises((TypeError, ValueError), match=f"^{name}") as expected:
            call(reference)
        with pytest.raises(type(expected.value)) as actual:
            call(kernels)
        assert str(actual.value) == str(expected.value)


def test_more_boxes_than_can_be_numbered(kernels, tmp_path):
    """A sparse file takes no memory; the error is not one of memory."""
    with open(tmp_path / "zeros", "wb") as file:
        file.truncate(2**31 * 16)
    boxes = np.asarray(np.memmap(tmp_path / "zeros", np.float32, "r", shape=(2**31, 4)))
    scores = np.asarray(np.memmap(tmp_path / "zeros", np.float32, "r", shape=(2**31,)))
    for name in ("nms", "soft_nms"):
        arguments = (boxes, scores, 0.5) if name == "nms" else (boxes, scores)
        with pytest.raises(ValueError, match="boxes: expected at most 2147483646 boxes, got 2147483648"):
            getattr(kernels, name)(*arguments)
    with pytest.raises(ValueError, match="scores: expected at most 2147483646 for an image, got 65536 x 32768"):
        kernels.multiclass_nms(boxes[None, :65536], scores.reshape(1, 65536, 32768), 0.5)


def test_bad_input_of_batched_nms(kernels):
    for idxs, options in [(None, {}), ([0.5], {}), ([0], {"n_threads": 0}), ([0], {"n_threads": 1.5})]:
        with pytest.raises((TypeError, ValueError)) as expected:
            reference.batched_nms([[0, 0, 1, 1]], [1], idxs, 0.5, **options)
        with pytest.raises(type(expected.value)) as actual:
            kernels.batched_nms([[0, 0, 1, 1]], [1], idxs, 0.5, **options)
        assert str(actual.value) == str(expected.value)


class TestTorchvision:
    def test_same_boxes_kept(self, kernels):
        torch = pytest.importorskip("torch", reason="torch is not installed")
        ops = pytest.importorskip("torchvision", reason="torchvision is not installed").ops
        for dtype in FLOATS:
            for seed in range(20):
                boxes = random_boxes(400, dtype, seed)
                scores = np.random.default_rng(seed).permutation(400).astype(dtype)
                ids = np.random.default_rng(seed).integers(-3, 3, 400) * 10**8
                for threshold in (0.0, 0.1, 0.3, 0.5, 0.75):
                    tensors = torch.from_numpy(boxes), torch.from_numpy(scores)
                    expected = ops.nms(*tensors, threshold).numpy()
                    np.testing.assert_array_equal(kernels.nms(boxes, scores, threshold), expected)
                    by_id = []
                    for c in np.unique(ids):
                        members = np.flatnonzero(ids == c)
                        found = ops.nms(tensors[0][members], tensors[1][members], threshold).numpy()
                        by_id.append(members[found])
                    by_id = np.concatenate(by_id)
                    by_id = by_id[np.argsort(-scores[by_id])]
                    np.testing.assert_array_equal(kernels.batched_nms(boxes, scores, ids, threshold), by_id)
