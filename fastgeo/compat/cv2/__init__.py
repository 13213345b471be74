"""OpenCV's box suppression and linear filter: ``from fastgeo.compat.cv2 import NMSBoxes, filter2D``.

`NMSBoxes`, `NMSBoxesBatched`, `NMSBoxesRotated` and `softNMSBoxes` are those of ``cv2.dnn``, `filter2D` is that of
``cv2``; OpenCV is not imported. Boxes are (x, y, width, height). Differences:

- An empty result is an empty array, int32 (0,), where OpenCV returns an empty tuple.
- Boxes of any float type are taken as they are; OpenCV's `softNMSBoxes` takes whole numbers only.
- Two boxes without area have overlap 0, so both stay; OpenCV takes them for equal (overlap 1) and keeps the first.
- `NMSBoxesBatched` compares the boxes themselves within a class; OpenCV shifts each class by an offset, which rounds.
- NaN, infinite and enormous coordinates and NaN scores raise ``ValueError``.
- `softNMSBoxes` computes new scores in float64, and exp to fastgeo's stated accuracy, so the last digits may differ.
- `filter2D` sums in float32 (float64 for float64 images) in a fixed order; OpenCV's order depends on the machine, and
  from 11×11 it uses a Fourier transform. Images of whole numbers are rounded half to even and clipped as in OpenCV, so
  they may differ by 1 where a sum lies at a half.
- `filter2D` takes kernels of two dimensions only: one of a single dimension is a column in OpenCV 4 and a row in
  OpenCV 5. Lists and tuples of numbers are arrays here; OpenCV refuses a list and takes a tuple for a ``cv.Scalar``.
- `NMSBoxesRotated` has no `eta` and computes overlaps to fastgeo's stated accuracy. A box wholly inside another has the
  overlap of their areas; OpenCV takes it for 1. A pair very near the threshold may be decided otherwise.
- Errors are ``ValueError`` and ``TypeError``, not ``cv2.error``.
"""

from fastgeo.compat.cv2.filtering import (
    BORDER_CONSTANT,
    BORDER_DEFAULT,
    BORDER_ISOLATED,
    BORDER_REFLECT,
    BORDER_REFLECT101,
    BORDER_REFLECT_101,
    BORDER_REPLICATE,
    filter2D,
)
from fastgeo.compat.cv2.suppression import (
    SOFT_NMSMETHOD_SOFTNMS_GAUSSIAN,
    SOFT_NMSMETHOD_SOFTNMS_LINEAR,
    NMSBoxes,
    NMSBoxesBatched,
    NMSBoxesRotated,
    softNMSBoxes,
)

__all__ = [
    "BORDER_CONSTANT",
    "BORDER_DEFAULT",
    "BORDER_ISOLATED",
    "BORDER_REFLECT",
    "BORDER_REFLECT101",
    "BORDER_REFLECT_101",
    "BORDER_REPLICATE",
    "SOFT_NMSMETHOD_SOFTNMS_GAUSSIAN",
    "SOFT_NMSMETHOD_SOFTNMS_LINEAR",
    "NMSBoxes",
    "NMSBoxesBatched",
    "NMSBoxesRotated",
    "filter2D",
    "softNMSBoxes",
]
