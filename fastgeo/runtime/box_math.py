"""Box arithmetic in NumPy, shared by the references of boxes and suppression.

Minimum, maximum and clamping are written as a comparison and a selection, in the operand order that the kernels use,
so that signed zeros agree as well.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array


class Corners(NamedTuple):
    x1: Array
    y1: Array
    x2: Array
    y2: Array
    width: Array
    height: Array
    area: Array


def corners(boxes: Array, fmt: str, offset: int) -> Corners:
    """Corners, extents and areas of boxes in any format; each of the shape of `boxes` without its last axis."""
    checks.choice("fmt", fmt, checks.FORMATS)
    a, b, c, d = np.moveaxis(boxes, -1, 0)
    if fmt == "xyxy":
        x1, y1, x2, y2 = a, b, c, d
        width, height = extent(a, c, offset), extent(b, d, offset)
    else:
        zero = np.zeros_like(a)
        width, height = extent(zero, c, offset), extent(zero, d, offset)
        x1, y1, x2, y2 = (a, b, a + c, b + d) if fmt == "xywh" else (a - c / 2, b - d / 2, a + c / 2, b + d / 2)
    return Corners(x1, y1, x2, y2, width, height, width * height)


def extent(low: Array, high: Array, offset: int) -> Array:
    """Length of an interval; 0 where its ends are crossed."""
    length: Array = high - low + high.dtype.type(offset)
    return maximum(length, high.dtype.type(0))


def maximum(a: Array, b: Any) -> Array:
    greater: Array = np.where(a > b, a, b)
    return greater


def minimum(a: Array, b: Any) -> Array:
    smaller: Array = np.where(a < b, a, b)
    return smaller


def intersection_area(a: Corners, b: Corners, offset: int) -> Array:
    width = extent(maximum(a.x1, b.x1), minimum(a.x2, b.x2), offset)
    height = extent(maximum(a.y1, b.y1), minimum(a.y2, b.y2), offset)
    area: Array = width * height
    return area


def hull_extents(a: Corners, b: Corners, offset: int) -> tuple[Array, Array]:
    """Width and height of the smallest box around both."""
    width = extent(minimum(a.x1, b.x1), maximum(a.x2, b.x2), offset)
    height = extent(minimum(a.y1, b.y1), maximum(a.y2, b.y2), offset)
    return width, height


def ratio(a: Array, b: Array) -> Array:
    """a / b, and 0 where b is not positive."""
    a, b = np.broadcast_arrays(a, b)
    quotient: Array = np.divide(a, b, out=np.zeros_like(b), where=b > 0)
    return quotient


def rotated_iou(box1: Array, box2: Array) -> float:
    """Intersection over union of two boxes (cx, cy, w, h, degrees), in float64."""
    cx1, cy1, w1, h1, angle1 = (float(value) for value in box1)
    cx2, cy2, w2, h2, angle2 = (float(value) for value in box2)
    w1, h1, w2, h2 = (max(0.0, value) for value in (w1, h1, w2, h2))
    cos1, sin1 = cosine_sine(angle1)
    cos2, sin2 = cosine_sine(angle2)
    # The second box in the frame of the first: width runs along (cos, -sin), height along (sin, cos), y points down.
    dx, dy = cx2 - cx1, cy2 - cy1
    x, y = dx * cos1 - dy * sin1, dx * sin1 + dy * cos1
    cos, sin = cos1 * cos2 + sin1 * sin2, sin2 * cos1 - cos2 * sin1
    polygon = [
        (x + i * w2 / 2 * cos + j * h2 / 2 * sin, y - i * w2 / 2 * sin + j * h2 / 2 * cos)
        for i, j in [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    ]
    # Sutherland and Hodgman: clip it by the four sides of the first.
    for axis, limit in ((0, w1 / 2), (1, h1 / 2)):
        for side in (1, -1):
            polygon = clip_polygon(polygon, axis, side, limit)
    area1, area2 = w1 * h1, w2 * h2
    intersection = min(polygon_area(polygon), area1, area2)
    union = area1 + area2 - intersection
    return intersection / union if union > 0 else 0.0


def cosine_sine(degrees: float) -> tuple[float, float]:
    """Cosine and sine, reduced in degrees so that multiples of 90 are exact."""
    turn = math.fmod(degrees, 360.0)
    quarters = math.floor(turn / 90 + 0.5)
    angle = math.radians(turn - 90 * quarters)
    cos, sin = math.cos(angle), math.sin(angle)
    return [(cos, sin), (-sin, cos), (-cos, -sin), (sin, -cos)][quarters % 4]


def clip_polygon(polygon: list[Any], axis: int, side: int, limit: float) -> list[Any]:
    """The part of a polygon where side * coordinate <= limit."""
    clipped = []
    for before, here in zip(polygon[-1:] + polygon[:-1], polygon, strict=True):
        inside_before, inside_here = limit - side * before[axis], limit - side * here[axis]
        if (inside_before >= 0) != (inside_here >= 0):
            t = inside_before / (inside_before - inside_here)
            other = before[1 - axis] + t * (here[1 - axis] - before[1 - axis])
            clipped.append((side * limit, other) if axis == 0 else (other, side * limit))
        if inside_here >= 0:
            clipped.append(here)
    return clipped


def polygon_area(polygon: list[Any]) -> float:
    """Area by the shoelace formula, with the first vertex as origin."""
    twice = 0.0
    for (x1, y1), (x2, y2) in pairwise(polygon):
        x0, y0 = polygon[0]
        twice += (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    return abs(twice) / 2
