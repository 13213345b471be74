"""A network of LeNet's size reads scikit-learn's handwritten digits; no framework, no gradient descent.

python examples/lenet_digits.py

The filters of both convolutions are k-means centroids of what the layer sees (Coates and Ng, "Learning feature
representations with k-means", 2012); the last layer is a least-squares fit. The whole takes a few seconds.
"""

import numpy as np

import fastgeo


def digits():
    """Images (n, 8, 8, 1) in [0, 1] and their labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise SystemExit("This example reads scikit-learn's digits: pip install scikit-learn") from None
    images, labels = load_digits(return_X_y=True)
    return (images.reshape(-1, 8, 8, 1) / 16).astype(np.float32), labels


def filters(images, size, count):
    """A layer whose filters are the usual patches of the images, each compared with the mean patch."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size * size * images.shape[3])
    patches = patches[np.random.default_rng(0).choice(len(patches), 20_000)]
    mean = patches.mean(axis=0)
    length = np.linalg.norm(patches - mean, axis=1, keepdims=True)
    centroids = fastgeo.kmeans((patches - mean) / (length + 0.1), count, seed=0, max_iter=30).centroids
    kernel = centroids.T.reshape(size, size, images.shape[3], count)
    return fastgeo.Conv2d(kernel, -centroids @ mean, padding="same", activation="relu")


def classifier(features, labels, ridge=0.1):
    """A layer over the whole image, one output a digit: least squares on +1 and -1."""
    x = np.hstack([features.reshape(len(features), -1), np.ones((len(features), 1), np.float32)]).astype(np.float64)
    target = np.where(labels[:, None] == np.arange(10), 1.0, -1.0)
    weights = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ target).astype(np.float32)
    return fastgeo.Conv2d(weights[:-1].reshape(*features.shape[1:], 10), weights[-1])


def main():
    images, labels = digits()
    train, test = slice(0, 1000), slice(1000, None)
    first = filters(images[train], 3, 20)
    second = filters(fastgeo.max_pool2d(first(images[train]), 2), 3, 50)

    def features(x):
        return fastgeo.max_pool2d(second(fastgeo.max_pool2d(first(x), 2)), 2)

    last = classifier(features(images[train]), labels[train])
    scores = last(features(images[test]))[:, 0, 0]
    accuracy = np.mean(scores.argmax(axis=1) == labels[test])
    print(f"{len(scores)} digits never seen before: {accuracy:.1%} read correctly")
    return accuracy


if __name__ == "__main__":
    main()
