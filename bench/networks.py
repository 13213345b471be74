"""Convolution layers of whole networks in both layouts, against the installed engines: the sum is what users wait for.

    python bench/networks.py [--network NAME] [--layout NCHW] [--seconds 0.1] [--layers]

One thread, float32, batch 1, weights packed beforehand, every layer by itself on its own data. Peers (PyTorch,
onnxruntime, OpenVINO) take NCHW; each layer is held against the best of them, in the same run, fastgeo in NCHW and in
NHWC. Printed is the peers' time over ours, above 1 where fastgeo is faster; with --layers of every layer, the weakest
first.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastgeo
from fastgeo.cli.bench_rows import Prepare, Row
from fastgeo.cli.measure import contest

Call = Callable[[], Any]


class Layer(NamedTuple):
    channels: int
    outputs: int
    size: int  # of the input, whose sides are equal
    kernel: int
    stride: int = 1
    groups: int = 1

    @property
    def out_size(self) -> int:
        return (self.size + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1

    def __str__(self) -> str:
        groups = f" groups {self.groups}" if self.groups > 1 else ""
        return f"{self.kernel}x{self.kernel}/{self.stride} {self.channels}→{self.outputs} @{self.size}{groups}"


def inverted(channels: int, outputs: int, size: int, expand: int, kernel: int, stride: int) -> Iterator[Layer]:
    """A block of MobileNetV2: expansion, depthwise, projection."""
    hidden = expand * channels
    if expand > 1:
        yield Layer(channels, hidden, size, 1)
    depthwise = Layer(hidden, hidden, size, kernel, stride, hidden)
    yield depthwise
    yield Layer(hidden, outputs, depthwise.out_size, 1)


def mobile(stages: list[tuple[int, int, int, int, int]], last: tuple[int, int]) -> Iterator[Layer]:
    """`stages` of (expansion, outputs, blocks, stride, kernel) after 32 channels at 112; then a 1×1 layer."""
    channels, size = 32, 112
    yield Layer(3, 32, 224, 3, 2)
    for expand, outputs, blocks, stride, kernel in stages:
        for block in range(blocks):
            step = stride if block == 0 else 1
            yield from inverted(channels, outputs, size, expand, kernel, step)
            channels, size = outputs, -(-size // step)
    yield Layer(*last, size, 1)


def mobilenet_v2() -> Iterator[Layer]:
    stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    yield from mobile([(*stage, 3) for stage in stages], (320, 1280))


def efficientnet_b0() -> Iterator[Layer]:
    """Without the squeeze-and-excitation layers, whose planes are one pixel."""
    stages = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3)]
    stages += [(6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)]
    yield from mobile(stages, (320, 1280))


def resnet_50() -> Iterator[Layer]:
    yield Layer(3, 64, 224, 7, 2)
    channels, size = 64, 56
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            step = stride if block == 0 else 1
            yield Layer(channels, width, size, 1)
            yield Layer(width, width, size, 3, step)
            if block == 0:
                yield Layer(channels, 4 * width, size, 1, step)
            channels, size = 4 * width, size // step
            yield Layer(width, channels, size, 1)


def squeezenet() -> Iterator[Layer]:
    yield Layer(3, 64, 224, 3, 2)
    channels = 64
    for squeeze, size in ((16, 55), (16, 55), (32, 27), (32, 27), (48, 13), (48, 13), (64, 13), (64, 13)):
        yield Layer(channels, squeeze, size, 1)
        yield Layer(squeeze, 4 * squeeze, size, 1)
        yield Layer(squeeze, 4 * squeeze, size, 3)
        channels = 8 * squeeze
    yield Layer(512, 1000, 13, 1)


NETWORKS = {
    "MobileNetV2": mobilenet_v2,
    "EfficientNet-B0": efficientnet_b0,
    "ResNet-50": resnet_50,
    "SqueezeNet": squeezenet,
}


Peer = Callable[[Layer, Any, Any], Call]


def ours(layer: Layer, x: Any, w: Any, layout: str) -> Call:
    if layout == "NHWC":
        x, w = np.ascontiguousarray(x.transpose(0, 2, 3, 1)), np.ascontiguousarray(w.transpose(2, 3, 1, 0))
    more: Any = {"stride": layer.stride, "padding": layer.kernel // 2, "groups": layer.groups, "layout": layout}
    conv = fastgeo.Conv2d(w, **more)
    return lambda: conv(x)


def by_torch(layer: Layer, x: Any, w: Any) -> Call:
    import torch

    inputs, weights = torch.from_numpy(x), torch.from_numpy(w)
    conv = torch.nn.functional.conv2d
    return lambda: conv(inputs, weights, None, layer.stride, layer.kernel // 2, 1, layer.groups)


def onnx_model(layer: Layer, x: Any, w: Any) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    attributes: Any = {"pads": [layer.kernel // 2] * 4, "strides": [layer.stride] * 2, "group": layer.groups}
    node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[layer.kernel] * 2, **attributes)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", x.shape), ("y", None))
    ]
    graph = helper.make_graph([node], "layer", ends[:1], ends[1:], [numpy_helper.from_array(w, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())


def by_onnxruntime(layer: Layer, x: Any, w: Any) -> Call:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx_model(layer, x, w), settings, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": x})


def by_openvino(layer: Layer, x: Any, w: Any) -> Call:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "layer.onnx")
        path.write_bytes(onnx_model(layer, x, w))
        options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
        compiled = openvino.Core().compile_model(path, "CPU", options)
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
    return lambda: request.infer()


PEERS: dict[str, Peer] = {"PyTorch": by_torch, "onnxruntime": by_onnxruntime, "OpenVINO": by_openvino}


def times_of(layer: Layer, layouts: list[str], seconds: float) -> tuple[dict[str, float], dict[str, str]]:
    """The least time of each contestant, and why the other peers are absent."""

    def arrays() -> tuple[Any, Any]:
        rng = np.random.default_rng(0)
        x = rng.standard_normal((1, layer.channels, layer.size, layer.size), np.float32)
        shape = (layer.outputs, layer.channels // layer.groups, layer.kernel, layer.kernel)
        return x, rng.standard_normal(shape, np.float32)

    contestants: dict[str, Prepare] = {layout: partial(ours, layer, layout=layout) for layout in layouts}
    contestants |= {name: partial(make, layer) for name, make in PEERS.items()}
    outcome = contest(Row("conv2d", str(layer), arrays, contestants), seconds, 1)
    failed = {layout: outcome.absent[layout] for layout in layouts if layout in outcome.absent}
    if failed:
        raise RuntimeError(f"{layer}: {failed}")
    return outcome.seconds, outcome.absent


def report(network: str, layouts: list[str], seconds: float, each_layer: bool) -> None:
    layers = Counter(NETWORKS[network]())
    outcomes = {layer: times_of(layer, layouts, seconds) for layer in layers}
    times = {layer: seconds_of for layer, (seconds_of, _) in outcomes.items()}
    for layer, (_, absent) in outcomes.items():
        if absent.keys() >= PEERS.keys():
            raise SystemExit(f"networks.py: {layer}: no peer can take part: {absent}")
    for name, why in next(iter(outcomes.values()))[1].items():
        print(f"{name} is left out: {why}")
    best = {layer: min(t[name] for name in PEERS if name in t) for layer, t in times.items()}
    for layout in layouts:
        own = {layer: times[layer][layout] for layer in layers}
        ratio = {layer: best[layer] / own[layer] for layer in layers}
        for layer in sorted(layers, key=ratio.__getitem__) if each_layer else ():
            print(f"  {layout}  {layer!s:40} x{layers[layer]}  {own[layer] * 1e6:9.1f} us  {ratio[layer]:5.2f}")
        ours_ms, peers_ms = (1e3 * sum(count * t[layer] for layer, count in layers.items()) for t in (own, best))
        behind = sum(count for layer, count in layers.items() if ratio[layer] < 1)
        print(
            f"{network:16} {layout}  {ours_ms:8.2f} ms, the best peers {peers_ms:8.2f} ms: {peers_ms / ours_ms:.2f}"
            f"  ({behind} of {layers.total()} layers behind)",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, action="append")
    parser.add_argument("--layout", choices=("NCHW", "NHWC"), action="append")
    parser.add_argument("--seconds", type=float, default=0.1, help="for each call of each layer")
    parser.add_argument("--layers", action="store_true", help="print every layer")
    options = parser.parse_args()
    for network in options.network or NETWORKS:
        report(network, options.layout or ["NCHW", "NHWC"], options.seconds, options.layers)


if __name__ == "__main__":
    main()
