"""Put the drop-ins in place of their hosts' own functions, for programs whose imports cannot be edited.

A replaced function tries the drop-in. Where that refuses (a tensor on a GPU or with a gradient, sparse data, bad
values), the host's own function is called, so that the program sees its answer or its error. Both are counted.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial, update_wrapper
from typing import Any, NamedTuple

# Host -> where its function is defined ("module:name" or "module:Class.name") -> the drop-in that takes its place
REPLACEMENTS = {
    "torchvision": {
        f"torchvision.ops.boxes:{name}": f"fastgeo.compat.torchvision:{name}"
        for name in (
            "nms", "batched_nms", "box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou",
            "box_area", "box_convert", "clip_boxes_to_image", "remove_small_boxes",
        )
    },
    "sklearn": {
        **{
            f"sklearn.metrics:{name}": f"fastgeo.compat.sklearn:{name}"
            for name in ("roc_auc_score", "roc_curve", "precision_recall_curve", "average_precision_score",
                         "pairwise_distances_argmin_min")
        },
        "sklearn.cluster:kmeans_plusplus": "fastgeo.compat.sklearn:kmeans_plusplus",
        "sklearn.cluster:KMeans.fit": "fastgeo.compat.sklearn.cluster:fit_in_place",
        "sklearn.cluster:KMeans.predict": "fastgeo.compat.sklearn.cluster:predict_in_place",
    },
    "cv2": {
        **{
            f"cv2.dnn:{name}": f"fastgeo.compat.cv2:{name}"
            for name in ("NMSBoxes", "NMSBoxesBatched", "NMSBoxesRotated", "softNMSBoxes")
        },
        "cv2:filter2D": "fastgeo.compat.cv2:filter2D",
    },
    "supervision": {
        f"supervision.detection.utils.iou_and_nms:{name}": f"fastgeo.compat.supervision:{name}"
        for name in ("box_iou_batch", "box_non_max_suppression")
    },
    "pycocotools": {
        "pycocotools.mask:iou": "fastgeo.compat.pycocotools:iou",
        **{
            f"pycocotools.mask:{name}": f"fastgeo.compat.coco_mask:{name}"
            for name in ("encode", "decode", "area", "toBbox", "merge", "frPyObjects")
        },
        "pycocotools.cocoeval:COCOeval.evaluate": "fastgeo.compat.coco_evaluation:evaluate",
        "pycocotools.cocoeval:COCOeval.accumulate": "fastgeo.compat.coco_evaluation:accumulate",
    },
}  # fmt: skip

# What a drop-in raises for input that is not its own.
REFUSALS = (TypeError, ValueError, RuntimeError, NotImplementedError)


class Calls(NamedTuple):
    """What ran where: one row of `report`."""

    host: str
    function: str
    fastgeo: int
    original: int
    reason: str  # why the original ran last; "" if it never did


class Report(tuple[Calls, ...]):
    """The rows, printed as a table."""

    def __str__(self) -> str:
        rows = [Calls._fields, *[tuple(map(str, row)) for row in self]]
        widths = [max(len(row[i]) for row in rows) for i in range(len(Calls._fields))]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join(lines)


@dataclass(eq=False)
class _Door:
    """One replaced function: a callable that counts."""

    host: str
    target: str
    original: Callable[..., Any]
    drop_in: Callable[..., Any]
    fastgeo_calls: int = 0
    original_calls: int = 0
    reason: str = ""
    places: list[tuple[Any, str]] = field(default_factory=list)  # where it stands in place of the original
    lock: Any = field(default_factory=threading.Lock)
    running: Any = field(default_factory=threading.local)  # .inside: the drop-in runs; .handed_over: and called us

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _is_compiling():
            return self.original(*args, **kwargs)
        if getattr(self.running, "inside", False):  # the drop-in hands its host's cases to the host
            self.running.handed_over = True
            return self.original(*args, **kwargs)
        self.running.inside, self.running.handed_over = True, False
        try:
            result = FINISHES.get(self.host, _unchanged)(self.drop_in(*args, **kwargs))
        except REFUSALS as error:
            reason = str(error) or type(error).__name__
        else:
            self._count("handed to the host by the drop-in" if self.running.handed_over else "")
            return result
        finally:
            self.running.inside = False
        self._count(reason)
        return self.original(*args, **kwargs)

    @property
    def function(self) -> str:
        """Its name within the host."""
        return self.target.replace(":", ".").removeprefix(f"{self.host}.")

    def __reduce__(self) -> tuple[Any, ...]:  # as functions do: by name
        return _found, (self.target,)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else partial(self, instance)

    def _count(self, reason: str) -> None:
        with self.lock:
            if reason:
                self.original_calls, self.reason = self.original_calls + 1, reason
            else:
                self.fastgeo_calls += 1


_doors: dict[str, list[_Door]] = {}


def patch(host: str) -> None:
    """Let the functions of a host run on fastgeo. Patching twice is patching once.

    Call it before the program imports names out of the host: what it took before stays the host's own.

    Parameters
    ----------
    host : {"torchvision", "sklearn", "cv2", "supervision", "pycocotools"}
        It must be installed.

    See Also
    --------
    unpatch, report

    Notes
    -----
    Answers are those of the drop-in modules, with the differences stated there; what a drop-in refuses goes to the
    host's own function. ``torch.compile`` sees the originals; ``torch.jit.script`` needs `unpatch` first.

    Examples
    --------
    >>> from fastgeo import compat
    >>> compat.patch("cv2")  # doctest: +SKIP
    >>> print(compat.report())  # doctest: +SKIP
    host  function        fastgeo  original  reason
    cv2   dnn.NMSBoxes    1204     0
    """
    names = _known(host)
    if host in _doors:
        return
    doors = []
    for target, drop_in in names.items():
        original = _found(target)
        door = _Door(host, target, original, _found(drop_in))
        update_wrapper(door, original)
        owner, _, method = target.rpartition(".")
        door.places = [(_found(owner), method)] if ":" in owner else list(_places(host, original))
        doors.append(door)
    for door in doors:
        for place, name in door.places:
            setattr(place, name, door)
    _doors[host] = doors


def unpatch(host: str | None = None) -> None:
    """Put the host's own functions back; those of every host if none is named. Their counts are forgotten.

    Examples
    --------
    >>> from fastgeo import compat
    >>> compat.unpatch()
    """
    if host is not None:
        _known(host)
    for name in [host] if host is not None else list(_doors):
        for door in _doors.pop(name, []):
            for place, attribute in door.places:
                if getattr(place, attribute, None) is door:  # unless another has replaced it since
                    setattr(place, attribute, door.original)


def report() -> Report:
    """What ran where since `patch`: calls that ran on fastgeo and on the host's own function, which prints as a table.

    Returns
    -------
    tuple of Calls
        Named tuples (host, function, fastgeo, original, reason), one for each replaced function.

    Examples
    --------
    >>> from fastgeo import compat
    >>> len(compat.report())
    0
    """
    doors = [door for doors in _doors.values() for door in doors]
    return Report(
        Calls(door.host, door.function, door.fastgeo_calls, door.original_calls, door.reason) for door in doors
    )


def _known(host: str) -> dict[str, str]:
    if host not in REPLACEMENTS:
        raise ValueError(f"host: expected one of {', '.join(map(repr, REPLACEMENTS))}, got {host!r}")
    return REPLACEMENTS[host]


def _found(target: str) -> Any:
    """The object that "module:name" or "module:Class.name" stands for."""
    module, _, path = target.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _unchanged(result: Any) -> Any:
    return result


def _empty_as_in_opencv(result: Any) -> Any:
    """OpenCV's empty answers are empty tuples."""
    if isinstance(result, tuple):
        return tuple(map(_empty_as_in_opencv, result))
    return result if result.size else ()


FINISHES = {"cv2": _empty_as_in_opencv}


def _places(host: str, original: Any) -> Iterator[tuple[Any, str]]:
    """Every name in the host's own modules by which it reaches the function."""
    for name, module in list(sys.modules.items()):
        if name == host or name.startswith(f"{host}."):
            for attribute, value in list(vars(module).items()):
                if value is original:
                    yield module, attribute


def _is_compiling() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and hasattr(torch, "compiler") and bool(torch.compiler.is_compiling())
