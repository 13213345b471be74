"""Suppression of detections that are spread over partitions, image by image: lazy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import dask.bag as db
import dask.dataframe as dd
import pandas as pd
from dask.delayed import delayed

import fastgeo
from fastgeo.distributed.tasks import in_chunk

BOX_COLUMNS = ("x1", "y1", "x2", "y2")


def nms(
    detections: Any,
    iou_threshold: float,
    *,
    image: str = "image_id",
    boxes: tuple[str, str, str, str] = BOX_COLUMNS,
    score: str = "score",
    **options: Any,
) -> Any:
    """:func:`fastgeo.nms` of every image.

    Parameters
    ----------
    detections : dask bag or dask dataframe
        A bag of images, each (boxes, scores); or a dataframe with one detection a row, of which each partition holds
        its images whole (``detections.shuffle(image)`` sees to that).
    iou_threshold : float
        As in :func:`fastgeo.nms`, like `options`.
    image, boxes, score : str
        Columns of the dataframe.

    Returns
    -------
    dask bag or dask dataframe
        A bag with one array of kept indices an image; or the rows kept, by image, then by descending score.
        Not computed yet.
    """
    return _suppress(fastgeo.nms, detections, iou_threshold, image, [*boxes], [score], options)


def batched_nms(
    detections: Any,
    iou_threshold: float,
    *,
    image: str = "image_id",
    boxes: tuple[str, str, str, str] = BOX_COLUMNS,
    score: str = "score",
    category: str = "category_id",
    **options: Any,
) -> Any:
    """:func:`fastgeo.batched_nms` of every image: boxes of different categories never suppress one another.

    As :func:`fastgeo.distributed.nms`; the images of a bag are (boxes, scores, categories), and `category` is the
    column of a dataframe.
    """
    return _suppress(fastgeo.batched_nms, detections, iou_threshold, image, [*boxes], [score, category], options)


def _suppress(
    function: Callable[..., Any],
    detections: Any,
    iou_threshold: float,
    image: str,
    boxes: list[str],
    others: list[str],
    options: dict[str, Any],
) -> Any:
    parts = enumerate(detections.to_delayed())
    if hasattr(detections, "columns"):
        call = partial(_kept_rows, function, image, boxes, others, iou_threshold, options)
        return dd.from_delayed([delayed(in_chunk)(i, call, part) for i, part in parts], meta=detections._meta)
    call = partial(_kept_of_each, function, iou_threshold, options)
    return db.from_delayed([delayed(in_chunk)(i, call, part) for i, part in parts])


def _kept_of_each(
    function: Callable[..., Any], iou_threshold: float, options: dict[str, Any], images: Any
) -> list[Any]:
    """One partition of a bag."""
    return [function(*image, iou_threshold, **options) for image in images]


def _kept_rows(
    function: Callable[..., Any],
    image: str,
    boxes: list[str],
    others: list[str],
    iou_threshold: float,
    options: dict[str, Any],
    frame: Any,
) -> Any:
    """One partition of a dataframe."""
    kept = [frame.iloc[:0]]
    for _, rows in frame.groupby(image, sort=True):
        columns = [rows[name].to_numpy() for name in others]
        kept.append(rows.iloc[function(rows[boxes].to_numpy(), *columns, iou_threshold, **options)])
    return pd.concat(kept)
