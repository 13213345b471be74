"""Other libraries that answer the same question; None where one is not installed."""

from importlib import import_module


def installed(name):
    try:
        return import_module(name)
    except ImportError:
        return None


torch = installed("torch")
metrics = installed("sklearn.metrics")
optimize = installed("scipy.optimize")
coco_mask = installed("pycocotools.mask")
