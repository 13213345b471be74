"""Suppression: the NMS family."""

from fastgeo.runtime import implementation, share_docs
from fastgeo.suppression import reference
from fastgeo.suppression.reference import *

__all__ = reference.__all__

if implementation() == "kernel":
    from fastgeo.suppression import kernels
    from fastgeo.suppression.kernels import *

    share_docs(kernels, reference)
