"""The docstrings of every drop-in: numpydoc sections that name each parameter, and examples that run."""

import doctest
import importlib
import inspect

import pytest

MODULES = {
    "classic": None,
    "coco_mask": None,
    "cv2": None,
    "onnx": None,
    "pycocotools": None,
    "supervision": None,
    "torchvision": None,
    "sklearn": "sklearn",
}
NAMES = {
    "classic": ["auc_calculate", "conv2d", "iou", "kmeans", "py_nms"],
    "coco_mask": ["area", "decode", "encode", "frPyObjects", "iou", "merge", "toBbox"],
    "cv2": ["NMSBoxes", "NMSBoxesBatched", "NMSBoxesRotated", "filter2D", "softNMSBoxes"],
    "onnx": ["AveragePool", "Conv", "LpPool", "MaxPool", "NonMaxSuppression"],
    "pycocotools": ["COCO", "COCOeval", "Params", "iou", "patch", "unpatch"],
    "sklearn": [
        *("KMeans", "average_precision_score", "kmeans_plusplus", "pairwise_distances_argmin_min"),
        *("precision_recall_curve", "roc_auc_score", "roc_curve"),
    ],
    "supervision": ["box_iou_batch", "box_non_max_suppression"],
    "torchvision": [
        *("batched_nms", "box_area", "box_convert", "box_iou", "clip_boxes_to_image", "complete_box_iou"),
        *("distance_box_iou", "generalized_box_iou", "nms", "remove_small_boxes"),
    ],
}


@pytest.fixture(params=MODULES)
def module(request):
    if MODULES[request.param]:
        pytest.importorskip(MODULES[request.param], reason=f"needs {MODULES[request.param]}")
    return importlib.import_module(f"fastgeo.compat.{request.param}")


def test_names(module):
    public = [name for name in module.__all__ if name == "COCO" or not (name.isupper() or "METHOD" in name)]
    public = [name for name in public if name != "mask"]  # a module
    assert sorted(public) == sorted(NAMES[module.__name__.rpartition(".")[2]])


def test_sections_and_parameters(module):
    for name in NAMES[module.__name__.rpartition(".")[2]]:
        entry = getattr(module, name)
        text = inspect.getdoc(entry)
        for parameter in inspect.signature(entry).parameters:
            assert parameter in text.partition("Returns\n---")[0], f"{name}: {parameter}"
        wanted = ["Examples"] if name in ("patch", "unpatch") else ["Parameters", "Examples"]
        wanted += [] if isinstance(entry, type) or name in ("patch", "unpatch") else ["Returns"]
        for section in wanted:
            assert f"\n{section}\n{'-' * len(section)}\n" in text, f"{name}: {section}"


def test_examples_run(module):
    if module.__name__.endswith("pycocotools"):
        pytest.importorskip("pycocotools", reason="needs pycocotools")
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for name in NAMES[module.__name__.rpartition(".")[2]]:
        tests = doctest.DocTestFinder(recurse=False).find(getattr(module, name), name, globs={})
        assert sum(len(test.examples) for test in tests) > 0, name
        for test in tests:
            runner.run(test)
    assert runner.failures == 0
