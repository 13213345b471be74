"""The convolution room in NumPy: the specification of every kernel in it."""

from __future__ import annotations

from fastgeo.convolution.conv_reference import Conv2d, conv2d
from fastgeo.convolution.pool_reference import avg_pool2d, lp_pool2d, max_pool2d

__all__ = ["Conv2d", "avg_pool2d", "conv2d", "lp_pool2d", "max_pool2d"]
