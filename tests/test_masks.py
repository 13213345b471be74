"""The masks family: literals worked by hand, kernels against the reference, bad input."""

import pickle
import re

import numpy as np
import pytest
from calls import dense_masks
from hypothesis import given
from hypothesis import strategies as st

import fastgeo
from fastgeo import reference
from fastgeo.testing import assert_same_answer, force_algorithm

# Every form of a stack: rows, columns or masks side by side, gaps, the other way round, other types.
LAYOUTS = {
    "rows": lambda d: d,
    "columns": lambda d: d.transpose(0, 2, 1).copy().transpose(0, 2, 1),
    "columns with gaps": lambda d: np.repeat(d.transpose(0, 2, 1), 2, axis=1)[:, ::2].transpose(0, 2, 1),
    "masks": lambda d: d.transpose(1, 2, 0).copy().transpose(2, 0, 1),
    "Fortran": np.asfortranarray,
    "reversed": lambda d: d[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "gaps": lambda d: np.repeat(np.repeat(d, 2, axis=2), 3, axis=1)[:, ::3, ::2],
    "uint8": lambda d: d.astype(np.uint8) * 255,
    "int64": lambda d: d.astype(np.int64) << 40,
    "list": lambda d: d.tolist(),
}


def columns(masks):
    return masks.counts, masks.offsets, masks.sizes


def noise(n, height, width, share, seed=0):
    return np.random.default_rng(seed).random((n, height, width)) < share


def one_of_each(height=5, width=7):
    """Empty, full, one pixel in each corner, one row, one column, all but the first pixel."""
    masks = np.zeros((9, height, width), bool)
    masks[1] = masks[8] = True
    masks[2, 0, 0] = masks[3, -1, 0] = masks[4, 0, -1] = masks[5, -1, -1] = masks[6, height // 2] = True
    masks[7, :, width // 2] = True
    masks[8, 0, 0] = False
    return masks


@pytest.fixture
def classes(impl):
    """The class of the implementation; of the kernels on every instruction set by the marker of the test."""
    return impl.Masks


objects = pytest.mark.one_isa_at_a_time


@objects
class TestEncoding:
    def test_by_hand(self, classes):
        # columns: 0 1 1, 1 0 0, 0 0 1
        masks = classes.encode([[0, 1, 0], [1, 0, 0], [1, 0, 1]])
        assert_same_answer(masks.counts, np.array([1, 3, 4, 1], np.uint32))
        assert_same_answer(masks.offsets, np.array([0, 4]))
        assert_same_answer(masks.sizes, np.array([[3, 3]]))
        assert masks.to_coco() == [{"size": [3, 3], "counts": b"134N"}]
        assert classes.encode([[1, 1], [0, 0]]).counts.tolist() == [0, 1, 1, 1, 1]

    def test_longer_counts(self, classes):
        """16 and more take a second character, negative differences their sign."""
        masks = classes([15, 16, 31, 32, 500, 1], [0, 6], [[595, 1]])
        assert classes.from_coco(masks.to_coco()) == masks
        # 15, 16, 31, then 32 - 16 = 16, 500 - 31 = 469, 1 - 32 = -31
        assert masks.to_coco()[0]["counts"] == b"?`0o0`0e>QO"

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (5, 7), (63, 64), (64, 65), (130, 129)])
    def test_same_from_every_layout(self, kernels, layout, shape, n_threads):
        for dense in (one_of_each(*shape), noise(3, *shape, 0.5), noise(2, *shape, 0.02), noise(2, *shape, 0.98)):
            expected = reference.Masks.encode(dense)
            found = kernels.Masks.encode(LAYOUTS[layout](dense), n_threads=n_threads)
            assert_same_answer(columns(found), columns(expected))
            assert_same_answer(found.decode(n_threads=n_threads), dense.astype(np.uint8))

    def test_many_masks_and_long_columns(self, kernels, n_threads):
        for dense in (dense_masks(3000), noise(2, 700, 300, 0.3)):
            for stack in (dense, LAYOUTS["columns"](dense)):
                found = kernels.Masks.encode(stack, n_threads=n_threads)
                assert found == reference.Masks.encode(dense)
                assert_same_answer(found.decode(n_threads=n_threads), dense.astype(np.uint8))

    def test_labels(self, classes):
        image = np.array([[0, 3, 3], [7, 3, 0], [7, 7, 0]])
        assert classes.from_labels(image) == classes.encode(image == np.array([3, 7])[:, None, None])
        assert classes.from_labels(image, [7, 5, 0]) == classes.encode(image == np.array([7, 5, 0])[:, None, None])
        labels = np.random.default_rng(0).integers(-2, 3, (40, 30))
        ids = np.array([-2, -1, 1, 2])
        for form in (labels, np.asfortranarray(labels), labels.astype(np.int8)):
            assert classes.from_labels(form) == classes.encode(labels == ids[:, None, None])

    def test_nothing(self, classes):
        for masks in (
            classes.encode(np.zeros((0, 4, 5))),
            classes.encode([]),
            classes([], [], []),
            classes.from_coco([]),
        ):
            assert (len(masks), masks.decode().shape[0], masks.to_coco(), len(masks.merge())) == (0, 0, [], 0)
            assert_same_answer((masks.area(), masks.boxes()), (np.zeros(0, np.int64), np.zeros((0, 4))))
        assert len(classes.from_polygons([], 4, 5)) == len(classes.from_boxes([], 4, 5)) == 0


@objects
class TestPolygons:
    def test_by_hand(self, classes):
        # a square from (1, 1) to (3, 4) covers the pixels between
        expected = np.zeros((5, 6), np.uint8)
        expected[1:4, 1:3] = 1
        square = [1, 1, 3, 1, 3, 4, 1, 4]
        for form in (square, np.reshape(square, (4, 2)), np.array(square, np.float32), tuple(square)):
            assert_same_answer(classes.from_polygons([form], 5, 6).decode()[0], expected)
        assert_same_answer(classes.from_boxes([[1, 1, 3, 4]], 5, 6).decode()[0], expected)
        assert_same_answer(classes.from_boxes([[1, 1, 2, 3]], 5, 6, fmt="xywh").decode()[0], expected)
        assert_same_answer(classes.from_boxes([[2, 2.5, 2, 3]], 5, 6, fmt="cxcywh").decode()[0], expected)

    def test_outside_and_degenerate(self, classes):
        far = [[-9, -9, -5, -9, -5, -5], [50, 50, 60, 50, 60, 60], [2, 2], [1, 1, 4, 4], [3, 3, 3, 3, 3, 3]]
        assert classes.from_polygons(far, 5, 6).area().tolist() == [0] * 5
        assert classes.from_polygons([[-9, -9, 99, -9, 99, 99, -9, 99]], 5, 6).area().tolist() == [30]

    def test_many_crossings(self, kernels):
        corners = np.random.default_rng(0).uniform(-5, 70, (3000, 2))
        expected = reference.Masks.from_polygons([corners], 60, 64)
        assert kernels.Masks.from_polygons([corners], 60, 64) == expected


@objects
class TestMeasures:
    def test_by_hand(self, classes):
        masks = classes.encode(one_of_each())
        assert masks.area().tolist() == [0, 35, 1, 1, 1, 1, 7, 5, 34]
        assert masks.boxes().tolist()[:4] == [[0, 0, 0, 0], [0, 0, 7, 5], [0, 0, 1, 1], [0, 4, 1, 1]]
        assert masks[6:8].boxes("xyxy").tolist() == [[0, 2, 7, 3], [3, 0, 4, 5]]
        assert masks[6].boxes("cxcywh").tolist() == [[3.5, 2.5, 7, 1]]

    def test_merge(self, classes):
        dense = noise(6, 9, 11, 0.4)
        masks = classes.encode(dense)
        assert_same_answer(masks.merge().decode()[0], dense.any(axis=0).astype(np.uint8))
        assert_same_answer(masks.merge(intersect=True).decode()[0], dense.all(axis=0).astype(np.uint8))
        owner = [4, -1, 4, 7, -1, 4]
        groups = [[1, 4], [0, 2, 5], [3]]
        assert_same_answer(
            masks.merge(owner).decode(), np.stack([dense[g].any(axis=0) for g in groups]).astype(np.uint8)
        )
        assert masks.merge(np.arange(6)) == masks
        nothing = classes.encode(np.zeros((2, 9, 11), bool))
        assert nothing.merge() == nothing[:1]

    def test_merge_leaves_no_empty_run(self, classes):
        masks = classes([2, 1, 0, 2, 1], [0, 5], [[3, 2]])
        assert masks.merge().counts.tolist() == [2, 3, 1]
        assert masks.area().tolist() == [3]
        assert masks.boxes("xyxy").tolist() == [[0, 0, 2, 3]]

    @pytest.mark.parametrize("intersect", [False, True])
    def test_kernel_as_reference(self, kernels, intersect):
        masks = kernels.Masks.encode(np.concatenate([dense_masks(200), noise(20, 24, 20, 0.5)]))
        same = reference.Masks(*columns(masks))
        owner = np.random.default_rng(0).integers(0, 40, len(masks))
        assert masks.merge(owner, intersect=intersect) == same.merge(owner, intersect=intersect)
        assert_same_answer((masks.area(), masks.boxes()), (same.area(), same.boxes()))
        assert masks.to_coco() == same.to_coco()
        assert kernels.Masks.from_coco(masks.to_coco()) == masks


@objects
class TestContainer:
    def test_indexing(self, classes):
        dense = dense_masks(7)
        masks = classes.encode(dense)
        for index in (slice(None), slice(1, 6, 2), slice(None, None, -1), [3, 0, 3], np.arange(7) % 2 == 0, [], 4, -1):
            chosen = dense[index] if np.ndim(index) or isinstance(index, slice) else dense[[index]]
            assert_same_answer(masks[index].decode(), chosen.astype(np.uint8).reshape(masks[index].decode().shape))
        assert [len(mask) for mask in masks] == [1] * 7
        assert repr(masks[:2]) == f"<Masks: 2 of 24×20, {masks.offsets[2]} counts>"
        for index in (7, -8, [7]):
            with pytest.raises(IndexError):
                masks[index]
        for index in ("a", 1.5, [[1]]):
            with pytest.raises(TypeError, match="index: expected"):
                masks[index]

    def test_pickle_and_equality(self, classes):
        masks = classes.encode(dense_masks(5))
        assert pickle.loads(pickle.dumps(masks)) == masks
        assert masks != masks[:4]
        assert masks != 1

    def test_several_sizes(self, classes):
        masks = classes([2, 3, 1, 1, 3], [0, 3, 5], [[2, 3], [1, 4]])
        assert masks.area().tolist() == [3, 3]
        assert masks[1].decode().tolist() == [[[0, 1, 1, 1]]]
        with pytest.raises(ValueError, match=re.escape("masks[1]: expected masks of one size, 2 x 3, got 1 x 4")):
            masks.decode()
        with pytest.raises(ValueError, match=re.escape("masks[1]: expected 2 x 3, as the others")):
            masks.merge()
        assert masks.merge([1, 0]) == masks[[1, 0]]

    def test_decode_into(self, classes):
        dense = dense_masks(4)
        out = np.full(dense.shape, 7, np.uint8)
        assert classes.encode(dense).decode(out) is out
        assert_same_answer(out, dense.astype(np.uint8))
        with pytest.raises(ValueError, match="out: expected shape"):
            classes.encode(dense).decode(out[1:])


GOOD = ([2, 3, 1, 1, 3], [0, 3, 5], [[2, 3], [1, 4]])
CASES = {
    "sum": (([2, 3, 2, 1, 3], *GOOD[1:]), "counts: expected a sum of 6 for mask 0, got 7"),
    "negative": (([2, 3, 1, -1, 5], *GOOD[1:]), "counts[3]: expected a number from 0 to 2147483647, got -1"),
    "wraps": (([2, 3, 1, 2**32 + 1, 3], *GOOD[1:]), "counts[3]: expected a number from 0 to 2147483647"),
    "descends": ((GOOD[0], [0, 6, 5], GOOD[2]), "offsets[1]: expected ascending numbers from 0 to 5"),
    "begins late": ((GOOD[0], [1, 3, 5], GOOD[2]), "offsets[0]: expected ascending numbers"),
    "ends early": ((GOOD[0], [0, 3, 4], GOOD[2]), "offsets[2]: expected ascending numbers"),
    "no pixels": ((GOOD[0], GOOD[1], [[2, 3], [0, 4]]), "sizes[1, 0]: expected a number from 1"),
    "too many": ((GOOD[0], GOOD[1], [[2, 3], [2**16, 2**16]]), "sizes[1]: expected at most 2147483647 pixels"),
    "lengths": ((GOOD[0], GOOD[1], [[2, 3]]), "sizes: expected length 2"),
    "shape": ((GOOD[0], GOOD[1], [2, 3]), "sizes: expected shape (N, 2)"),
}
STRINGS = {
    "foreign": (b"13 N", "[2]: expected a character of run lengths, got b' '"),
    "beyond": (b"13pN", "[2]: expected a character of run lengths, got b'p'"),
    "high bit": (b"13\xe9N", "[2]: expected a character"),
    "ends": (b"134n", ": expected whole run lengths, got a string that ends inside one"),
    "negative": (b"N3", ": expected counts from 0 to 9, got -2 as number 0"),
    "sum": (b"133", ": expected a sum of 9, height times width, got 7"),
    "more": (b"138", ": expected a sum of 9, height times width, got 12"),
    "huge": (b"oooooo?", ": expected counts from 0 to 9"),
    "longer": (b"ooooooooo?", "[7]: expected a character of run lengths"),
}


@objects
class TestBadColumns:
    @pytest.mark.parametrize("case", CASES)
    def test_columns(self, classes, case):
        arguments, message = CASES[case]
        with pytest.raises(ValueError, match=re.escape(message)):
            classes(*arguments)

    def test_not_integers(self, classes):
        for place in range(3):
            arguments = [np.array(column, float) if k == place else column for k, column in enumerate(GOOD)]
            with pytest.raises(TypeError, match="expected an array of bool or integers, got dtype float64"):
                classes(*arguments)
        with pytest.raises(TypeError, match="dense: expected an array of bool or integers"):
            classes.encode(np.zeros((1, 2, 2)))

    @pytest.mark.parametrize("case", STRINGS)
    def test_strings(self, classes, case):
        text, message = STRINGS[case]
        good = {"size": [3, 3], "counts": b"134N"}
        with pytest.raises(ValueError, match=re.escape(f"rles[1]['counts']{message}")):
            classes.from_coco([good, {"size": [3, 3], "counts": text}])

    def test_listed_counts(self, classes):
        rles = [{"size": [3, 3], "counts": counts} for counts in (b"134N", [1, 3, 4, 1], "134N", np.array([9]))]
        assert classes.from_coco(rles).area().tolist() == [4, 4, 4, 0]
        for counts, message in {
            (1, 3): "rles[0]['counts']: expected a sum of 9, height times width, got 4",
            (1, -3): "rles[0]['counts'][1]: expected a number from 0 to 9, got -3",
            (): "rles[0]['counts']: expected a sum of 9",
            "": "rles[0]['counts']: expected run lengths, got ''",
        }.items():
            with pytest.raises(ValueError, match=re.escape(message)):
                classes.from_coco([{"size": [3, 3], "counts": counts}])

    def test_not_encodings(self, classes):
        for rle in (3, {"counts": b"9"}, {"size": 3, "counts": b"9"}, {"size": [3], "counts": b"9"}, None, "ab"):
            with pytest.raises(TypeError, match=re.escape("rles[0]: expected a mapping")):
                classes.from_coco([rle])
        for rles in (None, 3, {"size": [3, 3], "counts": b"9"}, b"9"):
            with pytest.raises(TypeError, match="rles: expected a list"):
                classes.from_coco(rles)
        for size in ([0, 9], [-3, -3], [2**16, 2**16]):
            with pytest.raises(ValueError, match=re.escape("rles[0]['size']: expected ")):
                classes.from_coco([{"size": size, "counts": b"9"}])
        with pytest.raises(TypeError, match=re.escape("rles[0]['size']: expected an integer")):
            classes.from_coco([{"size": [3, 3.5], "counts": b"9"}])

    def test_random_strings_never_crash(self, kernels):
        rng = np.random.default_rng(0)
        for _ in range(3000):
            height, width = (int(side) for side in rng.integers(1, 9, 2))
            text = bytes(rng.integers(48, rng.choice([56, 112, 130]), rng.integers(1, 12)).astype(np.uint8))
            rles = [{"size": [height, width], "counts": text}]
            outcomes = []
            for space in (kernels, reference):
                try:
                    outcomes.append(space.Masks.from_coco(rles).decode().tolist())
                except ValueError as error:
                    outcomes.append(str(error))
            assert outcomes[0] == outcomes[1]

    def test_polygons(self, classes):
        good = [0, 0, 3, 0, 3, 3]
        for polygon, message in [
            ([1, 2, 3], "polygons[1]: expected an even number of values, x and y in turn, got 3"),
            ([0, 0, np.nan, 1], "polygons[1][2]: expected a finite coordinate of magnitude at most 2**27, got nan"),
            ([0, 0, 1, 2.0**28], "polygons[1][3]: expected a finite coordinate"),
            ([], "polygons[1]: expected x0, y0"),
            (np.zeros((3, 3)), "polygons[1]: expected x0, y0"),
        ]:
            with pytest.raises(ValueError, match=re.escape(message)):
                classes.from_polygons([good, polygon], 5, 5)
        for polygon in ("text", None, [[1, 2], [3]], {"a": 1}):
            with pytest.raises(TypeError, match=re.escape("polygons[1]: expected an array of numbers")):
                classes.from_polygons([good, polygon], 5, 5)
        for height, width in [(0, 5), (5, -1), (2**16, 2**16)]:
            with pytest.raises(ValueError, match=r"(height|width): expected"):
                classes.from_polygons([good], height, width)
        with pytest.raises(ValueError, match=re.escape("boxes[0, 3]: expected a finite coordinate")):
            classes.from_boxes([[0, 0, 1, np.inf]], 5, 5)

    def test_images(self, classes):
        for image, error in [
            (np.zeros((0, 3), int), ValueError),
            (np.zeros(3, int), ValueError),
            (np.ones((2, 2)), TypeError),
        ]:
            with pytest.raises(error, match="image: expected"):
                classes.from_labels(image)
        with pytest.raises(ValueError, match=re.escape("dense: expected masks of 1 to 2147483647 pixels, got 0 x 3")):
            classes.encode(np.zeros((2, 0, 3), bool))


class TestOverlaps:
    def test_by_hand(self, impl):
        masks = np.zeros((3, 4, 4), bool)
        masks[0, :2], masks[1, 1:] = True, True
        table = impl.mask_iou(masks, masks)
        assert_same_answer(table, np.array([[1, 0.25, 0], [0.25, 1, 0], [0, 0, 0]]))
        crowded = impl.mask_iou(masks, masks, iscrowd=[0, 1, 0])
        assert_same_answer(crowded, np.array([[1, 0.5, 0], [0.25, 1, 0], [0, 0, 0]]))

    @pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
    def test_kernel_as_reference(self, kernels, share, n_threads):
        one = np.concatenate([one_of_each(24, 20), dense_masks(30), noise(5, 24, 20, share)])
        crowd = np.arange(len(one)) % 3 == 0
        expected = reference.mask_iou(one, one[::-1], iscrowd=crowd)
        assert_same_answer(kernels.mask_iou(one, one[::-1], iscrowd=crowd, n_threads=n_threads), expected)

    @pytest.mark.parametrize("shape", [(1, 90), (90, 1), (40, 33), (150, 200)])
    def test_pair_by_pair(self, kernels, shape):
        """A table from outlines by column, a single pair from runs."""
        densities = (0.005, 0.03, 0.1, 0.9, 0.97)
        dense = np.concatenate([noise(2, *shape, share) for share in densities] + [dense_masks(9, 1, *shape)])
        masks = fastgeo.Masks.encode(dense)
        with force_algorithm(fastgeo.mask_iou, "outlines"):
            table = kernels.mask_iou(masks, masks)
        for i, j in np.random.default_rng(0).integers(0, len(masks), (40, 2)):
            assert_same_answer(kernels.mask_iou(masks[i], masks[j]), table[i : i + 1, j : j + 1])

    def test_plan(self):
        """Outlines are made where each of them serves several pairs."""
        masks = fastgeo.Masks.encode(dense_masks(100))
        for n, m, algorithm in [
            (1, 100, "runs"),
            (20, 20, "runs"),
            (24, 24, "outlines"),
            (13, 100, "runs"),
            (14, 100, "outlines"),
        ]:
            plan = fastgeo.explain(fastgeo.mask_iou, masks[:n], masks[:m])
            assert (plan.algorithm, plan.chunks) == (algorithm, n)
        assert fastgeo.explain(fastgeo.boundary_iou, masks, masks).algorithm == "outlines"

    def test_masks_and_dense_stacks(self, impl):
        dense = dense_masks(5)
        masks = impl.Masks.encode(dense)
        assert_same_answer(impl.mask_iou(masks, dense), impl.mask_iou(dense, masks))
        assert impl.mask_iou(dense[:0], masks).shape == (0, 5)
        out = np.empty((5, 5))
        assert impl.mask_iou(masks, masks, out=out) is out

    def test_sizes_differ(self, impl):
        message = "masks2: expected masks of 3 x 4, as masks1, got 4 x 3"
        for function in (impl.mask_iou, impl.boundary_iou):
            with pytest.raises(ValueError, match=message):
                function(np.ones((1, 3, 4), bool), np.ones((1, 4, 3), bool))

    def test_nms(self, impl):
        masks = np.zeros((4, 4, 4), bool)
        masks[0, :3], masks[1, :2], masks[2, 3:], masks[3, :2] = True, True, True, True
        assert impl.mask_nms(masks, [0.8, 0.9, 0.7, 0.9], 0.5).tolist() == [1, 2]
        assert impl.mask_nms(masks, [0.8, 0.9, 0.7, 0.9], 2 / 3).tolist() == [1, 0, 2]
        assert impl.mask_nms(masks, [0.8, 0.9, 0.7, 0.9], 0.5, idxs=[0, 1, 0, 0]).tolist() == [1, 3, 2]
        assert impl.mask_nms(masks, [0.8, 0.9, 0.7, 0.9], 1.0, score_threshold=0.7).tolist() == [1, 3, 0]
        assert impl.mask_nms(masks, [0.8, 0.9, 0.7, 0.9], 1.0, max_output=2).tolist() == [1, 3]

    @pytest.mark.parametrize("threshold", [0.0, 0.1, 0.5, 0.9, 1.0])
    def test_nms_as_reference(self, kernels, threshold):
        dense = np.concatenate([dense_masks(150), one_of_each(24, 20), dense_masks(20)])
        rng = np.random.default_rng(0)
        case = dict(masks=dense, scores=np.round(rng.random(len(dense)), 1), iou_threshold=threshold)
        for more in ({}, {"idxs": rng.integers(0, 3, len(dense))}, {"max_output": 11}):
            assert_same_answer(kernels.mask_nms(**case, **more), reference.mask_nms(**case, **more))

    def test_boxes(self, impl):
        dense = one_of_each()
        found = impl.mask_to_boxes(dense)
        assert_same_answer(found[:3], np.array([[0, 0, 0, 0], [0, 0, 6, 4], [0, 0, 0, 0]], np.float32))
        assert found[6].tolist() == [0, 2, 6, 2]
        torch = pytest.importorskip("torch", reason="needs torchvision")
        masks_to_boxes = pytest.importorskip("torchvision.ops", reason="needs torchvision").masks_to_boxes
        np.testing.assert_array_equal(found[1:], masks_to_boxes(torch.from_numpy(dense[1:])).numpy())


class TestBoundaries:
    def test_by_hand(self, impl):
        # the boundary of a square of 6 is its ring of 20 pixels, one pixel wide
        masks = np.zeros((2, 8, 8), bool)
        masks[0, 1:7, 1:7] = masks[1, :6, :6] = True
        ring = masks.copy()
        ring[0, 2:6, 2:6] = ring[1, 1:5, 1:5] = False
        assert_same_answer(impl.boundary_iou(masks, masks), impl.mask_iou(ring, ring))
        # the image's edge is background
        full = np.ones((1, 8, 8), bool)
        edge = full.copy()
        edge[0, 1:-1, 1:-1] = False
        assert_same_answer(impl.boundary_iou(full, masks), impl.mask_iou(edge, ring))

    @pytest.mark.parametrize("ratio", [0, 0.05, 0.1, 0.3, 1])
    def test_kernel_as_reference(self, kernels, ratio, n_threads):
        for dense in (
            np.concatenate([one_of_each(70, 131), dense_masks(6, height=70, width=131), noise(3, 70, 131, 0.99)]),
            dense_masks(500),
        ):
            case = dict(masks1=dense[:12], masks2=dense, dilation_ratio=ratio)
            assert_same_answer(kernels.boundary_iou(**case, n_threads=n_threads), reference.boundary_iou(**case))

    def test_as_published(self, impl):
        cv2 = pytest.importorskip("cv2", reason="needs OpenCV")
        dense = dense_masks(20, height=60, width=80)
        for ratio in (0.02, 0.1):
            steps = max(1, round(ratio * float(np.hypot(60, 80))))
            padded = [cv2.copyMakeBorder(m.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0) for m in dense]
            cores = [cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=steps)[1:-1, 1:-1] for mask in padded]
            rims = dense & (np.stack(cores) == 0)
            assert_same_answer(impl.boundary_iou(dense, dense, dilation_ratio=ratio), impl.mask_iou(rims, rims))


class TestPasting:
    def test_by_hand(self, impl):
        # two cells of 0 and 1 over four pixels: centres at -0.25, 0.25, 0.75, 1.25 cells; beyond them zeros
        masks = impl.paste_masks([[[0.0, 1.0]]], [[1, 0, 5, 1]], 1, 6)
        assert masks.decode().tolist() == [[[0, 0, 0, 1, 1, 0]]]
        values = [0, 0, 0.25, 0.75, 0.75, 0.25]
        for threshold in (0.2, 0.5, 0.75, 0.8):
            found = impl.paste_masks([[[0.0, 1.0]]], [[1, 0, 5, 1]], 1, 6, threshold=threshold)
            assert found.decode()[0, 0].tolist() == [int(value >= threshold) for value in values]

    def test_outside_and_without_extent(self, impl):
        cells = np.ones((5, 3, 3))
        boxes = [[-9, -9, -4, -4], [20, 20, 30, 30], [3, 3, 3, 5], [4, 4, 2, 6], [-100, -100, 100, 100]]
        assert impl.paste_masks(cells, boxes, 7, 6).area().tolist() == [0, 0, 0, 0, 42]


@objects
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 40), st.sampled_from([0, 1, 5, 10]))
def test_polygons_as_reference(kernels, seed, height, width, grid):
    rng = np.random.default_rng(seed)
    shapes = [rng.uniform(-10, 50, (rng.integers(1, 9), 2)) for _ in range(12)]
    shapes = [(np.round(s * grid) / grid if grid else s).ravel().tolist() for s in shapes]
    expected = reference.Masks.from_polygons(shapes, height, width)
    assert kernels.Masks.from_polygons(shapes, height, width, n_threads=2) == expected


@given(st.integers(0, 2**32), st.integers(1, 70), st.integers(1, 70), st.sampled_from([0, 0.3, 0.5, 1]))
def test_pasting_as_reference(kernels, seed, height, width, threshold):
    rng = np.random.default_rng(seed)
    cells = rng.random((6, *rng.integers(1, 9, 2))).astype(rng.choice([np.float32, np.float64]))
    boxes = rng.uniform(-30, 90, (6, 4))
    boxes[:, 2:] = boxes[:, :2] + rng.uniform(-1, 80, (6, 2))
    boxes = np.round(boxes) if seed % 3 == 0 else boxes * 10.0 ** rng.integers(-3, 7)
    case = dict(probabilities=cells, boxes=boxes, height=height, width=width, threshold=threshold)
    assert kernels.paste_masks(**case, n_threads=2) == reference.paste_masks(**case)


def test_assert_same_takes_masks():
    cells, boxes = np.ones((1, 2, 2)), [[0, 0, 3, 3]]
    fastgeo.testing.assert_same(fastgeo.paste_masks, cells, boxes, 4, 4)
    with pytest.raises(AssertionError):
        assert_same_answer(fastgeo.paste_masks(cells, boxes, 4, 4), fastgeo.paste_masks(cells, boxes, 4, 5))
    with pytest.raises(AssertionError):
        assert_same_answer(1, fastgeo.paste_masks(cells, boxes, 4, 4))
