"""Heads: the raw output of a detector's network, to boxes."""

from fastgeo.heads import reference
from fastgeo.heads.reference import *
from fastgeo.runtime import implementation, share_docs

__all__ = reference.__all__

if implementation() == "kernel":
    from fastgeo.heads import kernels
    from fastgeo.heads.kernels import *

    share_docs(kernels, reference)
