"""Boxes: areas, formats and the IoU family."""

from fastgeo.boxes import reference
from fastgeo.boxes.reference import *
from fastgeo.runtime import implementation, share_docs

__all__ = reference.__all__

if implementation() == "kernel":
    from fastgeo.boxes import kernels
    from fastgeo.boxes.kernels import *

    share_docs(kernels, reference)
