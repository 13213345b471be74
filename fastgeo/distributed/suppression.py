"""Suppression of detections that are spread over partitions, image by image: lazy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import dask.bag as db
from dask.base import is_dask_collection
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
        its images whole (``detections.shuffle(image)`` sees to that; the last partition raises where one does not).
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
        When computed, as :func:`fastgeo.nms` with ``chunk i: `` in front, i being the partition; for an image that lies
        in two partitions.

    See Also
    --------
    fastgeo.nms : of one image.

    Notes
    -----
    A task a partition; nothing moves but the ids of the images, to the last partition, which checks them.

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
        When computed, as :func:`fastgeo.batched_nms` with ``chunk i: `` in front, i being the partition; for an image
        that lies in two partitions.

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
    if isinstance(detections, db.Bag):
        of_bag = partial(_kept_of_each, function, iou_threshold, options)
        return db.from_delayed([delayed(in_chunk)(i, of_bag, part) for i, part in enumerate(detections.to_delayed())])
    if not (is_dask_collection(detections) and hasattr(detections, "columns")):
        raise TypeError(
            f"detections: expected a Dask bag or dataframe, got {type(detections).__name__}; "
            "of a pandas dataframe make one by dask.dataframe.from_pandas(frame, npartitions=1)"
        )
    import dask.dataframe as dd  # here, since importing it takes longer than all the rest

    for name in (image, *boxes, *others):
        if name not in detections.columns:
            raise ValueError(f"detections: expected a column {name!r}, got {', '.join(map(str, detections.columns))}")
    of_frame = partial(_kept_rows, function, image, boxes, others, iou_threshold, options)
    parts = [delayed(in_chunk, nout=2)(i, of_frame, part) for i, part in enumerate(detections.to_delayed())]
    kept, images = [rows for rows, _ in parts], [ids for _, ids in parts]
    if len(kept) > 1:
        kept[-1] = delayed(_if_whole)(kept[-1], image, images)
    return dd.from_delayed(kept, meta=detections._meta)


def _if_whole(rows: Any, image: str, images: list[Any]) -> Any:
    """The rows, if no image lies in two partitions: its boxes would not have met, and too many been kept."""
    import pandas as pd

    ids = pd.concat([pd.Series(ids) for ids in images], keys=range(len(images)))
    cut = ids[ids.duplicated()]
    if len(cut):
        partitions = ids[ids == cut.iloc[0]].index.get_level_values(0).tolist()
        raise ValueError(
            f"{image}: expected each image whole in one partition, got {cut.iloc[0]} in partitions {partitions}; "
            f"bring images together by detections.shuffle({image!r})"
        )
    return rows


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
) -> tuple[Any, Any]:
    """One partition of a dataframe: the rows kept, and which images it holds."""
    import pandas as pd

    kept = [frame.iloc[:0]]
    for _, rows in frame.groupby(image, sort=True):
        columns = [rows[name].to_numpy() for name in others]
        kept.append(rows.iloc[function(rows[boxes].to_numpy(), *columns, iou_threshold, **options)])
    return pd.concat(kept), frame[image].unique()
