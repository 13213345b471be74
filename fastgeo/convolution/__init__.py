"""Convolution and pooling."""

from fastgeo.convolution import reference
from fastgeo.convolution.reference import *
from fastgeo.runtime import implementation, share_docs

__all__ = reference.__all__

if implementation() == "kernel":
    from fastgeo.convolution import kernels
    from fastgeo.convolution.kernels import *

    share_docs(kernels, reference)
