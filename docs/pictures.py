"""Draw the pictures of the documentation from fastgeo's real output: ``python docs/pictures.py``."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

import fastgeo

TEAL, ORANGE, GREY, PURPLE, BLUE = "#00897b", "#f4511e", "#9e9e9e", "#7e57c2", "#1e88e5"
STYLE = {
    "figure.figsize": (9.6, 3.4),
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "svg.hashsalt": "fastgeo",
    "savefig.dpi": 110,
    "legend.frameon": False,
}


def draw_all(directory):
    """Draw every picture into a directory."""
    directory = Path(directory)
    directory.mkdir(exist_ok=True)
    with plt.rc_context(STYLE):
        for draw, suffix in (
            (boxes, "svg"),
            (suppression, "svg"),
            (convolution, "png"),
            (ranking, "svg"),
            (clustering, "svg"),
        ):
            figure = draw()
            figure.tight_layout()
            figure.savefig(
                directory / f"{draw.__name__}.{suffix}", metadata={"Date": None} if suffix == "svg" else None
            )
            plt.close(figure)


def add_boxes(axes, boxes, **style):
    for x1, y1, x2, y2 in boxes:
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, **style))


def picture_axes(axes, title, size):
    axes.set(title=title, xlim=(0, size[0]), ylim=(size[1], 0), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#dddddd")


def boxes():
    figure, (left, right) = plt.subplots(1, 2, width_ratios=[1, 1.5])
    fixed = np.array([[4.0, 3, 8, 6]])
    shifts = np.linspace(-4, 12, 400)
    moving = np.stack([shifts, np.full(400, 2.5), shifts + 2.5, np.full(400, 7.5)], axis=1)
    shown = 270
    picture_axes(left, f"a box moves from left to right; at x = {shifts[shown]:.1f}", (12, 10))
    add_boxes(left, fixed, fill=False, edgecolor="black", linewidth=2)
    add_boxes(left, moving[[shown]], facecolor=TEAL, alpha=0.35)
    add_boxes(left, moving[[shown]], fill=False, edgecolor=TEAL, linewidth=2)
    hull = np.hstack([np.minimum(fixed, moving[[shown]])[:, :2], np.maximum(fixed, moving[[shown]])[:, 2:]])
    add_boxes(left, hull, fill=False, edgecolor=GREY, linestyle="--")
    left.annotate("smallest box around both", hull[0, :2] + [0.1, -0.3], color="#616161")
    curves = [
        ("IoU", fastgeo.box_iou, "black"),
        ("GIoU", fastgeo.generalized_box_iou, ORANGE),
        ("DIoU", fastgeo.distance_box_iou, TEAL),
        ("CIoU", fastgeo.complete_box_iou, BLUE),
        ("SIoU", fastgeo.scylla_box_iou, PURPLE),
    ]
    for label, function, colour in curves:
        right.plot(shifts, function(fixed, moving)[0], color=colour, label=label, linewidth=1.8)
    right.axvline(shifts[shown], ymax=0.88, color=GREY, linewidth=0.8)
    right.axhline(0, color=GREY, linewidth=0.8)
    right.set(xlabel="x of its left edge", title="IoU is 0 wherever they do not touch; the others still tell how far")
    right.set_ylim(top=0.72)
    right.legend(loc="upper center", ncols=5, fontsize=9)
    return figure


def suppression():
    rng = np.random.default_rng(3)
    objects = np.array([[14, 12, 38, 46], [30, 14, 54, 50], [66, 30, 92, 58.0]])
    candidates = np.repeat(objects, 9, axis=0) + rng.normal(0, 1.6, (27, 4))
    scores = np.clip(rng.normal(0.7, 0.15, 27), 0.05, 0.99)
    keep = fastgeo.nms(candidates, scores, 0.5)
    soft_keep, soft_scores = fastgeo.soft_nms(candidates, scores, score_threshold=0.0)
    figure, (left, middle, right) = plt.subplots(1, 3)
    picture_axes(left, f"{len(candidates)} candidates", (100, 70))
    add_boxes(left, candidates, fill=False, edgecolor=GREY, linewidth=1)
    picture_axes(middle, f"nms keeps {len(keep)} at threshold 0.5", (100, 70))
    add_boxes(middle, candidates, fill=False, edgecolor="#e0e0e0", linewidth=1)
    add_boxes(middle, candidates[keep], fill=False, edgecolor=TEAL, linewidth=2.2)
    for i in keep:
        middle.annotate(f"{scores[i]:.2f}", candidates[i, :2] + [0.5, -1.5], color=TEAL, fontsize=9)
    order = np.argsort(-scores)
    softened = np.zeros(27)
    softened[soft_keep] = soft_scores
    right.bar(range(27), scores[order], color="#e0e0e0", label="score")
    right.bar(range(27), softened[order], color=ORANGE, width=0.55, label="after soft_nms")
    right.set(title="soft_nms lowers scores instead", xlabel="candidates by score", xticks=[])
    right.legend(loc="upper right", fontsize=9)
    return figure


def convolution():
    y, x = np.mgrid[0:160, 0:160].astype(np.float32)
    image = 0.25 + 0.3 * x / 160
    image += 0.5 * ((x - 55) ** 2 + (y - 60) ** 2 < 30**2)
    image -= 0.25 * ((np.abs(x - 110) < 25) & (np.abs(y - 105) < 32))
    image += 0.12 * (((x // 8 + y // 8) % 2) * ((x > 95) & (y < 55)))
    image = image[None, :, :, None]
    sobel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32)[:, :, None, None]
    blur = np.full((11, 11, 1, 1), 1 / 121, np.float32)
    results = [
        ("the picture", image, "gray"),
        ("conv2d, Sobel kernel", fastgeo.conv2d(image, sobel, padding="same", padding_mode="replicate"), "PuOr"),
        ("conv2d, 11×11 mean", fastgeo.conv2d(image, blur, padding="same", padding_mode="reflect"), "gray"),
        ("max_pool2d, 10×10", fastgeo.max_pool2d(image, 10), "gray"),
    ]
    figure, axes = plt.subplots(1, 4, figsize=(9.6, 2.8))
    for ax, (title, result, colours) in zip(axes, results, strict=True):
        limits = (-2, 2) if colours == "PuOr" else (0, 1.05)
        ax.imshow(result[0, :, :, 0], cmap=colours, vmin=limits[0], vmax=limits[1], interpolation="nearest")
        ax.set(title=title, xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def ranking():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 600)
    scores = 1 / (1 + np.exp(-rng.normal(1.6 * labels - 0.8, 1.1)))
    figure, (left, right) = plt.subplots(1, 2, width_ratios=[1.4, 1])
    bins = np.linspace(0, 1, 21)
    left.hist(scores[labels == 0], bins, color=GREY, alpha=0.7, label="negatives")
    left.hist(scores[labels == 1], bins, color=TEAL, alpha=0.6, label="positives")
    left.set(title="scores in 20 bins", xlabel="score", ylabel="count")
    left.legend()
    histogram = fastgeo.AUCHistogram(n_bins=20).update(labels, scores)
    low, high = histogram.bounds()
    fpr, tpr, _ = fastgeo.roc_curve(labels, scores)
    binned_fpr, binned_tpr, _ = histogram.roc_curve()
    right.plot(fpr, tpr, color="black", linewidth=1.6, label=f"exact: AUC {fastgeo.roc_auc(labels, scores):.4f}")
    label = f"20 bins: {histogram.auc():.4f},\nexact within {low:.3f} … {high:.3f}"
    right.plot(binned_fpr, binned_tpr, "o-", color=ORANGE, markersize=3, linewidth=1, label=label)
    right.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    right.set(title="ROC curve", xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    right.legend(loc="lower right", fontsize=8.5)
    return figure


def clustering():
    rng = np.random.default_rng(4)
    centres = np.array([[0, 0], [4.2, 0.6], [1.6, 3.8], [5.4, 4.2], [-2.6, 3.4]])
    points = np.concatenate([rng.normal(c, 0.75, (160, 2)) for c in centres])
    result = fastgeo.kmeans(points, 5, seed=0, n_init=5)
    figure, (left, right) = plt.subplots(1, 2, width_ratios=[1.2, 1])
    colours = np.array([TEAL, ORANGE, BLUE, PURPLE, "#6d4c41"])
    left.scatter(*points.T, s=7, c=colours[result.labels], alpha=0.6, linewidths=0)
    left.scatter(
        *result.centroids.T, s=150, marker="X", c="black", edgecolors="white", linewidths=1.4, label="centroids"
    )
    left.set(title="kmeans(points, 5)", aspect="equal", xticks=[], yticks=[])
    left.legend(loc="lower right", fontsize=9)
    ks = range(1, 11)
    right.plot(ks, [fastgeo.kmeans(points, k, seed=0, n_init=10).inertia for k in ks], "o-", color=TEAL, markersize=4)
    right.axvline(5, color=GREY, linewidth=0.8, linestyle="--")
    right.set(title="the inertia bends at the true number", xlabel="k", ylabel="inertia", ylim=(0, None))
    return figure


if __name__ == "__main__":
    draw_all(Path(__file__).parent / "pictures")
