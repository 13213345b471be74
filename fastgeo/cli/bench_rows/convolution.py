"""The convolution family against PyTorch (both memory formats), ONNX Runtime and OpenCV.

The peers' weights are in their own layout before the clock starts, as those of Conv2d; `conv2d` packs in every call.
Beside each layer stands the time that its multiply-adds take at the FMA peak of one thread, measured in the same run.
Padded cells count as work there, though kernels and peers may pass over them: such a layer can take less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from fastgeo.cli.bench_rows import Prepare, Row
from fastgeo.runtime import core

Arrays = tuple[Any, ...]


@dataclass(frozen=True)
class Shape:
    """One layer: images (batch, height, width, channels), a square kernel, padding that keeps the size."""

    name: str
    images: tuple[int, int, int, int]
    size: int
    outputs: int
    stride: int = 1
    groups: int = 1
    dtype: type = np.float32

    @property
    def padding(self) -> int:
        return self.size // 2

    def arrays(self) -> Arrays:
        rng = np.random.default_rng(0)
        kernel = (self.size, self.size, self.images[3] // self.groups, self.outputs)
        return (
            rng.standard_normal(self.images).astype(self.dtype),
            rng.standard_normal(kernel).astype(self.dtype),
            rng.standard_normal(self.outputs).astype(self.dtype),
        )

    @property
    def multiply_adds(self) -> int:
        batch, height, width, channels = self.images
        outputs = batch * -(-height // self.stride) * -(-width // self.stride) * self.outputs
        return outputs * self.size**2 * (channels // self.groups)


PEAK = "FMA peak"

LAYERS = [
    Shape("7×7/2 3→64 @224", (1, 224, 224, 3), 7, 64, 2),
    Shape("1×1 64→256 @56", (1, 56, 56, 64), 1, 256),
    Shape("3×3 512 @7", (1, 7, 7, 512), 3, 512),
    Shape("3×3 64 @56", (1, 56, 56, 64), 3, 64),
    Shape("3×3 128 @28", (1, 28, 28, 128), 3, 128),
    Shape("3×3 256 @14", (1, 14, 14, 256), 3, 256),
    Shape("3×3/2 128 @56", (1, 56, 56, 128), 3, 128, 2),
    Shape("1×1 1024→256 @14", (1, 14, 14, 1024), 1, 256),
    Shape("depthwise 3×3 256 @28", (1, 28, 28, 256), 3, 256, groups=256),
    Shape("depthwise 3×3 32 @112", (1, 112, 112, 32), 3, 32, groups=32),
    Shape("3×3 20→50 @33×35, batch 2", (2, 33, 35, 20), 3, 50),
    Shape("3×3 1→1 @1080×1920", (1, 1080, 1920, 1), 3, 1),
    Shape("5×5 3→8 @1080×1920", (1, 1080, 1920, 3), 5, 8),
    Shape("3×3 128 @28 float64", (1, 28, 28, 128), 3, 128, dtype=np.float64),
]

SMALL = Shape("3×3 8→16 @12, batch 2", (2, 12, 12, 8), 3, 16)


def function(shape: Shape, **keywords: Any) -> Prepare:
    def prepare(x: Any, kernel: Any, bias: Any) -> Callable[[], Any]:
        fastgeo: Any = import_module("fastgeo")

        return partial(fastgeo.conv2d, x, kernel, bias, shape.stride, shape.padding, groups=shape.groups, **keywords)

    return prepare


def layer(shape: Shape, **keywords: Any) -> Prepare:
    def prepare(x: Any, kernel: Any, bias: Any) -> Callable[[], Any]:
        fastgeo: Any = import_module("fastgeo")

        return partial(fastgeo.Conv2d(kernel, bias, shape.stride, shape.padding, groups=shape.groups), x, **keywords)

    return prepare


def specified(shape: Shape) -> Prepare:
    def prepare(x: Any, kernel: Any, bias: Any) -> Callable[[], Any]:
        from fastgeo import reference

        return partial(reference.conv2d, x, kernel, bias, shape.stride, shape.padding, groups=shape.groups)

    return prepare


def torch_layer(shape: Shape, channels_last: bool) -> Prepare:
    def prepare(x: Any, kernel: Any, bias: Any) -> Callable[[], Any]:
        torch: Any = import_module("torch")

        order = torch.channels_last if channels_last else torch.contiguous_format
        images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=order)
        weights = torch.from_numpy(kernel).permute(3, 2, 0, 1).contiguous(memory_format=order)
        offsets = torch.from_numpy(bias)

        def call() -> Any:
            with torch.inference_mode():
                return torch.nn.functional.conv2d(
                    images, weights, offsets, shape.stride, shape.padding, groups=shape.groups
                )

        return call

    return prepare


def onnx_layer(shape: Shape) -> Prepare:
    def prepare(x: Any, kernel: Any, bias: Any) -> Callable[[], Any]:
        onnx: Any = import_module("onnx")
        onnxruntime: Any = import_module("onnxruntime")

        element = onnx.TensorProto.FLOAT if shape.dtype == np.float32 else onnx.TensorProto.DOUBLE
        node = onnx.helper.make_node(
            "Conv",
            ["x", "w", "b"],
            ["y"],
            strides=[shape.stride] * 2,
            pads=[shape.padding] * 4,
            group=shape.groups,
        )
        weights = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        graph = onnx.helper.make_graph(
            [node],
            "layer",
            [onnx.helper.make_tensor_value_info("x", element, [None] * 4)],
            [onnx.helper.make_tensor_value_info("y", element, [None] * 4)],
            [onnx.numpy_helper.from_array(weights, "w"), onnx.numpy_helper.from_array(bias, "b")],
        )
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        feed = {"x": np.ascontiguousarray(x.transpose(0, 3, 1, 2))}
        return lambda: session.run(None, feed)

    return prepare


def opencv_filter(x: Any, kernel: Any, bias: Any) -> Callable[[], Any]:
    cv2: Any = import_module("cv2")

    image, weights = x[0, :, :, 0], kernel[:, :, 0, 0]
    return lambda: cv2.filter2D(image, -1, weights, delta=float(bias[0]), borderType=cv2.BORDER_CONSTANT)


def fma_peak(shape: Shape) -> Prepare:
    """As many multiply-adds in independent chains; a vector holds half as many doubles."""

    def prepare(x: Any, kernel: Any, bias: Any) -> Callable[[], Any]:
        flops = 2 * shape.multiply_adds * (x.dtype.itemsize // 4)
        return partial(core.spin_fma, -(-flops // core.spin_fma(1)))

    return prepare


def peers(shape: Shape) -> dict[str, Prepare]:
    contestants = {
        "torch": torch_layer(shape, False),
        "torch channels-last": torch_layer(shape, True),
        "onnxruntime": onnx_layer(shape),
    }
    if shape.images[3] == shape.outputs == 1:
        contestants["cv2.filter2D"] = opencv_filter
    return contestants


def layer_rows(shape: Shape) -> list[Row]:
    return [
        Row(
            "Conv2d",
            shape.name,
            shape.arrays,
            {"fastgeo": layer(shape, n_threads=1), **peers(shape), PEAK: fma_peak(shape)},
            yardsticks=(PEAK,),
        ),
        Row(
            "conv2d",
            shape.name,
            shape.arrays,
            {
                "fastgeo": function(shape, n_threads=1),
                "Conv2d": layer(shape, n_threads=1),
                "Conv2d, two threads": layer(shape, n_threads=2),
            },
            yardsticks=("Conv2d", "Conv2d, two threads"),
        ),
    ]


POOLED = Shape("3×3/2 64 @112", (1, 112, 112, 64), 3, 64, 2)
POOLED_SMALL = Shape("3×3/2 4 @16", (1, 16, 16, 4), 3, 4, 2)


def pool_row(name: str, shape: Shape, short: bool, layout: str = "NHWC") -> Row:
    def ours(module: str) -> Prepare:
        def prepare(x: Any, kernel: Any, bias: Any) -> Callable[[], Any]:
            fastgeo: Any = import_module("fastgeo")

            namespace = fastgeo if module == "fastgeo" else fastgeo.reference
            images = x if layout == "NHWC" else np.ascontiguousarray(x.transpose(0, 3, 1, 2))
            return partial(getattr(namespace, name), images, shape.size, shape.stride, layout=layout)

        return prepare

    def torch_pool(x: Any, kernel: Any, bias: Any) -> Callable[[], Any]:
        torch: Any = import_module("torch")

        images = torch.from_numpy(x).permute(0, 3, 1, 2)
        if layout == "NCHW":
            images = images.contiguous()
        pool = getattr(torch.nn.functional, name)
        order = (2.0,) if name == "lp_pool2d" else ()
        return lambda: pool(images, *order, shape.size, shape.stride)

    contestants = {"fastgeo": ours("fastgeo"), "torch" if layout == "NCHW" else "torch channels-last": torch_pool}
    if short:
        contestants["reference"] = ours("reference")
    work = shape.name if layout == "NHWC" else f"{shape.name} {layout}"
    return Row(name, work, shape.arrays, contestants, short)


ROWS: list[Row] = [
    *[row for shape in LAYERS for row in layer_rows(shape)],
    Row("conv2d", SMALL.name, SMALL.arrays, {"fastgeo": function(SMALL), "reference": specified(SMALL)}, True),
    *[
        pool_row(name, shape, shape is POOLED_SMALL)
        for name in ("max_pool2d", "avg_pool2d", "lp_pool2d")
        for shape in (POOLED_SMALL, POOLED)
    ],
    *[pool_row(name, POOLED, False, "NCHW") for name in ("max_pool2d", "avg_pool2d", "lp_pool2d")],
]
