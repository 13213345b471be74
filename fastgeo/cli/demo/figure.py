"""The picture of the demo: what was found, how well the scores rank, and how much faster."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgeo.cli.common import format_ratio, optional, save_figure
from fastgeo.cli.demo.picture import Array
from fastgeo.cli.demo.pipeline import Result
from fastgeo.cli.figure_style import BLUE, GREEN, ORANGE, PALE, PURPLE, RED, SKY, STYLE, YELLOW

CLUSTER_COLOURS = (ORANGE, SKY, GREEN, PURPLE, YELLOW, RED, BLUE, "#FFFFFF")


def draw(path: str, grey: Array, truth: Array, reference: Result, kernels: Result) -> None:
    """Write the figure to `path`, in the format its ending names; ``-`` is PNG on standard output."""
    matplotlib = optional("matplotlib")
    matplotlib.use("Agg")
    plt = optional("matplotlib.pyplot")
    with matplotlib.rc_context(STYLE):
        tall = grey.shape[0] > 1.2 * grey.shape[1]
        figure = plt.figure(figsize=(13, 8.5 if tall else 6.4), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=[1.9, 1], height_ratios=[1.1, 1])
        _draw_boxes(figure.add_subplot(grid[:, 0]), plt, grey, truth, kernels)
        _draw_curve(figure.add_subplot(grid[0, 1]), kernels)
        _draw_ratios(figure.add_subplot(grid[1, 1]), reference, kernels)
        try:
            save_figure(figure, path)
        finally:
            plt.close(figure)


def _draw_boxes(axes: Any, plt: Any, grey: Array, truth: Array, found: Result) -> None:
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255)
    for x1, y1, x2, y2 in truth:
        axes.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, lw=1, ls=":", ec="white", alpha=0.9))
    handles = []
    for cluster in np.unique(found.clusters):
        colour = CLUSTER_COLOURS[cluster]
        boxes = found.boxes[found.clusters == cluster]
        for x1, y1, x2, y2 in boxes:
            axes.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, lw=2.4, ec=colour))
        width = float(np.mean(boxes[:, 2] - boxes[:, 0]))
        tone = float(np.mean(found.tones[found.clusters == cluster]))
        label = f"{len(boxes)} of {width:.0f} px, brightness {tone:.0%}"
        handles.append(plt.Line2D([], [], color=colour, lw=4, label=label))
    handles.append(plt.Line2D([], [], color=PALE, lw=1, ls=":", label="segmented"))
    axes.set_title(f"{len(found.boxes)} objects found, {found.matched} of {len(truth)} segmented ones matched")
    axes.set_axis_off()
    axes.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=2, frameon=False, columnspacing=3
    )


def _draw_curve(axes: Any, found: Result) -> None:
    axes.set_title("ROC of the candidates' scores")
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    axes.set_xlim(-0.02, 1)
    axes.set_ylim(0, 1.02)
    axes.plot([0, 1], [0, 1], color=PALE, lw=1, ls="--")
    hits = found.candidate_hits[np.argsort(-found.candidate_shares, kind="stable")]
    if not hits.any() or hits.all():
        axes.text(0.5, 0.4, "undefined:\none class only", ha="center", va="center")
        return
    true_rate = np.concatenate([[0], np.cumsum(hits) / hits.sum()])
    false_rate = np.concatenate([[0], np.cumsum(~hits) / (~hits).sum()])
    axes.plot(false_rate, true_rate, color=BLUE, lw=2.4)
    axes.fill_between(false_rate, true_rate, color=BLUE, alpha=0.12, lw=0)
    axes.text(0.96, 0.08, f"AUC {found.auc:.4f}\n{len(hits)} candidates", ha="right", transform=axes.transAxes)


def _draw_ratios(axes: Any, reference: Result, kernels: Result) -> None:
    pairs = list(zip(reference.stages, kernels.stages, strict=True))[::-1]
    ratios = [slow.seconds / fast.seconds for slow, fast in pairs]
    bars = axes.barh([slow.name for slow, _ in pairs], ratios, color=GREEN, height=0.66)
    axes.bar_label(bars, [format_ratio(ratio) for ratio in ratios], padding=4)
    axes.set_xscale("log")
    axes.set_xlim(min(1, *ratios), max(ratios) * 4)
    axes.set_title("Speed-up over the reference")
    axes.tick_params(axis="y", length=0)
