"""fastgeo.compat.pycocotools.COCO beside pycocotools: index, selections, results, conversions."""

import contextlib
import copy
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from fastgeo.compat import pycocotools as ours

theirs = pytest.importorskip("pycocotools.coco", reason="needs pycocotools")
cocoeval = pytest.importorskip("pycocotools.cocoeval", reason="needs pycocotools")
mask = pytest.importorskip("pycocotools.mask", reason="needs pycocotools")

SQUARE = [[2.0, 3, 12, 3, 12, 13, 2, 13]]


def data_set():
    rng = np.random.default_rng(0)
    annotations = [
        {
            "id": i + 1,
            "image_id": int(rng.integers(1, 9)),
            "category_id": int(rng.integers(1, 5)),
            "bbox": [2.0, 3.0, float(rng.integers(1, 30)), 10.0],
            "area": float(rng.integers(1, 300)),
            "iscrowd": int(rng.integers(0, 2)),
            "segmentation": SQUARE,
        }
        for i in range(60)
    ]
    annotations[0]["segmentation"] = {"size": [20, 30], "counts": [10, 20, 570]}
    annotations[1]["segmentation"] = mask.encode(np.asfortranarray(np.eye(20, 30, dtype=np.uint8)))
    return {
        "info": {"year": 2026, "version": "1"},
        "images": [{"id": i, "height": 20, "width": 30} for i in range(1, 11)],
        "categories": [{"id": i, "name": f"name {i}", "supercategory": f"super {i // 2}"} for i in range(1, 6)],
        "annotations": annotations,
    }


def printed(function, *args, **kwargs):
    """The answer, and what was printed, times aside."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        answer = function(*args, **kwargs)
    return answer, re.sub(r"t=\d+\.\d\ds", "t=?", output.getvalue())


@pytest.fixture
def both():
    """The same data set, read by each."""
    pair = []
    for module in (ours, theirs):
        coco = printed(module.COCO)[0]
        coco.dataset = copy.deepcopy(data_set())
        printed(coco.createIndex)
        pair.append(coco)
    return pair


INDEX = ("anns", "cats", "imgs", "imgToAnns", "catToImgs", "dataset")


def assert_same_index(one, other):
    for name in INDEX:
        mine, original = getattr(one, name), getattr(other, name)
        assert list(mine) == list(original), name
        assert repr(mine) == repr(original), name


def test_reads_files_and_dictionaries(tmp_path):
    data = data_set()
    del data["annotations"][1]  # bytes are no JSON
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(data))
    mine, original = (printed(module.COCO, str(path)) for module in (ours, theirs))
    assert mine[1] == original[1]
    assert_same_index(mine[0], original[0])
    assert_same_index(printed(ours.COCO, data)[0], original[0])
    assert_same_index(printed(ours.COCO, path)[0], original[0])
    path.write_text("[]")
    for module in (ours, theirs):
        with pytest.raises(AssertionError, match="not supported"):
            printed(module.COCO, str(path))


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("getAnnIds", [{}, {"imgIds": 3}, {"imgIds": [3, 1, 99]}, {"catIds": [2, 3]}, {"imgIds": [1, 2], "catIds": 4}]),
        (
            "getAnnIds",
            [{"areaRng": [50, 200]}, {"iscrowd": 0}, {"iscrowd": True, "imgIds": [1, 2, 3], "areaRng": [9, 99]}],
        ),
        (
            "getCatIds",
            [{}, {"catNms": "name 3"}, {"catNms": ["name 3", "x"]}, {"supNms": ["super 1"], "catIds": [3, 5]}],
        ),
        ("getImgIds", [{}, {"imgIds": [4, 2]}, {"catIds": [1, 2]}, {"imgIds": [1, 2, 3], "catIds": 2}, {"catIds": 99}]),
        ("loadAnns", [{}, {"ids": [5, 2]}, {"ids": 4}]),
        ("loadCats", [{"ids": [5, 2]}, {"ids": 4}, {"ids": "4"}]),
        ("loadImgs", [{"ids": [5, 2]}, {"ids": 4}, {"ids": None}]),
    ],
)
def test_selections(both, method, arguments):
    for kwargs in arguments:
        if kwargs.get("ids") == "4":
            continue
        answers = [getattr(coco, method)(**kwargs) for coco in both]
        assert repr(answers[0]) == repr(answers[1]), kwargs


def test_info(both):
    assert printed(both[0].info) == printed(both[1].info)


def results(form):
    rng = np.random.default_rng(1)
    rows = [
        {"image_id": int(rng.integers(1, 9)), "category_id": int(rng.integers(1, 5)), "score": 0.5} for _ in range(9)
    ]
    for i, row in enumerate(rows):
        if form == "bbox":
            row["bbox"] = [1.0, 2.0, float(i), 4.0]
        elif form == "segm":
            row["segmentation"] = mask.encode(np.asfortranarray(rng.integers(0, 2, (20, 30), np.uint8)))
        elif form == "keypoints":
            row["keypoints"] = rng.integers(0, 30, 51).tolist()
        elif form == "caption":
            row["caption"] = "a cat"
    return rows


@pytest.mark.parametrize("form", ["bbox", "segm", "keypoints", "caption"])
def test_results(both, form):
    mine, original = (printed(coco.loadRes, results(form)) for coco in both)
    assert mine[1] == original[1]
    assert isinstance(mine[0], ours.COCO)
    if form == "caption":
        mine[0].dataset.pop("categories", None)
    assert_same_index(mine[0], original[0])


def test_results_of_a_file_and_an_array(both, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results("bbox")))
    table = np.array([[1, 0, 1, 5, 6, 0.5, 2], [3, 0, 1.5, 5, 6, 0.25, 4]])
    for given in (str(path), table):
        mine, original = (printed(coco.loadRes, copy.deepcopy(given)) for coco in both)
        assert mine[1] == original[1]
        for name in ("image_id", "category_id", "bbox", "score", "area", "id", "iscrowd", "segmentation"):
            values = [[row[name] for row in one[0].dataset["annotations"]] for one in (mine, original)]
            np.testing.assert_array_equal(*values)


def test_results_that_do_not_fit(both):
    for coco in both:
        with pytest.raises(AssertionError, match="do not correspond"):
            printed(coco.loadRes, [{**results("bbox")[0], "image_id": 999}])
        with pytest.raises(AssertionError, match="not an array"):
            printed(coco.loadRes, {})
    with pytest.raises(AssertionError, match="shape"):
        printed(both[0].loadRes, np.zeros((2, 6)))
    assert printed(both[0].loadRes, [])[0].getAnnIds() == []


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools
def test_masks(both):
    for annotation_id in (1, 2, 3):
        one, other = (coco.anns[annotation_id] for coco in both)
        assert both[0].annToRLE(one) == both[1].annToRLE(other)
        np.testing.assert_array_equal(both[0].annToMask(one), both[1].annToMask(other))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools
def test_masks_are_evaluated_as_there():
    """Polygons, listed and packed run lengths, and a crowd, against results that are masks; by each from end to end."""
    rng = np.random.default_rng(5)
    data, found = data_set(), results("segm")
    for annotation in data["annotations"][2:]:
        corner, size = rng.uniform(-2, 25, 2), rng.uniform(2, 20, 2)
        (x, y), (right, bottom) = corner.tolist(), (corner + size).tolist()
        annotation["segmentation"] = [[x, y, right, y, right, bottom, x, bottom], SQUARE[0]][: 1 + annotation["id"] % 2]
    for annotation in data["annotations"][::2]:  # nearly found
        dense = np.asfortranarray(mask.decode(theirs_to_rle(annotation)))
        dense[: rng.integers(0, 20), rng.integers(0, 30)] = 1
        place = {name: annotation[name] for name in ("image_id", "category_id")}
        found.append({**place, "segmentation": mask.encode(dense), "score": round(float(rng.random()), 1)})
    runs, output = [], []
    for module, evaluator in ((ours, ours.COCOeval), (theirs, cocoeval.COCOeval)):
        coco = printed(module.COCO)[0]
        coco.dataset = copy.deepcopy(data)
        printed(coco.createIndex)
        run = evaluator(coco, printed(coco.loadRes, copy.deepcopy(found))[0], "segm")
        output.append([printed(step)[1] for step in (run.evaluate, run.accumulate, run.summarize)])
        runs.append(run)
    assert output[0] == output[1]
    assert runs[1].stats.max() > 0.4
    for name in ("precision", "recall", "scores"):
        assert runs[0].eval[name].tobytes() == runs[1].eval[name].tobytes()
    assert runs[0].stats.tobytes() == runs[1].stats.tobytes()
    for pair, overlaps in runs[1].ious.items():
        np.testing.assert_array_equal(runs[0].ious[pair], overlaps)


def theirs_to_rle(annotation):
    segmentation = annotation["segmentation"]
    if isinstance(segmentation, list):
        return mask.merge(mask.frPyObjects(segmentation, 20, 30))
    return mask.frPyObjects(segmentation, 20, 30) if isinstance(segmentation["counts"], list) else segmentation


def test_masks_that_are_none(both):
    rows = results("segm")
    rows[3]["segmentation"] = {"size": [20, 30], "counts": b"01"}
    with pytest.raises(ValueError, match=re.escape("rles[3]['counts']")):
        printed(both[0].loadRes, rows)


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_no_pycocotools_is_needed(kind):
    """From dictionaries to figures."""
    code = """
import sys
sys.modules["pycocotools"] = None
from fastgeo.compat.pycocotools import COCO, COCOeval, mask
square = {"bbox": [0, 0, 40, 40], "segmentation": [[0, 0, 40, 0, 40, 40, 0, 40]]}
truth = COCO({
    "images": [{"id": 1, "height": 50, "width": 60}],
    "categories": [{"id": 3}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 3, **square, "area": 1600, "iscrowd": 0}],
})
assert truth.annToMask(truth.anns[1]).sum() == 1600
found = {"bbox": square["bbox"]} if KIND == "bbox" else {"segmentation": truth.annToRLE(truth.anns[1])}
results = truth.loadRes([{"image_id": 1, "category_id": 3, **found, "score": 0.5}])
assert results.anns[1]["area"] == 1600 and list(results.anns[1]["bbox"]) == square["bbox"]
run = COCOeval(truth, results, KIND)
run.evaluate()
run.accumulate()
run.summarize()
assert abs(run.stats[0] - 1) < 1e-9 and len([record for record in run.evalImgs if record]) == 4
"""
    done = subprocess.run([sys.executable, "-c", f"KIND = {kind!r}{code}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "area=   all | maxDets=100 ] = 1.000" in done.stdout
