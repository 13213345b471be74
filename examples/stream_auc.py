"""ROC AUC over a stream of files in constant memory, with bounds on the exact value.

    python examples/stream_auc.py predictions/*.npz

Each file holds arrays `labels` (0 or 1) and `scores` (0 to 1). Without files, three are made up.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import fastgeo


def made_up_files(directory: str, n: int = 200_000) -> list[str]:
    rng = np.random.default_rng(0)
    for i in range(3):
        labels = rng.random(n) < 0.2
        scores = 1 / (1 + np.exp(-rng.normal(1.5 * labels, 1)))
        np.savez(Path(directory) / f"day{i}.npz", labels=labels, scores=scores)
    return sorted(str(path) for path in Path(directory).glob("*.npz"))


def main(paths: list[str]) -> None:
    histogram = fastgeo.AUCHistogram(n_bins=10_000)
    for path in paths:
        with np.load(path) as file:
            histogram.update(file["labels"], file["scores"])
        low, high = histogram.bounds()
        seen = histogram.n_positive + histogram.n_negative
        print(f"{path}: {seen} samples so far, AUC {histogram.auc():.6f}, exact value from {low:.6f} to {high:.6f}")


if __name__ == "__main__":
    if sys.argv[1:]:
        main(sys.argv[1:])
    else:
        with tempfile.TemporaryDirectory() as directory:
            main(made_up_files(directory))
