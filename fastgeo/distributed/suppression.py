"""Suppression of detections that are spread over partitions, image by image: lazy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import dask.bag as db
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
    """:func:`fastgeo.nms` of every image, lazily.

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
        A bag with one array of kept indices an image; or the rows kept, by image, then by descending score. Not
        computed yet; the same indices as the one-machine call.

    Raises
    ------
    ValueError, TypeError
        When computed, as :func:`fastgeo.nms` with ``chunk i: `` in front, i being the partition.

    See Also
    --------
    fastgeo.nms : of one image.

    Notes
    -----
    A task a partition; nothing moves.

    Examples
    --------
    >>> import dask.bag as db
    >>> import numpy as np
    >>> from fastgeo import distributed
    >>> boxes, scores = np.array([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]]), np.array([0.9, 0.8, 0.7])
    >>> images = db.from_sequence([(boxes, scores), (boxes[:2], scores[:2])], npartitions=2)
    >>> distributed.nms(images, 0.5).compute(scheduler="threads")
    [array([0, 2]), array([0])]
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
    """:func:`fastgeo.batched_nms` of every image, lazily: boxes of different categories never suppress one another.

    Parameters
    ----------
    detections : dask bag or dask dataframe
        As in :func:`fastgeo.distributed.nms`; the images of a bag are (boxes, scores, categories).
    iou_threshold : float
        As in :func:`fastgeo.batched_nms`, like `options`.
    image, boxes, score, category : str
        Columns of the dataframe.

    Returns
    -------
    dask bag or dask dataframe
        As :func:`fastgeo.distributed.nms`.

    Raises
    ------
    ValueError, TypeError
        When computed, as :func:`fastgeo.batched_nms` with ``chunk i: `` in front, i being the partition.

    See Also
    --------
    fastgeo.batched_nms : of one image.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import pandas as pd
    >>> from fastgeo import distributed
    >>> frame = pd.DataFrame(
    ...     {"image_id": 7, "x1": [0, 1, 1], "y1": [0, 1, 1], "x2": [10, 11, 11], "y2": [10, 11, 11],
    ...      "score": [0.9, 0.8, 0.7], "category_id": [1, 1, 2]}
    ... )
    >>> kept = distributed.batched_nms(dd.from_pandas(frame, npartitions=1), 0.5)
    >>> kept.compute()[["image_id", "score", "category_id"]]
       image_id  score  category_id
    0         7    0.9            1
    2         7    0.7            2
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
        import dask.dataframe as dd  # here, since importing it takes longer than all the rest

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
    import pandas as pd

    kept = [frame.iloc[:0]]
    for _, rows in frame.groupby(image, sort=True):
        columns = [rows[name].to_numpy() for name in others]
        kept.append(rows.iloc[function(rows[boxes].to_numpy(), *columns, iou_threshold, **options)])
    return pd.concat(kept)
