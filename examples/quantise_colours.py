"""Quantise a picture to 16 colours with k-means and write it beside the original.

Needs scikit-image for the picture and scikit-learn for the comparison: ``python quantise_colours.py [FILE.png]``.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
import sklearn.cluster
from skimage import data, io

import fastgeo

COLOURS = 16


def picture_file(text):
    path = Path(text)
    if path.suffix.lower() not in (".png", ".bmp", ".tiff", ".jpg", ".jpeg"):
        raise argparse.ArgumentTypeError(f"expected the name of a picture such as quantised.png, got {text!r}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no directory {path.parent}")
    return path


def cluster_with_scikit_learn(pixels, start):
    model = sklearn.cluster.KMeans(len(start), init=start, n_init=1, tol=0, max_iter=300).fit(pixels)
    return model.cluster_centers_, model.labels_, model.inertia_


def cluster_with_fastgeo(pixels, start):
    result = fastgeo.kmeans(pixels, len(start), init=start, max_iter=300)
    return result.centroids, result.labels, result.inertia


def main(path):
    picture = data.coffee()
    pixels = picture.reshape(-1, 3).astype(np.float32)
    start, _ = fastgeo.kmeans_plusplus(pixels, COLOURS, seed=0)
    seconds = []
    for cluster in (cluster_with_scikit_learn, cluster_with_fastgeo):
        begin = perf_counter()
        palette, labels, inertia = cluster(pixels, start)
        seconds.append(perf_counter() - begin)
        error = (inertia / picture.size) ** 0.5
        print(f"{cluster.__name__}: {error:.3f} of 255 levels off (root mean square)")
    quantised = np.rint(palette).astype(np.uint8)[labels].reshape(picture.shape)
    io.imsave(path, np.concatenate([picture, quantised], axis=1), check_contrast=False)
    before, after = seconds
    print(f"{path}: {COLOURS} colours of {len(pixels)} pixels")
    print(f"clustering  {before * 1e3:.0f} ms before, {after * 1e3:.0f} ms after: {before / after:.1f} times as fast")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "file", nargs="?", type=picture_file, default="quantised.png", help="where to write the pictures"
    )
    main(parser.parse_args().file)
