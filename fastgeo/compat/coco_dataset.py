"""``COCO`` of pycocotools: annotations by image and category, without pycocotools."""

from __future__ import annotations

import copy
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np

from fastgeo.compat import coco_mask as mask
from fastgeo.compat.coco_columns import no_collection
from fastgeo.runtime.checks import Array

Annotation = dict[str, Any]


class COCO:
    """A data set and its index, as ``pycocotools.coco.COCO``.

    Parameters
    ----------
    annotation_file : str, path or dict, optional
        A JSON file, or what is in one.

    Notes
    -----
    Differences from pycocotools: a dictionary is taken as well; results may be empty; ``showAnns`` and ``download`` are
    left out. Masks are converted and measured by `fastgeo.compat.coco_mask`.

    Examples
    --------
    >>> from fastgeo.compat.pycocotools import COCO
    >>> truth = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0}
    >>> coco = COCO({"images": [{"id": 7}], "categories": [{"id": 3, "name": "cat"}], "annotations": [truth]})
    creating index...
    index created!
    >>> coco.getAnnIds(imgIds=7, catIds=coco.getCatIds(catNms="cat"))
    [1]
    """

    def __init__(self, annotation_file: Any = None) -> None:
        self.dataset: dict[str, Any] = {}
        self._clear()
        if isinstance(annotation_file, Mapping):
            self.dataset = dict(annotation_file)
            self.createIndex()
        elif annotation_file is not None:
            print("loading annotations into memory...")
            begin = time.time()
            with open(annotation_file) as file:
                dataset = json.load(file)
            if type(dataset) is not dict:
                raise AssertionError(f"annotation file format {type(dataset)} not supported")
            print(f"Done (t={time.time() - begin:0.2f}s)")
            self.dataset = dataset
            self.createIndex()

    def _clear(self) -> None:
        self.anns: dict[Any, Annotation] = {}
        self.cats: dict[Any, Annotation] = {}
        self.imgs: dict[Any, Annotation] = {}
        self.imgToAnns: dict[Any, list[Annotation]] = defaultdict(list)
        self.catToImgs: dict[Any, list[Any]] = defaultdict(list)

    def createIndex(self) -> None:
        """Fill `anns`, `imgs`, `cats`, `imgToAnns` and `catToImgs` from `dataset`."""
        print("creating index...")
        with no_collection():
            self._index(self.dataset.get("annotations", []))
        print("index created!")

    def _index(self, annotations: list[Annotation]) -> None:
        self._clear()
        self.anns = {annotation["id"]: annotation for annotation in annotations}
        for annotation in annotations:
            self.imgToAnns[annotation["image_id"]].append(annotation)
        self.imgs = {image["id"]: image for image in self.dataset.get("images", [])}
        self.cats = {category["id"]: category for category in self.dataset.get("categories", [])}
        if "categories" in self.dataset:
            for annotation in annotations:
                self.catToImgs[annotation["category_id"]].append(annotation["image_id"])

    def info(self) -> None:
        """Print what the file says of itself."""
        for key, value in self.dataset["info"].items():
            print(f"{key}: {value}")

    def getAnnIds(self, imgIds: Any = [], catIds: Any = [], areaRng: Any = [], iscrowd: Any = None) -> list[Any]:  # noqa: B006
        """Ids of the annotations in these images, of these categories, in this open range of areas."""
        images, categories = _listed(imgIds), _listed(catIds)
        found: Iterable[Annotation] = self.dataset["annotations"]
        if len(images):
            found = chain.from_iterable(self.imgToAnns[i] for i in images if i in self.imgToAnns)
        if len(categories):
            chosen = set(categories)
            found = (a for a in found if a["category_id"] in chosen)
        if len(areaRng):
            found = (a for a in found if areaRng[0] < a["area"] < areaRng[1])
        if iscrowd is not None:
            found = (a for a in found if a["iscrowd"] == iscrowd)
        return [a["id"] for a in found]

    def getCatIds(self, catNms: Any = [], supNms: Any = [], catIds: Any = []) -> list[Any]:  # noqa: B006
        """Ids of the categories of these names, supercategories and ids."""
        found = self.dataset["categories"]
        for key, value in (("name", catNms), ("supercategory", supNms), ("id", catIds)):
            wanted = [value] if isinstance(value, str) else _listed(value)
            found = [c for c in found if c[key] in wanted] if len(wanted) else found
        return [c["id"] for c in found]

    def getImgIds(self, imgIds: Any = [], catIds: Any = []) -> list[Any]:  # noqa: B006
        """Ids of the images, of these alone, that have all of these categories."""
        images, categories = _listed(imgIds), _listed(catIds)
        if len(images) == len(categories) == 0:
            return list(self.imgs)
        ids = set(images)
        for i, category in enumerate(categories):
            of = set(self.catToImgs[category])
            ids = of if i == 0 and not ids else ids & of
        return list(ids)

    def loadAnns(self, ids: Any = []) -> Any:  # noqa: B006
        """The annotations of these ids."""
        return _chosen(self.anns, ids)

    def loadCats(self, ids: Any = []) -> Any:  # noqa: B006
        """The categories of these ids."""
        return _chosen(self.cats, ids)

    def loadImgs(self, ids: Any = []) -> Any:  # noqa: B006
        """The images of these ids."""
        return _chosen(self.imgs, ids)

    def loadRes(self, resFile: Any) -> COCO:
        """Results as a data set of their own: a JSON file, a list, or an array as `loadNumpyAnnotations` takes it."""
        result = type(self)()
        result.dataset["info"] = copy.deepcopy(self.dataset.get("info", {}))
        result.dataset["images"] = list(self.dataset["images"])
        print("Loading and preparing results...")
        begin = time.time()
        if type(resFile) is str:
            with open(resFile) as file:
                found = json.load(file)
        else:
            found = self.loadNumpyAnnotations(resFile) if type(resFile) is np.ndarray else resFile
        if type(found) is not list:
            raise AssertionError("results in not an array of objects")
        if not {annotation["image_id"] for annotation in found} <= set(self.getImgIds()):
            raise AssertionError("Results do not correspond to current coco set")
        if found and "caption" in found[0]:
            captioned = {annotation["image_id"] for annotation in found}
            result.dataset["images"] = [i for i in result.dataset["images"] if i["id"] in captioned]
        else:
            result.dataset["categories"] = copy.deepcopy(self.dataset["categories"])
        with no_collection():
            _complete(found)
        print(f"DONE (t={time.time() - begin:0.2f}s)")
        result.dataset["annotations"] = found
        result.createIndex()
        return result

    def loadNumpyAnnotations(self, data: Array) -> list[Annotation]:
        """Annotations of an array (N, 7): image, x, y, w, h, score, category."""
        print("Converting ndarray to lists...")
        print(data.shape)
        if data.ndim != 2 or data.shape[1] != 7:
            raise AssertionError(f"data: expected shape (N, 7), got {data.shape}")
        for i in range(0, len(data), 1_000_000):
            print(f"{i}/{len(data)}")
        return [
            {"image_id": int(row[0]), "bbox": row[1:5], "score": row[5], "category_id": int(row[6])}
            for row in data.tolist()
        ]

    def annToRLE(self, ann: Annotation) -> Any:
        """The run lengths of an annotation, whatever form it has."""
        segmentation, image = ann["segmentation"], self.imgs[ann["image_id"]]
        if type(segmentation) is list:
            return mask.merge(mask.frPyObjects(segmentation, image["height"], image["width"]))
        if type(segmentation["counts"]) is list:
            return mask.frPyObjects(segmentation, image["height"], image["width"])
        return segmentation

    def annToMask(self, ann: Annotation) -> Array:
        """The mask of an annotation, (height, width) of uint8."""
        return mask.decode(self.annToRLE(ann))


def _listed(value: Any) -> Any:
    return value if hasattr(value, "__iter__") and hasattr(value, "__len__") else [value]


def _chosen(index: dict[Any, Annotation], ids: Any) -> Any:
    if hasattr(ids, "__iter__") and hasattr(ids, "__len__"):
        return [index[i] for i in ids]
    return [index[ids]] if type(ids) is int else None


def _complete(found: list[Annotation]) -> None:
    """What results lack: ids, areas, boxes, crowd flags; decided, as in pycocotools, by the first of them."""
    first = dict(found[0]) if found else {}
    are_masks = "segmentation" in first and "caption" not in first and not len(first.get("bbox", ()))
    masks = [annotation["segmentation"] for annotation in found] if are_masks else []
    areas, boxes = mask.area(masks), mask.toBbox(masks)
    for i, annotation in enumerate(found):
        more: Annotation
        if "caption" in first:
            more = {"id": i + 1}
        elif "bbox" in first and len(first["bbox"]):
            x, y, w, h = annotation["bbox"]
            if "segmentation" not in annotation:
                annotation["segmentation"] = [[x, y, x, y + h, x + w, y + h, x + w, y]]
            annotation["area"], annotation["id"], annotation["iscrowd"] = w * h, i + 1, 0
            continue
        elif are_masks:
            more = {"area": areas[i]}
            if "bbox" not in annotation:
                more["bbox"] = boxes[i]
            more |= {"id": i + 1, "iscrowd": 0}
        else:
            x, y = annotation["keypoints"][0::3], annotation["keypoints"][1::3]
            left, top, right, bottom = np.min(x), np.min(y), np.max(x), np.max(y)
            more = {"area": (right - left) * (bottom - top), "id": i + 1}
            more["bbox"] = [left, top, right - left, bottom - top]
        annotation.update(more)
