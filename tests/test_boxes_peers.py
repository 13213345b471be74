"""The boxes family against the libraries it stands in for, where they are installed."""

import numpy as np
import pytest
from cases import random_boxes

FLOATS = [np.float32, np.float64]


def upright(n, dtype, seed):
    """Boxes of at least one unit a side: torchvision's 1e-7 in the denominators does not matter there."""
    boxes = random_boxes(n, dtype, seed=seed)
    boxes[:, 2:] += 1
    return boxes


@pytest.fixture
def torchvision():
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    import torchvision.ops as ops

    return ops


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["box_iou", "generalized_box_iou"])
def test_torchvision_same_bits(kernels, torchvision, dtype, name):
    import torch

    boxes1, boxes2 = upright(200, dtype, 0), upright(301, dtype, 1)
    expected = getattr(torchvision, name)(torch.from_numpy(boxes1), torch.from_numpy(boxes2)).numpy()
    np.testing.assert_array_equal(getattr(kernels, name)(boxes1, boxes2), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["distance_box_iou", "complete_box_iou"])
def test_torchvision_to_1e_6(kernels, torchvision, dtype, name):
    import torch

    boxes1, boxes2 = upright(200, dtype, 0), upright(301, dtype, 1)
    expected = getattr(torchvision, name)(torch.from_numpy(boxes1), torch.from_numpy(boxes2)).numpy()
    np.testing.assert_allclose(getattr(kernels, name)(boxes1, boxes2), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
def test_torchvision_areas_formats_clipping(kernels, torchvision, dtype):
    import torch

    boxes = upright(300, dtype, 0)
    tensor = torch.from_numpy(boxes)
    np.testing.assert_array_equal(kernels.box_area(boxes), torchvision.box_area(tensor).numpy())
    np.testing.assert_array_equal(
        kernels.clip_boxes(boxes, (50, 70)), torchvision.clip_boxes_to_image(tensor, (50, 70)).numpy()
    )
    for in_fmt in ("xyxy", "xywh", "cxcywh"):
        for out_fmt in ("xyxy", "xywh", "cxcywh"):
            np.testing.assert_array_equal(
                kernels.box_convert(boxes, in_fmt, out_fmt), torchvision.box_convert(tensor, in_fmt, out_fmt).numpy()
            )


def test_pycocotools_same_bits(kernels):
    mask = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    detections, truth = (random_boxes(n, np.float64, seed=n) for n in (150, 77))
    crowd = np.arange(77) % 4 == 0
    expected = mask.iou(detections, truth, crowd.astype(np.uint8))
    np.testing.assert_array_equal(kernels.box_iou(detections, truth, fmt="xywh", iscrowd=crowd), expected)
