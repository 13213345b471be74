"""The convolution family in NumPy: the specification of every kernel in it."""

from __future__ import annotations

from fastgeo.convolution.reference_conv2d import Conv2d, conv2d
from fastgeo.convolution.reference_pooling import avg_pool2d, lp_pool2d, max_pool2d

__all__ = ["Conv2d", "avg_pool2d", "conv2d", "lp_pool2d", "max_pool2d"]
