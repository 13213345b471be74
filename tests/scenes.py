"""Named scenes: boxes, scores and points arranged as data sets are, or as no one expects them.

Each is a function of a generator and a count: `BOXES[name](rng, n)` gives (n, 4) corners, `SCORES[name](rng, n)` n
scores, `POINTS[name](rng, n, d)` n points, all in float64. An algorithm that is fast on typical data has its worst case
in one of these.
"""

import numpy as np


def _boxes(corner, size):
    return np.concatenate([corner, corner + size], axis=1)


def _uniform(rng, n, side=1000.0, small=5.0, large=50.0):
    return _boxes(rng.uniform(0, side, (n, 2)), rng.uniform(small, large, (n, 2)))


def _sparse(rng, n):
    """About one neighbour for every box, at any n."""
    return _uniform(rng, n, side=max(30.0 * n**0.5, 50.0))


def _with_row(rng, n, where, row):
    boxes = _sparse(rng, n)
    boxes[where(n) if n else slice(0)] = row
    return boxes


def _first(n):
    return 0


def _middle(n):
    return n // 2


def _last(n):
    return n - 1


def _giant(where):
    return lambda rng, n: _with_row(rng, n, where, [0, 0, 30.0 * n**0.5 + 50, 30.0 * n**0.5 + 50])


def _stripes(kind):
    """Long thin boxes: 0 lying, 1 standing, 2 both."""

    def scene(rng, n):
        side = 30.0 * n**0.5 + 50
        corner, size = rng.uniform(0, side, (n, 2)), np.tile([side, 0.5], (n, 1))
        standing = np.full(n, kind == 1) if kind < 2 else rng.random(n) < 0.5
        corner[np.arange(n), standing.astype(int)] = 0
        size[standing] = size[standing, ::-1]
        return _boxes(corner, size)

    return scene


def _line(dx, dy):
    def scene(rng, n):
        place = rng.uniform(0, 20.0 * n + 1, (n, 1)) * [[dx, dy]]
        return _boxes(place, rng.uniform(5, 50, (n, 2)))

    return scene


def _two_scales(rng, n):
    """A few boxes 10⁶ times as large as the many."""
    boxes = _sparse(rng, n)
    large = rng.random(n) < 0.01
    boxes[large] = _boxes(boxes[large, :2], rng.uniform(1e6, 1e7, (large.sum(), 2)))
    return boxes


def _all_scales(octaves):
    def scene(rng, n):
        scale = np.exp2(rng.uniform(-octaves, octaves, (n, 1)))
        return _boxes(rng.uniform(-1, 1, (n, 2)), rng.uniform(0.5, 1, (n, 2))) * scale

    return scene


def _heaps(count, spread):
    """Jittered copies of a few boxes, as a detector makes before suppression."""

    def scene(rng, n):
        heaps = _uniform(rng, max(1, int(count(n))))
        return heaps[rng.integers(len(heaps), size=n)] + rng.uniform(-spread, spread, (n, 4))

    return scene


def _grid(pitch):
    """Squares of 10 on a grid: apart, touching, overlapping."""

    def scene(rng, n):
        side = int(np.ceil(n**0.5)) or 1
        corner = np.stack([np.arange(n) % side, np.arange(n) // side], axis=1) * float(pitch)
        return _boxes(corner, np.full((n, 2), 10.0))

    return scene


def _nested(rng, n):
    radius = np.linspace(1, 500, n)[:, None] * np.ones((1, 2))
    return _boxes(500 - radius, 2 * radius)


def _staircase(rng, n):
    return _boxes(np.arange(n)[:, None] * [[1.0, 1.0]], np.full((n, 2), 8.0))


def _pyramid(rng, n):
    """Anchors of four sizes at the cells of four grids."""
    level = rng.integers(4, size=n)
    stride = 8.0 * 2**level
    corner = np.floor(rng.uniform(0, 640, (n, 2)) / stride[:, None]) * stride[:, None]
    return _boxes(corner, np.repeat(4 * stride[:, None], 2, axis=1))


def _heavy_tailed(rng, n):
    boxes = _sparse(rng, n)
    return _boxes(boxes[:, :2], np.minimum(rng.pareto(0.7, (n, 2)) + 1, 1e6))


def _clumps(rng, n):
    """Two dense clumps a long way apart."""
    boxes = _uniform(rng, n, side=30.0 * n**0.5 + 1)
    boxes[n // 2 :] += 1e6
    return boxes


def _mapped(scene, change):
    return lambda rng, n: change(rng, scene(rng, n))


def _degenerate(rng, boxes):
    empty, crossed = rng.random((2, len(boxes))) < 0.2
    boxes[empty, 2:] = boxes[empty, :2]
    boxes[crossed] = boxes[crossed][:, [2, 3, 0, 1]]
    return boxes


BOXES = {
    "sparse": _sparse,
    "uniform": _uniform,
    "crowded": lambda rng, n: _uniform(rng, n, side=100.0),
    "small, far apart": lambda rng, n: _uniform(rng, n, side=1e6, small=0.1, large=1.0),
    "giant box first": _giant(_first),
    "giant box in the middle": _giant(_middle),
    "giant box last": _giant(_last),
    "outlier first": lambda rng, n: _with_row(rng, n, _first, [1e9, 1e9, 1e9 + 64, 1e9 + 64]),
    "outlier last": lambda rng, n: _with_row(rng, n, _last, [-1e9, 1e9, 64 - 1e9, 1e9 + 64]),
    "lying stripes": _stripes(0),
    "standing stripes": _stripes(1),
    "crossing stripes": _stripes(2),
    "line in x": _line(1, 0),
    "line in y": _line(0, 1),
    "diagonal": _line(1, 1),
    "staircase": _staircase,
    "one point": lambda rng, n: np.full((n, 4), 7.0),
    "all equal": lambda rng, n: np.tile([3.0, 4, 30, 40], (n, 1)),
    "ten different": _heaps(lambda n: 10, 0),
    "two scales": _two_scales,
    "scales 2^±8": _all_scales(8),
    "scales 2^±25": _all_scales(25),
    "scales 2^±55": _all_scales(55),
    "one heap": _heaps(lambda n: 1, 1.0),
    "heaps": _heaps(lambda n: n**0.5, 2.0),
    "many heaps": _heaps(lambda n: n / 8, 2.0),
    "grid apart": _grid(16),
    "grid touching": _grid(10),
    "grid overlapping": _grid(5),
    "grid, a hundredfold": _grid(1),
    "nested": _nested,
    "pyramid": _pyramid,
    "heavy tails": _heavy_tailed,
    "two clumps": _clumps,
    "whole pixels": _mapped(_uniform, lambda rng, boxes: np.rint(boxes)),
    "degenerate": _mapped(_uniform, _degenerate),
    "negative": _mapped(_sparse, lambda rng, boxes: boxes - 30.0 * len(boxes) ** 0.5),
    "far from the origin": _mapped(_sparse, lambda rng, boxes: boxes + 2.0**22),
    "sorted in x": _mapped(_sparse, lambda rng, boxes: boxes[np.argsort(boxes[:, 0])]),
    "sorted in y": _mapped(_sparse, lambda rng, boxes: boxes[np.argsort(-boxes[:, 1])]),
    "subnormal": _mapped(_sparse, lambda rng, boxes: boxes * 2.0**-145),
    "huge": _mapped(_sparse, lambda rng, boxes: boxes * 2.0**38),
}


def _some_infinite(rng, n):
    scores = rng.random(n)
    scores[rng.random(n) < 0.1] = -np.inf
    scores[rng.random(n) < 0.1] = np.inf
    return scores


SCORES = {
    "uniform": lambda rng, n: rng.random(n),
    "sorted": lambda rng, n: np.sort(rng.random(n)),
    "reversed": lambda rng, n: np.sort(rng.random(n))[::-1].copy(),
    "all equal": lambda rng, n: np.full(n, 0.5),
    "two values": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "rounded": lambda rng, n: np.round(rng.random(n), 2),
    "logits": lambda rng, n: rng.normal(0, 10, n),
    "subnormal": lambda rng, n: rng.random(n) * 2.0**-140,
    "huge": lambda rng, n: rng.normal(0, 2.0**100, n),
    "narrow": lambda rng, n: 1 + rng.random(n) * 2.0**-18,
    "all scales": lambda rng, n: np.exp2(rng.uniform(-120, 120, n)) * rng.choice([-1.0, 1.0], n),
    "one outlier": lambda rng, n: np.where(np.arange(n) == n // 2, -1e30, rng.random(n)),
    "some infinite": _some_infinite,
    "signed zeros": lambda rng, n: rng.choice([-0.0, 0.0, 0.5], n),
}


def _blobs(rng, n, d, count=12, spread=0.05):
    centres = rng.uniform(-1, 1, (count, d))
    return centres[rng.integers(count, size=n)] + rng.normal(0, spread, (n, d))


def _with_point(rng, n, d, value):
    points = rng.standard_normal((n, d))
    points[n // 2 : n // 2 + 1] = value
    return points


def _sparse_rows(rng, n, d):
    return rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.1)


POINTS = {
    "normal": lambda rng, n, d: rng.standard_normal((n, d)),
    "uniform": lambda rng, n, d: rng.random((n, d)),
    "blobs": _blobs,
    "tight blobs": lambda rng, n, d: _blobs(rng, n, d, spread=1e-4),
    "line": lambda rng, n, d: rng.random((n, 1)) * rng.standard_normal((1, d)),
    "all equal": lambda rng, n, d: np.full((n, d), 0.75),
    "ten different": lambda rng, n, d: rng.standard_normal((10, d))[rng.integers(10, size=n)],
    "integers": lambda rng, n, d: rng.integers(-3, 4, (n, d)).astype(float),
    "bits": lambda rng, n, d: rng.integers(0, 2, (n, d)).astype(float),
    "sorted": lambda rng, n, d: np.sort(rng.standard_normal((n, d)), axis=0),
    "outlier": lambda rng, n, d: _with_point(rng, n, d, 1e6),
    "far outlier": lambda rng, n, d: _with_point(rng, n, d, 2.0**45),
    "far from the origin": lambda rng, n, d: rng.standard_normal((n, d)) + 1e4,
    "two scales": lambda rng, n, d: rng.standard_normal((n, d)) * np.where(rng.random((n, 1)) < 0.5, 1.0, 1e-6),
    "all scales": lambda rng, n, d: rng.standard_normal((n, d)) * np.exp2(rng.uniform(-60, 40, (n, 1))),
    "one wide column": lambda rng, n, d: rng.standard_normal((n, d)) * np.where(np.arange(d) == 0, 1e4, 1.0),
    "sparse rows": _sparse_rows,
    "zero rows": lambda rng, n, d: rng.standard_normal((n, d)) * (rng.random((n, 1)) < 0.7),
    "heavy tails": lambda rng, n, d: rng.standard_cauchy((n, d)).clip(-1e9, 1e9),
    "spiral": lambda rng, n, d: np.sin(np.linspace(0, 30, n)[:, None] * np.arange(1, d + 1)),
}
