"""Tracking in the manner of SORT: predict each track, match it to a detection by IoU, greedily from the best pair.

Needs NumPy and fastgeo. Most pairs of a crowd do not overlap; `sparse_box_iou` returns only those that do.
"""

from time import perf_counter

import numpy as np

import fastgeo

IOU_THRESHOLD = 0.3


def made_frames(n_objects=600, n_frames=60, size=4000.0, seed=0):
    """Detections (boxes xyxy) of each frame: objects on straight paths, jitter, one in twenty missed."""
    rng = np.random.default_rng(seed)
    centre, speed = rng.uniform(0, size, (n_objects, 2)), rng.normal(0, 4, (n_objects, 2))
    extent = rng.uniform(30, 120, (n_objects, 2))
    for _ in range(n_frames):
        centre = centre + speed
        seen = rng.random(n_objects) > 0.05
        middle = centre[seen] + rng.normal(0, 1, (seen.sum(), 2))
        yield np.hstack([middle - extent[seen] / 2, middle + extent[seen] / 2])


def pairs_in_numpy(tracks, detections):
    """All N·M overlaps by broadcasting, then those above the threshold."""
    low = np.maximum(tracks[:, None, :2], detections[None, :, :2])
    high = np.minimum(tracks[:, None, 2:], detections[None, :, 2:])
    width, height = np.moveaxis(np.maximum(high - low, 0), -1, 0)
    common = width * height
    areas1, areas2 = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (tracks, detections))
    iou = common / (areas1[:, None] + areas2[None] - common)
    rows, columns = np.nonzero(iou > IOU_THRESHOLD)
    return rows, columns, iou[rows, columns]


def pairs_with_fastgeo(tracks, detections):
    return fastgeo.sparse_box_iou(tracks, detections, IOU_THRESHOLD)


class Tracker:
    """Constant-velocity tracks; a track without a detection for three frames is dropped."""

    def __init__(self, find_pairs):
        self.find_pairs = find_pairs
        self.seconds = 0.0
        self.boxes, self.speed = np.empty((0, 4)), np.empty((0, 4))
        self.ids, self.missed = np.empty(0, np.int64), np.empty(0, np.int64)
        self.next_id = 0

    def update(self, detections):
        """Take the detections of the next frame and return the id of each one's track."""
        self.boxes = self.boxes + self.speed
        start = perf_counter()
        rows, columns, values = self.find_pairs(self.boxes, detections)
        self.seconds += perf_counter() - start
        track_of, detection_of = np.full(len(detections), -1), np.full(len(self.boxes), -1)
        for i in np.argsort(-values, kind="stable"):
            row, column = rows[i], columns[i]
            if track_of[column] < 0 and detection_of[row] < 0:
                track_of[column], detection_of[row] = row, column
        matched = detection_of >= 0
        found = detections[detection_of[matched]]
        self.speed[matched] = 0.7 * self.speed[matched] + 0.3 * (found - (self.boxes[matched] - self.speed[matched]))
        self.boxes[matched] = found
        self.missed = np.where(matched, 0, self.missed + 1)
        new = np.flatnonzero(track_of < 0)
        ids = np.where(track_of >= 0, np.append(self.ids, -1)[track_of], 0)
        ids[new] = np.arange(self.next_id, self.next_id + len(new))
        self.next_id += len(new)
        stay = self.missed < 3
        self.boxes = np.vstack([self.boxes[stay], detections[new]])
        self.speed = np.vstack([self.speed[stay], np.zeros((len(new), 4))])
        self.ids = np.append(self.ids[stay], ids[new])
        self.missed = np.append(self.missed[stay], np.zeros(len(new), np.int64))
        return ids


def main():
    frames = list(made_frames())
    before, after = Tracker(pairs_in_numpy), Tracker(pairs_with_fastgeo)
    for detections in frames:
        assert np.array_equal(before.update(detections), after.update(detections))
    print(f"{len(frames)} frames of about {len(frames[0])} detections, {after.next_id} tracks")
    slow, fast = (tracker.seconds * 1e3 / len(frames) for tracker in (before, after))
    print(f"overlaps  {slow:.3f} ms a frame before (NumPy), {fast:.3f} ms after: {slow / fast:.0f} times as fast")


if __name__ == "__main__":
    main()
