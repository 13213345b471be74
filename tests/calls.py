"""A well-formed call of every public name, at any size: what many tests and tools start from.

`ENTRIES[name](namespace)` is a function of keyword arguments; for a class it makes the object, uses it and returns
what it answers. `EXAMPLES[name](n, dtype)` gives the array arguments, `VARIANTS[name]` further keyword arguments, where
a function stands for an array of n values. Inputs are integers and their quotients by powers of two, so they are the
same on every platform and with every version of NumPy.
"""

import inspect

import numpy as np

from fastgeo import reference


def _bits(count, seed):
    """Fixed pseudo-random 64-bit words (splitmix64)."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed << 32)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(shape, low=0.0, high=1.0, dtype=np.float64, seed=0):
    """Uniform numbers in [low, high), the same everywhere."""
    fraction = (_bits(int(np.prod(shape)), seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (low + fraction * (high - low)).astype(dtype).reshape(shape)


def whole(shape, low, high, dtype=np.int64, seed=0):
    """Uniform integers in [low, high), the same everywhere."""
    return (
        (low + (_bits(int(np.prod(shape)), seed) >> np.uint64(33)).astype(np.int64) % (high - low))
        .astype(dtype)
        .reshape(shape)
    )


def boxes(n, dtype, seed=0):
    """Crowded boxes; every third lies on the integer grid, so that ties and touching edges occur; some are empty."""
    corner = uniform((n, 2), 0, 100, seed=seed)
    result = np.concatenate([corner, corner + uniform((n, 2), -1, 25, seed=seed + 1)], axis=1)
    result[::3] = np.rint(result[::3])
    return result.astype(dtype)


def tied_scores(n, dtype, seed=0):
    """Scores in [0, 1), a quarter of them equal to another."""
    scores = uniform(n, seed=seed)
    scores[::4] = np.floor(scores[::4] * 16) / 16
    return scores.astype(dtype)


def two_classes(n, seed=0):
    labels = whole(n, 0, 2, seed=seed)
    labels[:2] = [0, 1][:n]
    return labels


def _pair(n, dtype):
    return {"boxes1": boxes(n, dtype, 1), "boxes2": boxes(n + 3, dtype, 5)}


def _labelled(n, dtype):
    return {"labels": two_classes(n), "scores": tied_scores(n, dtype, 3)}


def _scored(n, dtype):
    return {"boxes": boxes(n, dtype, 1), "scores": tied_scores(n, dtype, 3), "iou_threshold": 0.5}


def _several_models(n, dtype):
    """The boxes of three detectors, one of which found nothing."""
    sizes = [n, n // 2, 0]
    return {
        "boxes_list": [boxes(size, dtype, seed) / 100 for seed, size in enumerate(sizes)],
        "scores_list": [tied_scores(size, dtype, seed) for seed, size in enumerate(sizes)],
        "labels_list": [whole(size, 0, 3, seed=seed) for seed, size in enumerate(sizes)],
    }


def _detector_head(n, dtype):
    return {
        "boxes": np.stack([boxes(n, dtype, 1), boxes(n, dtype, 5)]),
        "scores": tied_scores(2 * n * 3, dtype, 3).reshape(2, n, 3),
        "iou_threshold": 0.5,
    }


def _head(n, dtype):
    """Two images with n anchors of four classes, some of whose scores are tied."""
    head = np.concatenate(
        [uniform((2, 4, n), 5, 100, seed=1), tied_scores(2 * 4 * n, dtype, 3).reshape(2, 4, n)], axis=1
    )
    return {"predictions": head.astype(dtype)}


def _evaluated(n, dtype):
    """n detections and half as many truths of three classes in a few images; scores, overlaps and images are tied."""
    found, true = "detections['{}']".format, "truth['{}']".format
    return {
        found("image_id"): whole(n, 0, n // 8 + 2, seed=2),
        found("class_id"): whole(n, 0, 3, seed=3),
        found("boxes"): boxes(n, dtype, 1),
        found("scores"): tied_scores(n, dtype, 3),
        true("image_id"): whole(n // 2, 0, n // 8 + 2, seed=2),
        true("class_id"): whole(n // 2, 0, 3, seed=3),
        true("boxes"): boxes(n // 2, dtype, 1),
        "fmt": "xyxy",
    }


def _ids(n, dtype):
    return whole(n, -2, 3, seed=7)


def _weights(n, dtype):
    return uniform(n, 0.25, 2, dtype, seed=9)


def _tensor(*shape, low=-1, seed=0):
    return lambda n, dtype: uniform(shape, low, 1, dtype, seed)


def _image(n, dtype):
    return {"inputs": uniform((2, n, n + 1, 4), -1, 1, dtype, seed=1)}


def _convolved(n, dtype):
    return {**_image(n, dtype), "kernel": uniform((3, 3, 4, 6), -1, 1, dtype, seed=2)}


def _pooled(n, dtype):
    return {**_image(n, dtype), "size": 3}


def _costs(n, dtype):
    """Wider than high; whole numbers, so that there are ties."""
    return whole((n, n + 3), 0, 3 * n, dtype, seed=1)


def _gaps(n, dtype):
    """The same with every seventh pair forbidden."""
    return np.where(whole((n, n + 3), 0, 7, seed=2) == 0, np.inf, _costs(n, dtype)).astype(dtype)


def _steps(first, last, count):
    return lambda n, dtype: np.linspace(first, last, count)


def _areas(share):
    return lambda n, dtype: uniform(n // share, 0, 2000, dtype, seed=6)


def _points(n, dtype, seed=11):
    return uniform((n, 5), -1, 1, dtype, seed)


def _wide(seed):
    return lambda n, dtype: uniform((n, 37), 0.2, 1, dtype, seed)


def _clustered(n, dtype):
    return {"X": _points(n, dtype), "k": 3, "seed": 0}


def _rotated(n, dtype, seed=0):
    """Centres, sizes, and angles in quarter degrees."""
    angle = whole((n, 1), -800, 800, np.float64, seed + 2) / 4
    return np.hstack([uniform((n, 2), 0, 40, seed=seed), uniform((n, 2), 0, 20, seed=seed + 1), angle]).astype(dtype)


def _same_count(n, dtype):
    return {"boxes1": boxes(n, dtype, 1), "boxes2": boxes(n, dtype, 5)}


def dense_masks(n, seed=0, height=24, width=20):
    """Diamonds of different places and sizes with a little noise; some are empty, some reach over the edge."""
    y, x = np.mgrid[:height, :width]
    centres, slopes = whole((n, 2, 1, 1), -2, height + 2, seed=seed), whole((n, 2, 1, 1), 1, 4, seed=seed + 1)
    distance = abs(y - centres[:, 0]) * slopes[:, 0] + abs(x - centres[:, 1]) * slopes[:, 1]
    noise = whole((n, height, width), 0, 200, seed=seed + 2) == 0
    return (distance < whole((n, 1, 1), 0, 30, seed=seed + 3)) ^ noise


def _mask_columns(n, dtype):
    masks = reference.Masks.encode(dense_masks(n))
    return {"counts": masks.counts, "offsets": masks.offsets, "sizes": masks.sizes}


def _polygons(n, dtype):
    """In and around an image of 24 by 20, of three to seven corners."""
    return [uniform(2 * (3 + i % 5), -4, 28, dtype, seed=i).tolist() for i in range(n)]


def _mask_pair(n, dtype):
    return {"masks1": dense_masks(n, 1), "masks2": dense_masks(n + 3, 5)}


def _pasted(n, dtype):
    return {
        "probabilities": uniform((n, 7, 5), 0, 1, dtype, seed=1),
        "boxes": boxes(n, dtype, 2) / 2 - 4,
        "height": 40,
        "width": 30,
    }


EXAMPLES = {
    "box_iou": _pair,
    "generalized_box_iou": _pair,
    "distance_box_iou": _pair,
    "complete_box_iou": _pair,
    "scylla_box_iou": _pair,
    "box_ioa": _pair,
    "sparse_box_iou": _pair,
    "paired_box_iou": _same_count,
    "rotated_box_iou": lambda n, dtype: {"boxes1": _rotated(n, dtype, 1), "boxes2": _rotated(n + 3, dtype, 5)},
    "box_area": lambda n, dtype: {"boxes": boxes(n, dtype)},
    "box_convert": lambda n, dtype: {"boxes": boxes(n, dtype), "in_fmt": "xyxy", "out_fmt": "cxcywh"},
    "clip_boxes": lambda n, dtype: {"boxes": boxes(n, dtype), "size": (50, 60.5)},
    "nms": _scored,
    "batched_nms": lambda n, dtype: {**_scored(n, dtype), "idxs": _ids(n, dtype)},
    "nms_groups": _scored,
    "soft_nms": lambda n, dtype: {"boxes": boxes(n, dtype, 1), "scores": tied_scores(n, dtype, 3)},
    "weighted_boxes_fusion": _several_models,
    "rotated_nms": lambda n, dtype: {**_scored(n, dtype), "boxes": _rotated(n, dtype)},
    "multiclass_nms": _detector_head,
    "conv2d": _convolved,
    "Conv2d": _convolved,
    "max_pool2d": _pooled,
    "avg_pool2d": _pooled,
    "lp_pool2d": _pooled,
    "histogram_auc": _labelled,
    "roc_auc": _labelled,
    "roc_curve": _labelled,
    "precision_recall_curve": _labelled,
    "average_precision": _labelled,
    "roc_auc_interval": _labelled,
    "AUCHistogram": _labelled,
    "kmeans": lambda n, dtype: {**_clustered(n, dtype), "max_iter": 10},
    "assign": lambda n, dtype: {"X": _points(n, dtype), "centroids": _points(n // 20 + 2, dtype, 13)},
    "kmeans_plusplus": _clustered,
    "pairwise_distance": lambda n, dtype: {"X": _points(n, dtype), "Y": _points(n + 3, dtype, 13)},
    "StreamingKMeans": _clustered,
    "linear_assignment": lambda n, dtype: {"cost": _costs(n, dtype)},
    "match_boxes": _pair,
    "decode_predictions": _head,
    "mean_average_precision": _evaluated,
    "DetectionEvaluator": _evaluated,
    "Masks": _mask_columns,
    "mask_iou": _mask_pair,
    "mask_nms": lambda n, dtype: {
        "masks": dense_masks(n),
        "scores": tied_scores(n, dtype, 3),
        "iou_threshold": 0.25,
    },
    "mask_to_boxes": lambda n, dtype: {"dense": dense_masks(n)},
    "boundary_iou": _mask_pair,
    "paste_masks": _pasted,
}

_FORMATS = [{}, {"fmt": "xywh"}, {"fmt": "cxcywh", "offset": 1}]
_SUPPRESSING = [*_FORMATS, {"score_threshold": 0.25, "max_output": 4}, {"kind": "diou"}, {"kind": "ioa"}]
_WEIGHTED = [{}, {"sample_weight": _weights}]
_CONVOLVING = [
    {},
    {"bias": _tensor(6), "activation": "relu", "padding": "same"},
    {"groups": 2, "kernel": _tensor(3, 2, 2, 6), "stride": 2, "padding": ((1, 0), (2, 1)), "dilation": (1, 2)},
    {"groups": 4, "kernel": _tensor(3, 3, 1, 4), "padding": 1, "padding_mode": "reflect"},
    {"kernel": _tensor(1, 1, 4, 33), "padding": 1, "padding_mode": "replicate"},
    {"layout": "NCHW", "inputs": _tensor(1, 3, 19, 23), "kernel": _tensor(17, 3, 3, 3), "padding": 1},
]
_POOLING = [
    {},
    {"size": 2, "padding": 1, "dilation": (2, 1), "ceil_mode": True},
    {"stride": 1, "layout": "NCHW", "padding": 1},
]
_METRICS = [{}, {"metric": "cosine"}]

VARIANTS = {
    "box_iou": [*_FORMATS, {"iscrowd": lambda n, dtype: whole(n + 3, 0, 2, bool)}],
    "generalized_box_iou": _FORMATS,
    "distance_box_iou": _FORMATS,
    "complete_box_iou": _FORMATS,
    "scylla_box_iou": _FORMATS,
    "box_ioa": _FORMATS,
    "sparse_box_iou": [{}, {"fmt": "cxcywh", "threshold": 0.5}],
    "paired_box_iou": [*_FORMATS, {"kind": "giou"}, {"kind": "diou"}, {"kind": "ciou"}, {"kind": "siou"}],
    "rotated_box_iou": [{}],
    "box_area": _FORMATS,
    "box_convert": [{}, {"in_fmt": "cxcywh", "out_fmt": "xyxy"}, {"in_fmt": "xywh"}],
    "clip_boxes": [{}],
    "nms": _SUPPRESSING,
    "batched_nms": _SUPPRESSING,
    "nms_groups": [*_SUPPRESSING, {"idxs": _ids}],
    "soft_nms": [{}, {"method": "linear", "fmt": "xywh", "score_threshold": 0.25}, {"sigma": 0.1}],
    "weighted_boxes_fusion": [{}, {"weights": _tensor(3, low=0.5), "skip_box_threshold": 0.25, "iou_threshold": 0.3}],
    "rotated_nms": [{}, {"score_threshold": 0.25, "max_output": 4}],
    "multiclass_nms": [
        {},
        {"top_k": 20, "max_output": 7, "class_agnostic": True},
        {"boxes": lambda n, dtype: np.stack([boxes(3 * n, dtype, 1).reshape(n, 3, 4)] * 2), "fmt": "cxcywh"},
        {"iou_threshold": _tensor(3, low=0.25), "score_threshold": _tensor(3, low=0.25)},
    ],
    "conv2d": _CONVOLVING,
    "Conv2d": _CONVOLVING,
    "max_pool2d": [*_POOLING, {"return_indices": True}],
    "avg_pool2d": [*_POOLING, {"count_include_pad": False, "padding": 1}],
    "lp_pool2d": [*_POOLING, {"p": 1}, {"p": 3.5}],
    "histogram_auc": [*_WEIGHTED, {"n_bins": 1}, {"n_bins": 1000, "range": (-0.5, 1.5)}],
    "roc_auc": [
        *_WEIGHTED,
        {"groups": lambda n, dtype: whole(n, 0, 3, seed=4), "on_undefined": "nan"},
        {"max_fpr": 0.25},
        {"labels": lambda n, dtype: np.arange(n) % 4, "scores": lambda n, dtype: uniform((n, 4), 0, 1, dtype)},
    ],
    "roc_curve": [*_WEIGHTED, {"drop_intermediate": False}],
    "precision_recall_curve": [*_WEIGHTED, {"drop_intermediate": True}],
    "average_precision": _WEIGHTED,
    "roc_auc_interval": [{}, {"level": 0.5}],
    "AUCHistogram": [*_WEIGHTED, {"n_bins": 7, "range": (-0.5, 1.5)}],
    "kmeans": [
        *_METRICS,
        {"metric": "iou", "X": lambda n, dtype: uniform((n, 2), 0, 1, dtype)},
        {"sample_weight": _weights, "n_init": 2},
        {"init": _tensor(3, 5)},
        {"init": "random"},
    ],
    "assign": [
        *_METRICS,
        {
            "metric": "iou",
            "X": lambda n, dtype: uniform((n, 2), 0, 1, dtype),
            "centroids": lambda n, dtype: uniform((4, 2), 0, 1, dtype, 5),
        },
    ],
    "kmeans_plusplus": _WEIGHTED,
    "pairwise_distance": [
        {},
        {"kind": "sqeuclidean"},
        {"kind": "cosine"},
        # By products; some pairs are near.
        {"X": _wide(11), "Y": _wide(13)},
        {"X": _wide(11), "Y": _wide(13), "kind": "cosine"},
    ],
    "StreamingKMeans": [{}, {"decay": 0.5}],
    "linear_assignment": [
        {},
        {"max_cost": 2.5},
        {"cost": lambda n, dtype: _gaps(n, dtype).T},
        {"cost": lambda n, dtype: -_gaps(n, dtype), "maximize": True},
        {"cost": lambda n, dtype: uniform((n, n), 0, 1, dtype, seed=3)},
    ],
    "match_boxes": [{}, {"iou_threshold": 0.0}, {"fmt": "cxcywh"}],
    "decode_predictions": [
        {},
        {"objectness": True, "multi_label": True, "score_threshold": 0.5},
        {"logits": True, "score_threshold": 0.6},
        {"classes": lambda n, dtype: np.array([2, 0]), "class_agnostic": True, "fmt": "xyxy"},
        {
            "predictions": lambda n, dtype: whole((2, n, 8), 0, 200, np.uint8, seed=1),
            "layout": "channels_last",
            "scale": 0.005,
        },
    ],
    "mean_average_precision": [
        {},
        {"truth['iscrowd']": lambda n, dtype: whole(n // 2, 0, 2, bool, 5), "class_agnostic": True},
        {"truth['ignore']": lambda n, dtype: whole(n // 2, 0, 2, seed=5), "truth['areas']": _areas(2)},
        {
            "images": lambda n, dtype: np.arange(n // 8 + 5)[::-1],
            "classes": lambda n, dtype: np.arange(4)[::-1],
            "detections['areas']": _areas(1),
        },
        {"fmt": "xywh", "max_detections": [2, 3], "area_ranges": {"all": (0, 1e9), "some": (20, 200)}},
        {"fmt": "cxcywh", "iou_thresholds": _steps(0, 1, 33), "recall_thresholds": _steps(1, 0, 7)},
        {"convention": "voc2007", "truth['ignore']": lambda n, dtype: whole(n // 2, 0, 2, seed=5)},
        {"convention": "voc2012", "iou_thresholds": _steps(0.1, 0.9, 5), "max_detections": [2, 50]},
    ],
    "Masks": [{}, {"fmt": "cxcywh", "owner": _ids}, {"polygons": _polygons}],
    "mask_iou": [
        {},
        {"iscrowd": lambda n, dtype: whole(n + 3, 0, 2, bool)},
        {"masks1": lambda n, dtype: dense_masks(n, 2).astype(np.int32).transpose(0, 2, 1).copy().transpose(0, 2, 1)},
    ],
    "mask_nms": [{}, {"idxs": _ids, "score_threshold": 0.25, "max_output": 4}],
    "mask_to_boxes": [{}],
    "boundary_iou": [{}, {"dilation_ratio": 0.1}],
    "paste_masks": [{}, {"threshold": 0.25}],
}
VARIANTS["DetectionEvaluator"] = VARIANTS["mean_average_precision"]

# Sizes that reach tails of every vector width, several chunks, and the pool.
_IMAGE_SIDES = (5, 18, 61)
SIZES = {
    "rotated_nms": (5, 37, 300),
    "rotated_box_iou": (5, 37, 300),
    "conv2d": _IMAGE_SIDES,
    "Conv2d": _IMAGE_SIDES,
    "max_pool2d": _IMAGE_SIDES,
    "avg_pool2d": _IMAGE_SIDES,
    "lp_pool2d": _IMAGE_SIDES,
    "histogram_auc": (5, 300_001),
    "roc_auc": (5, 100_001),
    "roc_curve": (5, 20_001),
    "precision_recall_curve": (5, 20_001),
    "average_precision": (5, 20_001),
    "roc_auc_interval": (5, 20_001),
    "AUCHistogram": (5, 300_001),
    "kmeans": (5, 2001),
    "assign": (5, 37, 5003),
    "kmeans_plusplus": (5, 20_001),
    "linear_assignment": (5, 37, 150),
    "mean_average_precision": (5, 37, 300),
    "DetectionEvaluator": (5, 37, 300),
    "boundary_iou": (5, 37, 300),
    **dict.fromkeys(["Masks", "mask_iou", "mask_nms", "mask_to_boxes", "boundary_iou", "paste_masks"], (5, 37, 120)),
}
USUAL_SIZES = (5, 37, 700)

# Sizes at which helpers of the pool take part, for every function that shares its work at all.
SHARED = {
    **dict.fromkeys(["box_iou", "box_ioa", "sparse_box_iou", "generalized_box_iou"], 700),
    **dict.fromkeys(["distance_box_iou", "complete_box_iou", "scylla_box_iou"], 700),
    "paired_box_iou": 100_000,
    "rotated_box_iou": 300,
    "batched_nms": 9000,
    "multiclass_nms": 10_000,
    **dict.fromkeys(["conv2d", "Conv2d"], 61),
    **dict.fromkeys(["max_pool2d", "avg_pool2d", "lp_pool2d"], 200),
    **dict.fromkeys(["histogram_auc", "AUCHistogram"], 600_000),
    "kmeans": 100_000,
    "kmeans_plusplus": 100_000,
    "assign": 5003,
    "pairwise_distance": 2000,
    "StreamingKMeans": 50_000,
    "match_boxes": 700,
    "decode_predictions": 100_000,
    "mean_average_precision": 20_000,
    "DetectionEvaluator": 20_000,
    **dict.fromkeys(["mask_iou", "mask_to_boxes", "boundary_iou", "paste_masks"], 700),
}
OF_EACH_FAMILY = ("box_iou", "batched_nms", "conv2d", "histogram_auc", "assign")


def _use_conv2d(namespace):
    def call(inputs, out=None, n_threads=None, **construction):
        return namespace.Conv2d(**construction)(inputs, out=out, n_threads=n_threads)

    return call


def _use_streaming_kmeans(namespace):
    def call(X, **construction):
        model = namespace.StreamingKMeans(**construction)
        model.partial_fit(X)
        model.partial_fit(X)
        return model.centroids, model.predict(X)

    return call


def _use_auc_histogram(namespace):
    def call(labels, scores, sample_weight=None, **construction):
        histogram = namespace.AUCHistogram(**construction).update(labels, scores, sample_weight)
        other = namespace.AUCHistogram.from_bytes(histogram.to_bytes())
        both = histogram.merge(other)
        return both.auc("nan"), both.bounds(), both.roc_curve(), both.precision_recall_curve()

    return call


def _use_mean_average_precision(namespace):
    """A keyword "truth['boxes']" is a column of the table `truth`."""

    def call(n_threads=None, **construction):
        answer = namespace.mean_average_precision(**_tables(construction), n_threads=n_threads)
        return *answer[:3], answer.classes, answer.images, *([] if answer.areas is None else [answer.areas])

    return call


def _use_masks(namespace):
    def call(counts, offsets, sizes, fmt="xywh", owner=None, polygons=()):
        masks = namespace.Masks(counts, offsets, sizes)
        strings = [rle["counts"] for rle in masks.to_coco()]
        if polygons:
            masks = namespace.Masks.from_polygons(polygons, 24, 20)
        joined = masks.merge(owner)
        columns = (joined.counts, joined.offsets, joined.sizes, masks[::2].counts)
        return masks.boxes(fmt), masks.area(), masks.decode(), b" ".join(strings), *columns

    return call


def _use_detection_evaluator(namespace):
    def call(**construction):
        keywords = _tables(construction)
        tables = keywords.pop("detections"), keywords.pop("truth")
        evaluator = namespace.DetectionEvaluator(**keywords).update(*tables)
        answer = namespace.DetectionEvaluator.from_bytes(evaluator.to_bytes()).compute()
        return *answer[:3], answer.classes, answer.images, *([] if answer.areas is None else [answer.areas])

    return call


def _use_paste_masks(namespace):
    def call(probabilities, boxes, height, width, threshold=0.5, n_threads=None):
        masks = namespace.paste_masks(probabilities, boxes, height, width, threshold=threshold, n_threads=n_threads)
        return masks.counts, masks.offsets, masks.sizes

    return call


def _tables(columns):
    tables = {"detections": {}, "truth": {}}
    for key in [key for key in columns if key.endswith("']")]:
        table, column = key[:-2].split("['")
        tables[table][column] = columns.pop(key)
    return {**tables, **columns}


def _function(name):
    return lambda namespace: getattr(namespace, name)


ENTRIES = {name: _function(name) for name in reference.__all__ if inspect.isfunction(getattr(reference, name))}
ENTRIES |= {"Conv2d": _use_conv2d, "StreamingKMeans": _use_streaming_kmeans, "AUCHistogram": _use_auc_histogram}
ENTRIES |= {"mean_average_precision": _use_mean_average_precision, "DetectionEvaluator": _use_detection_evaluator}
ENTRIES |= {"Masks": _use_masks, "paste_masks": _use_paste_masks}


def arguments(name, n, dtype=np.float64, variant=None):
    """Keyword arguments of a good call of `name`."""
    extra = {key: value(n, dtype) if callable(value) else value for key, value in (variant or {}).items()}
    return {**EXAMPLES[name](n, dtype), **extra}


def shared_call(name, dtype=np.float32):
    """Keyword arguments of a good call whose work is shared among threads."""
    return arguments(name, SHARED[name], dtype)


def parameters(name):
    """The parameters of the function, or of the class and of its use in `ENTRIES`."""
    both = {**inspect.signature(getattr(reference, name)).parameters}
    both |= inspect.signature(ENTRIES[name](reference)).parameters
    return [key for key in both if key != "construction"]


# Every public name that has a call; `missing` tells of the others.
NAMES = [name for name in reference.__all__ if name in ENTRIES and name in EXAMPLES and name in VARIANTS]


def missing():
    """Public names without a call here; empty, or a test fails."""
    return sorted(set(reference.__all__) - set(NAMES))
