"""Masks: run lengths and their overlaps."""

from fastgeo.masks import reference
from fastgeo.masks.reference import *
from fastgeo.runtime import implementation, share_docs

__all__ = reference.__all__

if implementation() == "kernel":
    from fastgeo.masks import kernels
    from fastgeo.masks.kernels import *

    share_docs(kernels, reference)
