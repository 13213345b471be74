"""Quantise a picture to 16 colours with k-means and write it beside the original.

python examples/quantise_colours.py [FILE.png]
"""

import sys

import numpy as np
from skimage import data, io

import fastgeo

COLOURS = 16


def quantise(picture, n_colours):
    """The picture in `n_colours` colours, and the k-means result behind it."""
    pixels = picture.reshape(-1, 3).astype(np.float32)
    result = fastgeo.kmeans(pixels, n_colours, seed=0)
    palette = np.rint(result.centroids).astype(np.uint8)
    return palette[result.labels].reshape(picture.shape), result


def main(path="quantised.png"):
    picture = data.coffee()
    quantised, result = quantise(picture, COLOURS)
    io.imsave(path, np.concatenate([picture, quantised], axis=1), check_contrast=False)
    error = (result.inertia / picture.size) ** 0.5
    print(
        f"{path}: {COLOURS} colours after {result.n_iter} iterations, {error:.1f} of 255 levels off (root mean square)"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
