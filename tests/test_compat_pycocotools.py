"""fastgeo.compat.pycocotools beside pycocotools: overlaps and whole evaluations, bit for bit."""

import contextlib
import copy
import gc
import io
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from cases import random_boxes

from fastgeo.compat import pycocotools as ours
from fastgeo.compat.coco_columns import Later

mask = pytest.importorskip("pycocotools.mask", reason="needs pycocotools")
coco = pytest.importorskip("pycocotools.coco", reason="needs pycocotools")
cocoeval = pytest.importorskip("pycocotools.cocoeval", reason="needs pycocotools")


@pytest.fixture
def patched():
    ours.patch()
    yield
    ours.unpatch()


def sizes(n, seed=0):
    boxes = random_boxes(n, np.float64, seed)
    boxes[:, 2:] -= boxes[:, :2]
    return boxes


@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 5), (40, 30)])
def test_same_bits(n, m, crowded):
    dt, gt = sizes(n), sizes(m, seed=1)
    iscrowd = [int(crowded and i % 2 == 0) for i in range(m)]
    expected = mask.iou(dt, gt, iscrowd)
    for args in [(dt, gt, iscrowd), (dt.tolist(), gt.tolist(), iscrowd), (list(dt), list(gt), np.array(iscrowd))]:
        actual = ours.iou(*args)
        assert actual.dtype == expected.dtype
        assert actual.flags.c_contiguous
        np.testing.assert_array_equal(actual, expected)


def test_empty():
    for dt, gt in [([], sizes(2).tolist()), (sizes(2).tolist(), []), ([], [])]:
        assert ours.iou(dt, gt, [0] * len(gt)) == mask.iou(dt, gt, [0] * len(gt)) == []


def test_masks_and_what_goes_to_the_original(patched):
    rle = mask.encode(np.asfortranarray(np.eye(4, dtype=np.uint8)))
    assert mask.iou is ours.iou
    np.testing.assert_array_equal(mask.iou([rle], [rle], [0]), [[1.0]])
    with pytest.raises(Exception, match=r"should have the same data type|list input"):
        mask.iou([rle], [[0, 0, 1, 1]], [0])


def test_not_a_number_raises():
    with pytest.raises(ValueError, match="boxes1"):
        ours.iou([[0.0, 0, np.nan, 1]], [[0.0, 0, 1, 1]], [0])


def test_negative_sizes_are_the_same():
    boxes, others = [[0.0, 0, -2, -2], [3.0, 3, -2, 1], [0.0, 0, 0, 0]], [[-5.0, -5, 9, 9], [1.0, 1, -1, -1]]
    for iscrowd in ([0, 0], [1, 1]):
        np.testing.assert_array_equal(ours.iou(boxes, others, iscrowd), mask.iou(boxes, others, iscrowd))


def test_patch_and_unpatch():
    def in_place():
        return mask.iou, cocoeval.COCOeval.evaluate, cocoeval.COCOeval.accumulate

    before = in_place()
    for _ in range(2):
        ours.patch()
        assert mask.iou is ours.iou
        assert all(now is not then for now, then in zip(in_place(), before, strict=True))
    for _ in range(2):
        ours.unpatch()
        assert in_place() == before


def made_data(n_images=60, n_categories=4, seed=0, grid=0.0):
    """Ground truth with crowds, ties of score, categories without truth and images without anything.

    Coordinates on a coarse grid let overlaps tie as well. Each annotation has a mask and keypoints besides its box.
    """
    rng = np.random.default_rng(seed)
    pose = rng.random((17, 2))

    def annotation(image, category, x, y, w, h):
        if grid:
            x, y, w, h = (max(grid, round(v / grid) * grid) for v in (x, y, w, h))
        points = [[float(round(x + w * u)), float(round(y + h * v)), int(rng.integers(0, 3))] for u, v in pose]
        return {
            "image_id": image,
            "category_id": category,
            "bbox": [x, y, w, h],
            "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
            "keypoints": [number for point in points for number in point],
        }

    truth, found = [], []
    for image in range(1, n_images + 1):
        for _ in range(rng.integers(0, 6)):
            x, y, w, h = (float(v) for v in (*rng.uniform(0, 300, 2), *np.exp(rng.uniform(1.5, 5.5, 2))))
            category = int(rng.integers(1, n_categories))
            one = annotation(image, category, x, y, w, h)
            seen = sum(v > 0 for v in one["keypoints"][2::3]) * int(rng.random() < 0.9)
            area = one["bbox"][2] * one["bbox"][3]
            crowd = int(rng.random() < 0.1)
            truth.append({**one, "id": len(truth) + 1, "area": area, "num_keypoints": seen, "iscrowd": crowd})
            for _ in range(rng.integers(0, 5)):
                dx, dy, dw, dh = (float(v) for v in rng.normal(0, 0.1, 4))
                box = [x + dx * w, y + dy * h, max(1.0, w + dw * w), max(1.0, h + dh * h)]
                found.append({**annotation(image, category, *box), "score": round(float(rng.random()), 1)})
        away = annotation(image, int(rng.integers(1, n_categories + 1)), 1.0, 2.0, 30.0, 40.0)
        found.append({**away, "score": 0.5})
    ground_truth = coco.COCO()
    ground_truth.dataset = {
        "images": [{"id": i, "width": 1000, "height": 1000} for i in range(1, n_images + 2)],
        "categories": [{"id": c, "name": str(c)} for c in range(1, n_categories + 1)],
        "annotations": truth,
    }
    ground_truth.createIndex()
    return ground_truth, ground_truth.loadRes(found)


def evaluation(data, kind="bbox", evaluator=None, **params):
    run = (evaluator or cocoeval.COCOeval)(*data, kind)
    for name, value in params.items():
        setattr(run.params, name, value)
    run.evaluate()
    run.accumulate()
    if "maxDets" not in params and kind != "keypoints":
        run.summarize()
    return run


def assert_same_evaluation(data, kind="bbox", evaluator=None, **params):
    """The evaluation before and after `patch`: overlaps, records, curves, figures, what is printed, marks left.

    An evaluator that is ours takes the place of the patched one.
    """
    printed, runs, marks = [], [], []
    args = (kind, evaluator)
    for patch in (False, True):
        if patch:
            ours.patch()
        try:
            with contextlib.redirect_stdout(io.StringIO()) as output:
                chosen = None if evaluator is ours.COCOeval and not patch else evaluator
                runs.append(evaluation(data, kind, chosen, **params))
        finally:
            ours.unpatch()
        printed.append(re.sub(r"t=\d+\.\d\ds", "t=?", output.getvalue()))
        marks.append({i: annotation.pop("_ignore", None) for i, annotation in data[0].anns.items()})
    before, after = runs
    assert printed[0] == printed[1]
    assert "Average Precision" in printed[0] or "maxDets" in params or "keypoints" in args
    assert marks[0] == marks[1]
    assert list(after.ious) == list(before.ious)
    for one, other in zip(after.ious.values(), before.ious.values(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(after.evalImgs) == len(before.evalImgs)
    for one, other in zip(after.evalImgs, before.evalImgs, strict=True):
        assert (one is None) == (other is None)
        assert list(one or {}) == list(other or {})
        for name, expected in (other or {}).items():
            if isinstance(expected, np.ndarray):
                assert (one[name].dtype, one[name].shape) == (expected.dtype, expected.shape), name
                np.testing.assert_array_equal(one[name], expected)
            else:
                assert one[name] == expected, name
    for name in ("precision", "recall", "scores"):
        assert after.eval[name].tobytes() == before.eval[name].tobytes()
    assert after.eval["counts"] == before.eval["counts"]
    assert np.asarray(after.stats).tobytes() == np.asarray(before.stats).tobytes()
    return before


@pytest.mark.parametrize("evaluator", [None, ours.COCOeval], ids=["patched", "ours"])
@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"useCats": 0},
        {"maxDets": [1, 2, 3]},
        {"maxDets": [1, 10, 100], "iouThrs": np.array([0.0, 0.3, 1.0])},
        {"maxDets": [1, 10, 100], "areaRng": [[0, 1e10], [200, 900]], "areaRngLbl": ["all", "some"]},
        {"maxDets": [1, 10, 100], "recThrs": np.array([0.1, 0.9, 0.2])},
        {"imgIds": [3, 5, 8, 61, 9], "catIds": [2, 4]},
        {"maxDets": [5], "imgIds": [], "catIds": [1]},
    ],
    ids=lambda params: "-".join(params) or "default",
)
def test_evaluation_is_the_same(kind, params, evaluator):
    before = assert_same_evaluation(made_data(), kind, evaluator, **params)
    if params.get("imgIds") != [] and not (kind == "keypoints" and "useCats" in params):  # nothing matches there
        assert np.asarray(before.eval["precision"]).max() > 0


@pytest.mark.parametrize("evaluator", [None, ours.COCOeval], ids=["patched", "ours"])
@pytest.mark.parametrize("seed", range(6))
def test_ties_of_overlap_are_broken_the_same(seed, evaluator):
    assert_same_evaluation(made_data(40, 2, seed, grid=40.0), "bbox", evaluator)


class TestOfBoxes:
    """Columns in the place of records."""

    def run(self, evaluator=ours.COCOeval, **params):
        with contextlib.redirect_stdout(io.StringIO()):
            return evaluation(made_data(), "bbox", evaluator, **params)

    def test_records_are_made_when_they_are_looked_at(self):
        run = self.run()
        assert isinstance(run.evalImgs, Later)
        assert run.evalImgs._made is None
        assert len(run.evalImgs) == 4 * 4 * 61
        assert run.evalImgs._made is None
        assert run.evalImgs[0] is run.evalImgs[0]
        assert sum([run.evalImgs, run.evalImgs], []) == [*run.evalImgs, *run.evalImgs]  # noqa: RUF017
        assert run.evalImgs == list(run.evalImgs)
        assert np.asarray(run.evalImgs, dtype=object).shape == (4 * 4 * 61,)
        assert (3, 1) in run.ious

    def test_records_remember_what_was_evaluated(self):
        run, other = self.run(), self.run()
        run.params.catIds = []
        assert len(list(run.evalImgs)) == len(list(other.evalImgs))

    def test_other_parameters_are_accumulated_from_the_records(self):
        run = self.run()
        first = run.eval["precision"].copy()
        run.params.recThrs = np.array([0.5])
        with contextlib.redirect_stdout(io.StringIO()):
            run.accumulate()
        np.testing.assert_array_equal(run.eval["precision"], first[:, 50:51])

    def test_changed_records_are_accumulated(self):
        run = self.run()
        run.evalImgs = [None] * len(run.evalImgs)
        with contextlib.redirect_stdout(io.StringIO()):
            run.accumulate()
        assert (run.eval["precision"] == -1).all()

    def test_pickles(self):
        run = pickle.loads(pickle.dumps(self.run()))
        assert len(list(run.evalImgs)) == 4 * 4 * 61

    @pytest.mark.parametrize("name", ["id", "category_id"])
    def test_ids_that_are_shared_or_no_numbers(self, name):
        """Records are made at once, and hold what pycocotools makes of them."""
        ground_truth, found = made_data(12)
        for annotation in ground_truth.dataset["annotations"] + found.dataset["annotations"]:
            annotation[name] = str(annotation[name]) if name == "category_id" else 1 + annotation[name] // 2
        for category in ground_truth.dataset["categories"] + found.dataset["categories"]:
            category["id"] = str(category["id"]) if name == "category_id" else category["id"]
        ground_truth.createIndex()
        found.createIndex()
        assert_same_evaluation((ground_truth, found), "bbox", ours.COCOeval)


def test_parameters_are_the_same():
    for kind in ("bbox", "segm", "keypoints"):
        mine, theirs = vars(ours.Params(kind)), vars(cocoeval.Params(kind))
        assert sorted(mine) == sorted(theirs)
        for name, value in theirs.items():
            assert type(mine[name]) is type(value)
            np.testing.assert_array_equal(mine[name], value)
    with pytest.raises(Exception, match="iouType not supported"):
        ours.Params("boxes")


def test_order_of_calls():
    with pytest.raises(Exception, match="accumulate"):
        ours.COCOeval(iouType="bbox").summarize()


def test_odd_ids_and_whole_scores_are_the_same():
    ground_truth, found = made_data(30, 3, seed=9, grid=20.0)
    for annotation in found.dataset["annotations"]:
        annotation["id"] -= 40  # an id that is not above 0 leaves its truth free
        annotation["score"] = int(annotation["score"] * 10)
    found.createIndex()
    assert_same_evaluation((ground_truth, found))


def test_nothing_at_all_is_the_same():
    ground_truth, found = made_data(5)
    found.dataset["annotations"] = []
    found.createIndex()
    assert_same_evaluation((ground_truth, found))
    ground_truth.dataset["annotations"] = []
    ground_truth.createIndex()
    assert_same_evaluation((ground_truth, found))


def test_accumulate_takes_other_parameters():
    data, curves = made_data(), []
    for patch in (False, True):
        run = evaluation(data)
        params = copy.deepcopy(run.params)
        params.maxDets, params.catIds, params.imgIds = [100], [1, 2], run.params.imgIds[5:]
        if patch:
            ours.patch()
        try:
            run.accumulate(params)
        finally:
            ours.unpatch()
        curves.append(run.eval)
    for name in ("precision", "recall", "scores"):
        assert curves[0][name].tobytes() == curves[1][name].tobytes()
    assert curves[0]["precision"].shape == (10, 101, 2, 4, 1)


@pytest.mark.parametrize("base", [cocoeval.COCOeval, ours.COCOeval], ids=["patched", "ours"])
@pytest.mark.parametrize("name", ["computeIoU", "evaluateImg"])
def test_a_subclass_keeps_what_it_defines(name, base):
    calls = []

    class Counted(base):
        pass

    def counted(self, *args):
        calls.append(args)
        return getattr(super(Counted, self), name)(*args)

    setattr(Counted, name, counted)
    assert_same_evaluation(made_data(10), "bbox", Counted)
    assert len(calls) > 10


def test_overlaps_that_are_nan_are_pycocotools_to_decide():
    class Broken(cocoeval.COCOeval):
        def computeIoU(self, *pair):
            overlaps = super().computeIoU(*pair)
            return np.full_like(overlaps, np.nan) if len(overlaps) else overlaps

    assert_same_evaluation(made_data(10), "bbox", Broken)


def test_the_collector_is_as_it_was(patched):
    enabled = gc.isenabled()
    evaluation(made_data(3))
    assert gc.isenabled() == enabled
    gc.disable()
    try:
        evaluation(made_data(3))
        assert not gc.isenabled()
    finally:
        if enabled:
            gc.enable()


def test_arrays_of_the_records_are_views(patched):
    records = [record for record in evaluation(made_data()).evalImgs if record and record["dtIds"]]
    assert all(record["dtMatches"].base is not None for record in records)


def test_all_twelve_figures(patched):
    assert len(evaluation(made_data()).stats) == 12


def test_host_is_imported_only_when_needed():
    code = "import sys; from fastgeo.compat.pycocotools import iou; iou([[0, 0, 1, 1]], [[0, 0, 1, 1]], [0])"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'pycocotools' not in sys.modules"], check=True)
