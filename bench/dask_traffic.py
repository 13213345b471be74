"""What the Dask calls move between workers, against the formulas of docs/scale.md, and the client's peak memory.

python bench/dask_traffic.py [--rows-per-chunk 250000] [--chunks 8 64] [--workers 1 2]

Real processes of one thread each. Rows are made on the workers and lie there before a call. "Moved" is counted by
the workers themselves (transfer_incoming_log), "sockets" by the kernel for the loopback: with it the graph, heartbeats
and answers.
"""

import argparse
import time
import tracemalloc

import dask
import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster, wait

import fastgeo
from fastgeo import distributed
from fastgeo.distributed import key_intervals

K, D, BINS = 16, 8, 100
FAN_IN = 8
HEADS = 256  # of the arrays and numbers in one partial result, as Dask counts them


def joins(n_chunks):
    """Partial results that the tree joins: those of the chunks, and those of its levels but the last."""
    total = 0
    while n_chunks > 1:
        total += n_chunks
        n_chunks = -(-n_chunks // FAN_IN)
    return total


def tree(out, n_chunks, workers):
    """At most: every partial result that is not on the worker that joins it."""
    return joins(n_chunks) * out if workers > 1 else 0


def calls(X, images, workers):
    """(name, call, bytes moved at most) of the chunks of X."""
    n_chunks = len(X.chunks[0])
    rows = X.chunks[0][0]
    labels, scores = X[:, 0] < 0.3, X[:, 1]
    start = np.random.default_rng(0).random((K, D), np.float32)
    others = workers - 1
    yield "histogram_auc", lambda: distributed.histogram_auc(labels, scores), tree(16 * BINS + HEADS, n_chunks, workers)
    yield (
        "average_precision",
        lambda: distributed.average_precision(labels, scores),
        tree(16 * 10_000 + HEADS, n_chunks, workers),
    )
    counted = tree(key_intervals.BIN_BYTES * min(rows, key_intervals.MAX_BINS), n_chunks, workers)
    yield "roc_auc, tol=1e-2", lambda: distributed.roc_auc(labels, scores, tol=1e-2), counted
    sampled = tree(key_intervals.BIN_BYTES * 2 * key_intervals.SAMPLE_ROWS + HEADS, n_chunks, workers)
    compared = others and key_intervals.ROW_BYTES * rows * n_chunks + workers * 24 * key_intervals.MAX_PARTS
    yield "roc_auc, tol=0", lambda: distributed.roc_auc(labels, scores), sampled + compared
    iteration = tree(8 * K * (D + 1) + HEADS, n_chunks, workers) + others * 4 * K * D
    inertia = tree(HEADS, n_chunks, workers) + others * 4 * K * D
    yield (
        "kmeans, 3 iterations",
        lambda: distributed.kmeans(X, K, init=start, max_iter=3),
        3 * iteration + inertia,  # the last pass measures the result
    )
    drawn = 2 * (1 + 5 * 2 * K)  # twice as many as are to be expected
    weighed = tree(8 * drawn * (D + 1) + HEADS, n_chunks, workers)
    rounds = others * 11 * 4 * drawn * D + 5 * tree(HEADS, n_chunks, workers) + tree(4 * drawn * D, n_chunks, workers)
    yield (
        "kmeans, start and 1 iteration",
        lambda: distributed.kmeans(X, K, max_iter=1, seed=0),
        others and rounds + weighed + iteration + inertia,
    )
    kernel = np.ones((3, 3, *images.shape[3:], 8), np.float32)
    strips = 2 * images.shape[0] * images.shape[2] * images.shape[3] * 4 * (len(images.chunks[1]) - 1)
    yield (
        "conv2d, images in 4 bands",
        lambda: wait(distributed.conv2d(images, kernel, padding=1).persist()),
        others and strips + others * (kernel.nbytes + HEADS),
    )


def received(dask_worker):
    return sum(transfer["total"] for transfer in dask_worker.transfer_incoming_log)


def loopback():
    with open("/proc/net/dev") as lines:
        return next(int(line.split()[1]) for line in lines if line.strip().startswith("lo:"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows-per-chunk", type=int, default=250_000)
    parser.add_argument("--chunks", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    print(f"{options.rows_per_chunk} rows a chunk; fastgeo {fastgeo.__version__}")
    print("| call | workers | chunks | seconds | moved | at most | sockets | peak memory of the client |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    # A worker that falls behind hands rows to another; that is not what is counted here.
    dask.config.set({"distributed.scheduler.work-stealing": False})
    for workers in options.workers:
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50)
        with cluster, Client(cluster) as client:
            distributed.kmeans(da.ones((8, 2), chunks=(2, 2)), 1)  # imports
            for chunks in options.chunks:
                shape = (options.rows_per_chunk * chunks, D)
                X = da.random.default_rng(0).random(shape, np.float32, chunks=(options.rows_per_chunk, D)).persist()
                images = da.ones((chunks, 256, 256, 4), np.float32, chunks=(1, 64, 256, 4)).persist()
                wait([X, images])
                for name, call, most in calls(X, images, workers):
                    before, sockets = sum(client.run(received).values()), loopback()
                    begin = time.perf_counter()
                    call()
                    seconds = time.perf_counter() - begin
                    moved, sockets = sum(client.run(received).values()) - before, loopback() - sockets
                    tracemalloc.start()
                    call()
                    peak = tracemalloc.get_traced_memory()[1]
                    tracemalloc.stop()
                    print(
                        f"| {name} | {workers} | {chunks} | {seconds:.2f} | {size(moved)} | {size(most)} | "
                        f"{size(sockets)} | {size(peak)} |",
                        flush=True,
                    )
                    assert moved <= most, f"{name}: {moved} bytes moved, {most} expected at most"
                del X, images


def size(n_bytes):
    for unit, factor in (("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes:.0f} B"


if __name__ == "__main__":
    main()
