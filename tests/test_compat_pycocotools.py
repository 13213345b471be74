"""fastgeo.compat.pycocotools beside pycocotools: overlaps and whole evaluations, bit for bit."""

import numpy as np
import pytest
from cases import random_boxes

from fastgeo.compat import pycocotools as ours

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


def test_masks_go_to_the_original(patched):
    rle = mask.encode(np.asfortranarray(np.eye(4, dtype=np.uint8)))
    assert mask.iou is ours.iou
    np.testing.assert_array_equal(mask.iou([rle], [rle], [0]), [[1.0]])


def test_not_a_number_raises():
    with pytest.raises(ValueError, match="boxes1"):
        ours.iou([[0.0, 0, np.nan, 1]], [[0.0, 0, 1, 1]], [0])


def test_negative_sizes_are_the_same():
    boxes, others = [[0.0, 0, -2, -2], [3.0, 3, -2, 1], [0.0, 0, 0, 0]], [[-5.0, -5, 9, 9], [1.0, 1, -1, -1]]
    for iscrowd in ([0, 0], [1, 1]):
        np.testing.assert_array_equal(ours.iou(boxes, others, iscrowd), mask.iou(boxes, others, iscrowd))


def test_patch_and_unpatch():
    before = mask.iou, cocoeval.COCOeval.evaluateImg
    ours.patch()
    ours.patch()
    assert mask.iou is ours.iou
    assert cocoeval.COCOeval.evaluateImg is not before[1]
    ours.unpatch()
    assert (mask.iou, cocoeval.COCOeval.evaluateImg) == before
    ours.unpatch()
    assert (mask.iou, cocoeval.COCOeval.evaluateImg) == before


def made_data(n_images=60, n_categories=4, seed=0):
    """Ground truth with crowds, ties of score, categories without truth and images without anything."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for image in range(1, n_images + 1):
        for _ in range(rng.integers(0, 6)):
            x, y, w, h = (float(v) for v in (*rng.uniform(0, 300, 2), *np.exp(rng.uniform(1.5, 5.5, 2))))
            category = int(rng.integers(1, n_categories))
            labels = {"image_id": image, "category_id": category}
            truth.append(
                {
                    **labels,
                    "id": len(truth) + 1,
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": int(rng.random() < 0.1),
                }
            )
            for _ in range(rng.integers(0, 5)):
                dx, dy, dw, dh = (float(v) for v in rng.normal(0, 0.1, 4))
                box = [x + dx * w, y + dy * h, max(1.0, w + dw * w), max(1.0, h + dh * h)]
                found.append({**labels, "bbox": box, "score": round(float(rng.random()), 1)})
        found.append(
            {
                "image_id": image,
                "category_id": int(rng.integers(1, n_categories + 1)),
                "bbox": [1.0, 2.0, 30.0, 40.0],
                "score": 0.5,
            }
        )
    ground_truth = coco.COCO()
    ground_truth.dataset = {
        "images": [{"id": i, "width": 400, "height": 400} for i in range(1, n_images + 2)],
        "categories": [{"id": c, "name": str(c)} for c in range(1, n_categories + 1)],
        "annotations": truth,
    }
    ground_truth.createIndex()
    return ground_truth, ground_truth.loadRes(found)


def evaluation(data, **params):
    run = cocoeval.COCOeval(*data, "bbox")
    for name, value in params.items():
        setattr(run.params, name, value)
    run.evaluate()
    run.accumulate()
    if "maxDets" not in params:
        run.summarize()
    return run


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"useCats": 0},
        {"maxDets": [1, 2, 3]},
        {"iouThrs": np.array([0.0, 0.3, 1.0])},
        {"areaRng": [[0, 1e10], [200, 900]], "areaRngLbl": ["all", "some"]},
    ],
    ids=lambda params: "-".join(params) or "default",
)
def test_evaluation_is_the_same(params):
    data = made_data()
    if "areaRng" in params:
        params = {**params, "maxDets": [1, 10, 100]}
    before = evaluation(data, **params)
    ours.patch()
    try:
        after = evaluation(data, **params)
    finally:
        ours.unpatch()
    assert len(after.evalImgs) == len(before.evalImgs) > 100
    for one, other in zip(after.evalImgs, before.evalImgs, strict=True):
        assert (one is None) == (other is None)
        for name, expected in (other or {}).items():
            if isinstance(expected, np.ndarray):
                assert (one[name].dtype, one[name].shape) == (expected.dtype, expected.shape), name
                np.testing.assert_array_equal(one[name], expected)
            else:
                assert one[name] == expected, name
    for name in ("precision", "recall", "scores"):
        assert after.eval[name].tobytes() == before.eval[name].tobytes()
    assert np.asarray(after.stats).tobytes() == np.asarray(before.stats).tobytes()
    assert np.asarray(before.eval["precision"]).max() > 0


def test_all_twelve_figures(patched):
    assert len(evaluation(made_data()).stats) == 12
