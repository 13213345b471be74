"""mean_average_precision: values worked by hand, kernels against the reference and pycocotools, bad input."""

import contextlib
import io
import pickle

import numpy as np
import pytest
from calls import ENTRIES, arguments

import fastgeo
from fastgeo import reference
from fastgeo.testing import assert_same_answer

UNIT = [0.0, 0, 10, 10]
ALMOST_1 = 1 / (1 + np.spacing(1))  # the precision of one detection, as pycocotools has it
ARRAYS = ("precision", "recall", "scores")


def columns(rows, *names):
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def found(*rows):
    return columns(rows, "image_id", "class_id", "boxes", "scores")


def true(*rows, **more):
    return columns(rows, "image_id", "class_id", "boxes") | more


class TestByHand:
    def test_one_of_two_is_found(self, impl):
        # recall 0.5 at precision 1: 51 of 101 points
        answer = impl.mean_average_precision(found((1, 1, UNIT, 0.9)), true((1, 1, UNIT), (2, 1, UNIT)))
        assert answer.ap == answer.ap50 == pytest.approx(51 / 101)
        assert answer.ar == 0.5
        assert answer.precision.shape == (10, 101, 1, 4, 3)
        assert (answer.precision[:, :51, 0, 0] == ALMOST_1).all()
        assert not answer.precision[:, 51:, 0, 0].any()
        assert (answer.scores[:, :51, 0, 0] == 0.9).all()
        # an area of 100 is small, and there is nothing else
        assert (answer.recall[:, 0, 1] == 0.5).all()
        assert (answer.recall[:, 0, 2:] == -1).all()

    def test_overlap_decides_at_which_thresholds(self, impl):
        # 7 of 10 columns are covered: an overlap of 0.7, which reaches 0.5 … 0.7
        answer = impl.mean_average_precision(found((1, 1, [0, 0, 7, 10], 0.5)), true((1, 1, UNIT)))
        assert answer.recall[:, 0, 0, 0].tolist() == [1] * 5 + [0] * 5

    def test_no_overlap_need_be_more_than_all_but_a_10_billionth(self, impl):
        for missing, recall in [(5e-11, 1), (2e-10, 0)]:
            box = [0, 0, 10 * (1 - missing), 10]
            answer = impl.mean_average_precision(found((1, 1, box, 0.5)), true((1, 1, UNIT)), iou_thresholds=[1.0])
            assert answer.recall[0, 0, 0, 0] == recall, missing

    def test_a_false_detection_before_the_true(self, impl):
        answer = impl.mean_average_precision(
            found((1, 1, [50, 50, 10, 10], 0.9), (1, 1, UNIT, 0.8)), true((1, 1, UNIT))
        )
        assert answer.precision[0, 0, 0, 0].tolist() == [0, 0.5, 0.5]  # by limits 1, 10, 100

    def test_the_later_of_equal_truths_is_taken(self, impl):
        # 0 and 1 are the same; a crowd as 1 leaves 0 to be found
        rows = [(1, 1, UNIT), (1, 1, UNIT)]
        for flags, recall in [([0, 1], 1), ([1, 0], 1), ([1, 1], -1), ([0, 0], 0.5)]:
            answer = impl.mean_average_precision(found((1, 1, UNIT, 0.9)), true(*rows, iscrowd=flags))
            assert answer.recall[0, 0, 0, 2] == recall, flags

    def test_crowds_take_many_and_divide_by_the_detection(self, impl):
        crowd = [0, 0, 100, 100]
        detections = found((1, 1, UNIT, 0.9), (1, 1, [20, 0, 10, 10], 0.8), (1, 1, [200, 0, 10, 10], 0.7))
        answer = impl.mean_average_precision(detections, true((1, 1, crowd), (1, 1, [200, 0, 10, 10]), iscrowd=[1, 0]))
        assert (answer.precision[:, :, 0, 0, 2] == ALMOST_1).all()  # the first two are ignored
        assert (answer.scores[:, 0, 0, 0, 2] == 0.9).all()  # but the first reaches a recall of 0
        assert (answer.scores[:, 1, 0, 0, 2] == 0.7).all()

    def test_what_is_ignored_is_taken_last(self, impl):
        # the ignored truth overlaps more, and goes to the second detection
        detections = found((1, 1, UNIT, 0.9), (1, 1, UNIT, 0.8))
        truth = true((1, 1, UNIT), (1, 1, [0, 0, 10, 9]), ignore=[1, 0])
        answer = impl.mean_average_precision(detections, truth)
        assert (answer.precision[0, :, 0, 0, 2] == ALMOST_1).all()

    def test_areas_are_closed_ranges(self, impl):
        truth = true((1, 1, UNIT), areas=[1024.0])
        answer = impl.mean_average_precision(found((1, 1, UNIT, 0.9)), truth)
        assert (answer.recall[0, 0, :, 2] == [1, 1, 1, -1]).all()

    def test_the_limit_is_for_each_image_and_class(self, impl):
        detections = found((1, 1, UNIT, 0.1), (1, 1, [50, 0, 9, 9], 0.2), (1, 2, UNIT, 0.3), (2, 1, UNIT, 0.4))
        truth = true((1, 1, UNIT), (1, 2, UNIT), (2, 1, UNIT))
        answer = impl.mean_average_precision(detections, truth, max_detections=[1, 2])
        assert answer.recall[0, :, 0].tolist() == [[0.5, 1], [1, 1]]

    def test_text(self, impl):
        answer = impl.mean_average_precision(found(("a", "cat", UNIT, 0.9)), true(("a", "cat", UNIT)))
        lines = str(answer).splitlines()
        assert lines[0] == " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 1.000"
        assert lines[11] == " Average Recall     (AR) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = -1.000"
        assert len(lines) == 12
        assert answer.classes.tolist() == ["cat"]
        assert "AP 1.000" in repr(answer)

    def test_per_class_and_curves(self, impl):
        answer = impl.mean_average_precision(
            found((1, 3, UNIT, 0.9), (1, 8, UNIT, 0.9)), true((1, 3, UNIT), (1, 5, UNIT), (2, 3, UNIT))
        )
        rows = answer.per_class
        assert rows["class_id"].tolist() == [3, 5, 8]
        assert rows["ap"].tolist() == pytest.approx([51 / 101, 0, -1])
        assert rows["ar"].tolist() == [0.5, 0, -1]
        curve = answer.pr_curve(3, iou_threshold=0.5)
        assert curve.precision.tolist() == [ALMOST_1] * 51 + [0] * 50
        assert curve.recall.tolist() == answer.recall_thresholds.tolist()
        assert answer.pr_curve().precision[0] == ALMOST_1 / 2
        for wrong in ({"class_id": 8}, {"class_id": 9}, {"iou_threshold": 0.123}, {"area": "huge"}):
            with pytest.raises(ValueError, match=next(iter(wrong))):
                answer.pr_curve(**wrong)
        assert answer.mean(area="huge") == -1

    def test_best_f1_and_where_to_cut(self, impl):
        # class 3: one of two at precision 1, then a false one; class 5: nothing found; class 8: no truths
        answer = impl.mean_average_precision(
            found((1, 3, UNIT, 0.9), (1, 3, [50, 50, 9, 9], 0.8), (1, 8, UNIT, 0.9)),
            true((1, 3, UNIT), (1, 5, UNIT), (2, 3, UNIT)),
        )
        for options in ({}, {"iou_threshold": 0.75, "limit": 2}):
            best = answer.f1(**options)
            assert best["class_id"].tolist() == [3, 5, 8]
            assert best["f1"].tolist() == pytest.approx([2 / 3, 0, -1])
            assert best["recall"].tolist() == [0.5, 0, -1]
            assert best["precision"].tolist() == pytest.approx([1, 0, -1])
            assert best["score"].tolist() == [0.9, 0, -1]
        with pytest.raises(ValueError, match="iou_threshold"):
            answer.f1(iou_threshold=0.1)


class TestAgainstReference:
    @pytest.mark.parametrize("n", [0, 1, 5, 40, 200])
    @pytest.mark.parametrize("fmt", ["xyxy", "xywh", "cxcywh"])
    def test_formats_and_sizes(self, kernels, n, fmt):
        call = arguments("mean_average_precision", n, np.float32 if n % 2 else np.float64, {"fmt": fmt})
        answers = [ENTRIES["mean_average_precision"](where)(**call) for where in (kernels, reference)]
        assert_same_answer(*answers)

    def test_more_than_64_lanes(self, kernels):
        extra = {
            "iou_thresholds": np.linspace(0.0, 1.0, 45),
            "area_ranges": {"a": (0, 50), "b": (9, 99), "c": (0, 1e9)},
        }
        call = arguments("mean_average_precision", 150, np.float64, extra)
        answers = [ENTRIES["mean_average_precision"](where)(**call) for where in (kernels, reference)]
        assert_same_answer(*answers)

    def test_more_than_255_in_a_lane(self, kernels):
        """Counts are emptied before a byte overflows."""
        call = arguments(
            "mean_average_precision", 3000, np.float64, {"iou_thresholds": [0.5], "area_ranges": {"all": (0, 1e9)}}
        )
        call["detections['class_id']"][:] = 0
        call["detections['image_id']"][:] %= 40
        call["truth['image_id']"][:] %= 40
        answers = [ENTRIES["mean_average_precision"](where)(**call) for where in (kernels, reference)]
        assert_same_answer(*answers)

    @pytest.mark.parametrize(
        "ids", [np.array([5, -(2**62), 2**62]), np.array([0, 2**63, 7], np.uint64), np.array(["x", "yy", ""])]
    )
    def test_any_ids(self, kernels, ids):
        call = arguments("mean_average_precision", 60)
        for name in ("detections['class_id']", "truth['class_id']"):
            call[name] = ids[call[name]]
        for given in ({}, {"classes": ids}):
            answers = [ENTRIES["mean_average_precision"](where)(**call, **given) for where in (kernels, reference)]
            assert_same_answer(*answers)

    def test_whole_numbers_in_other_types(self, kernels):
        call = arguments("mean_average_precision", 60)
        expected = ENTRIES["mean_average_precision"](reference)(**call)
        for dtype in (np.int8, np.uint64, np.float32):
            for name in ("detections['image_id']", "truth['class_id']"):
                call[name] = call[name].astype(dtype)
            assert_same_answer(ENTRIES["mean_average_precision"](kernels)(**call), expected)


class TestBadInput:
    @pytest.mark.parametrize(
        ("side", "name", "value", "message"),
        [
            ("detections", "boxes", [[0, 0, 1, np.nan]], r"detections\['boxes'\]\[0, 3\]"),
            ("detections", "boxes", [[0, 0, 1, 2.0**600]], r"detections\['boxes'\]\[0, 3\]"),
            ("detections", "boxes", np.full((1, 4), 2.0**70, np.float32), r"detections\['boxes'\]\[0, 0\]"),
            ("detections", "boxes", [[0, 0, 1]], "shape"),
            ("detections", "scores", [np.nan], r"detections\['scores'\]\[0\]"),
            ("detections", "scores", [0.5, 0.5], "length 1"),
            ("detections", "class_id", [1, 2], "length 1"),
            ("detections", "areas", [np.nan], r"detections\['areas'\]\[0\]"),
            ("detections", "image_id", [0.5], "whole number"),
            ("truth", "boxes", [[np.inf, 0, 1, 2]], r"truth\['boxes'\]\[0, 0\]"),
            ("truth", "areas", [np.nan], r"truth\['areas'\]\[0\]"),
            ("truth", "iscrowd", [2], r"truth\['iscrowd'\]\[0\]"),
            ("truth", "ignore", [0, 0], "ignore"),
        ],
    )
    def test_columns(self, impl, side, name, value, message):
        sides = {"detections": found((1, 1, UNIT, 0.9)), "truth": true((1, 1, UNIT))}
        sides[side][name] = value
        with pytest.raises(ValueError, match=message):
            impl.mean_average_precision(sides["detections"], sides["truth"])

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"fmt": "yxyx"}, ValueError, "fmt"),
            ({"iou_thresholds": []}, ValueError, "iou_thresholds"),
            ({"iou_thresholds": [np.nan]}, ValueError, "iou_thresholds"),
            ({"recall_thresholds": [np.nan]}, ValueError, "recall_thresholds"),
            ({"area_ranges": {}}, TypeError, "area_ranges"),
            ({"area_ranges": {"all": (0, np.nan)}}, ValueError, "area_ranges"),
            ({"max_detections": []}, TypeError, "max_detections"),
            ({"max_detections": [0]}, ValueError, "max_detections"),
            ({"images": [2, 3]}, ValueError, r"detections\['image_id'\]\[0\]: expected one of `images`, got 1"),
            ({"classes": []}, ValueError, "class_id"),
            ({"classes": [1, 1]}, ValueError, "classes"),
            ({"classes": ["1"]}, TypeError, "same kind"),
        ],
    )
    def test_options(self, impl, options, error, message):
        with pytest.raises(error, match=message):
            impl.mean_average_precision(found((1, 1, UNIT, 0.9)), true((1, 1, UNIT)), **options)

    def test_missing_columns(self, impl):
        with pytest.raises(ValueError, match="scores"):
            impl.mean_average_precision(true((1, 1, UNIT)), true((1, 1, UNIT)))
        with pytest.raises(TypeError, match="mapping"):
            impl.mean_average_precision([], true((1, 1, UNIT)))


def test_nothing(impl):
    empty = {"image_id": [], "class_id": [], "boxes": [], "scores": []}
    answer = impl.mean_average_precision(empty, empty)
    assert answer.precision.shape == (10, 101, 0, 4, 3)
    assert (answer.stats == -1).all()
    answer = impl.mean_average_precision(empty, empty, images=[1], classes=[1, 2])
    assert (answer.precision == -1).all()
    answer = impl.mean_average_precision(empty, true((1, 1, UNIT)))
    assert answer.ap == 0


def made_rows(rng, n_images, n_classes, grid):
    """Truths and detections full of ties, with crowds; coordinates on a coarse grid let overlaps tie as well."""
    truths, detections = [], []
    for image in rng.permutation(n_images) + 1:
        for _ in range(rng.integers(0, 6)):
            box = np.concatenate([rng.uniform(0, 300, 2), np.exp(rng.uniform(1, 5.5, 2))])
            class_id = int(rng.integers(1, n_classes + 1))
            truths.append((int(image), class_id, box, float(box[2] * box[3] * 0.7), int(rng.random() < 0.15)))
            for _ in range(rng.integers(0, 5)):
                moved = box + rng.normal(0, 0.1, 4) * np.tile(box[2:], 2)
                other = class_id if rng.random() < 0.9 else int(rng.integers(1, n_classes + 1))
                detections.append((int(image), other, moved, round(float(rng.random()), 1)))
    for rows in (truths, detections):
        for i, row in enumerate(rows):
            box = np.maximum(grid, np.rint(row[2] / grid) * grid) if grid else row[2]
            rows[i] = (*row[:2], box.tolist(), *row[3:])
    return truths, [detections[i] for i in rng.permutation(len(detections))]


def by_pycocotools(truths, detections, n_images, n_classes, **params):
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    sides = []
    with contextlib.redirect_stdout(io.StringIO()) as output:
        for rows, names in ((truths, ("area", "iscrowd")), (detections, ("score",))):
            side = coco.COCO()
            side.dataset = {
                "images": [{"id": i} for i in range(1, n_images + 3)],
                "categories": [{"id": i} for i in range(1, n_classes + 2)],
                "annotations": [
                    {
                        "id": i + 1,
                        "image_id": image,
                        "category_id": class_id,
                        "bbox": box,
                        "area": box[2] * box[3],
                        "iscrowd": 0,
                    }
                    | dict(zip(names, rest, strict=True))
                    for i, (image, class_id, box, *rest) in enumerate(rows)
                ],
            }
            side.createIndex()
            sides.append(side)
        run = cocoeval.COCOeval(*sides, "bbox")
        for name, value in params.items():
            setattr(run.params, name, value)
        run.evaluate()
        run.accumulate()
        output.truncate(output.seek(0))
        if not params:
            run.summarize()
    return run, output.getvalue()


PYCOCOTOOLS_NAMES = {
    "max_detections": "maxDets",
    "iou_thresholds": "iouThrs",
    "recall_thresholds": "recThrs",
    "area_ranges": "areaRng",
}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_detections": [1, 2, 3]},
        {"iou_thresholds": np.array([0.0, 1.0, 0.3])},
        {"iou_thresholds": np.linspace(0.05, 0.95, 40)},
        {"recall_thresholds": np.array([0.1, 0.9, 0.2, 0, 0.5, 1.0, 1.1])},
        {"area_ranges": {"all": (0, 1e10), "some": (200, 900)}},
        {"class_agnostic": True},
    ],
    ids=lambda options: "-".join(options) or "default",
)
def test_arrays_of_pycocotools(seed, options):
    rng = np.random.default_rng(seed)
    n_images, n_classes = int(rng.integers(1, 30)), int(rng.integers(1, 6))
    truths, detections = made_rows(rng, n_images, n_classes, [0, 20.0, 40.0][seed % 3])
    params = {PYCOCOTOOLS_NAMES[name]: value for name, value in options.items() if name in PYCOCOTOOLS_NAMES}
    if "area_ranges" in options:
        params["areaRng"] = [list(limits) for limits in options["area_ranges"].values()]
    if "class_agnostic" in options:
        params["useCats"] = 0
    expected, text = by_pycocotools(truths, detections, n_images, n_classes, **params)
    answer = fastgeo.mean_average_precision(
        columns(detections, "image_id", "class_id", "boxes", "scores"),
        columns(truths, "image_id", "class_id", "boxes", "areas", "iscrowd"),
        images=range(1, n_images + 3),
        classes=range(1, n_classes + 2),
        **options,
    )
    for name in ARRAYS:
        assert getattr(answer, name).tobytes() == expected.eval[name].tobytes(), name
    if not options:
        assert f"{answer}\n" == text
        assert answer.stats.tobytes() == expected.stats.tobytes()


def scores_of(evaluator, tables, batches):
    """Of the images of each batch in turn."""
    for images in batches:
        evaluator.update(
            *({name: np.asarray(c)[np.isin(t["image_id"], images)] for name, c in t.items()} for t in tables)
        )
    return evaluator.compute()


@pytest.mark.one_isa_at_a_time
class TestEvaluator:
    tables = (
        found(*((i % 7, i % 3, [i % 5, i % 2, 9, 9 + i % 4], i % 11 / 11) for i in range(120))),
        true(*((i % 7, i % 4, [i % 5, 0, 9, 9]) for i in range(40)), iscrowd=[int(i % 9 == 0) for i in range(40)]),
    )

    @pytest.mark.parametrize("agnostic", [False, True])
    @pytest.mark.parametrize(
        "batches", [[range(7)], [[3, 1], [0, 6, 5, 4], [2]], [[i] for i in (6, 2, 4, 0, 1, 3, 5)], [[], range(7)]]
    )
    def test_any_batching_gives_the_arrays_of_one_call(self, impl, batches, agnostic):
        options = {"class_agnostic": agnostic, "max_detections": [1, 4]}
        expected = reference.mean_average_precision(*self.tables, **options)
        answer = scores_of(impl.DetectionEvaluator(**options), self.tables, batches)
        assert_same_answer(tuple(answer), tuple(expected))

    def test_images_and_classes_that_are_named(self, impl):
        options = {"images": [6, 0, 5, 2, 4, 1, 3, 9], "classes": [3, 1, 2, 0, 8]}
        expected = reference.mean_average_precision(*self.tables, **options)
        evaluator = impl.DetectionEvaluator(**options)
        assert (evaluator.compute().precision == -1).all()
        assert_same_answer(tuple(scores_of(evaluator, self.tables, [[1, 2], [0, 3, 4, 5, 6]])), tuple(expected))
        with pytest.raises(ValueError, match="images"):
            evaluator.update(found((77, 1, UNIT, 0.5)), true())

    def test_merge_and_add(self, impl):
        expected = tuple(reference.mean_average_precision(*self.tables))
        one, other = impl.DetectionEvaluator(), impl.DetectionEvaluator()
        scores_of(one, self.tables, [[0, 2, 4]])
        scores_of(other, self.tables, [[5, 1], [3, 6]])
        assert_same_answer(tuple((one + other).compute()), expected)
        assert_same_answer(tuple((other + one).compute()), expected)
        assert repr(one).startswith("<DetectionEvaluator: 3 images, ")
        assert one.merge(other) is one
        assert_same_answer(tuple(one.compute()), expected)
        with pytest.raises(ValueError, match="not been seen"):
            one.merge(other)
        with pytest.raises(TypeError, match="other"):
            one.merge(3)
        with pytest.raises(TypeError):
            one + 3
        with pytest.raises(ValueError, match="same parameters"):
            one.merge(impl.DetectionEvaluator(fmt="xyxy"))

    def test_an_image_comes_once(self, impl):
        evaluator = impl.DetectionEvaluator().update(found((1, 1, UNIT, 0.5)), true((1, 1, UNIT)))
        before = evaluator.to_bytes()
        for tables in [
            (found((2, 1, UNIT, 0.5), (1, 1, UNIT, 0.5)), true()),
            (found(), true((1, 1, UNIT))),
            (found((2, 1, UNIT, np.nan)), true()),
            (found((2, 1, [0, 0, np.nan, 1], 0.5)), true()),
        ]:
            with pytest.raises(ValueError, match=r"detections|truth"):
                evaluator.update(*tables)
        with pytest.raises(TypeError, match="same kind"):
            evaluator.update(found(("x", 1, UNIT, 0.5)), true())
        with pytest.raises(TypeError, match="same kind"):
            evaluator.update(found((2, "x", UNIT, 0.5)), true())
        assert evaluator.to_bytes() == before

    def test_bytes_and_pickle(self, impl):
        evaluator = impl.DetectionEvaluator(max_detections=[3])
        scores_of(evaluator, self.tables, [[0, 2, 4], [1]])
        for copy in (impl.DetectionEvaluator.from_bytes(evaluator.to_bytes()), pickle.loads(pickle.dumps(evaluator))):
            assert type(copy) is impl.DetectionEvaluator
            assert copy.to_bytes() == evaluator.to_bytes()
            assert_same_answer(tuple(copy.compute()), tuple(evaluator.compute()))
            with pytest.raises(ValueError, match="seen"):
                copy.update(found((1, 1, UNIT, 0.5)), true())
        data = evaluator.to_bytes()
        for spoiled in (b"", data[:-1], data[:30], data[:40] + b"?" + data[41:], b"x" + data):
            with pytest.raises(ValueError, match="data"):
                impl.DetectionEvaluator.from_bytes(spoiled)

    def test_state_is_the_same_of_kernel_and_reference(self, kernels):
        states = [type(self).filled(namespace).compute() for namespace in (kernels, reference)]
        assert_same_answer(*map(tuple, states))

    @classmethod
    def filled(cls, namespace):
        evaluator = namespace.DetectionEvaluator(iou_thresholds=np.linspace(0.1, 0.9, 40), max_detections=[2, 5])
        scores_of(evaluator, cls.tables, [[0, 2, 4], [1, 3, 5, 6]])
        other = fastgeo if namespace is reference else reference
        return other.DetectionEvaluator.from_bytes(evaluator.to_bytes())

    def test_small_updates_are_put_off_and_change_nothing(self, kernels):
        """Plain arrays are collected before they are matched."""
        call = arguments("mean_average_precision", 1200, np.float64)
        call["truth['areas']"] = np.linspace(0, 900, 600)
        found = {name: call[f"detections['{name}']"] for name in ("image_id", "class_id", "boxes", "scores")}
        true = {name: call[f"truth['{name}']"] for name in ("image_id", "class_id", "boxes", "areas")}
        expected = reference.mean_average_precision(found, true, fmt="xyxy")
        images = np.unique(np.concatenate([found["image_id"], true["image_id"]]))
        evaluator = kernels.DetectionEvaluator(fmt="xyxy")
        for i, image in enumerate(np.split(images, range(7, len(images), 7))):
            tables = [{n: c[np.isin(t["image_id"], image)] for n, c in t.items()} for t in (found, true)]
            if i % 5 == 4:  # another form, and other columns
                tables[1]["iscrowd"] = np.zeros(len(tables[1]["image_id"]), [bool, np.int64][i % 2])
            if i % 7 == 6:
                tables[0]["scores"] = tables[0]["scores"].tolist()
            evaluator.update(*tables)
            kept = [{name: column.copy() for name, column in table.items()} for table in tables if i % 7 != 6]
            for table in kept and tables:
                for column in table.values():
                    column[...] = 0  # what was handed over is free again
            if i == 1:
                assert evaluator._rows_put_off > 0
                with pytest.raises(ValueError, match="not been seen"):
                    evaluator.update(*kept)
            if i % 5 == 0:
                evaluator = kernels.DetectionEvaluator.from_bytes(evaluator.to_bytes())
        assert_same_answer(tuple(evaluator.compute()), tuple(expected))

    @pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
    def test_plain_arrays_are_looked_at(self, kernels, value):
        for side, name in ((0, "boxes"), (0, "scores"), (1, "boxes"), (1, "areas")):
            tables = [found((1, 1, UNIT, 0.5)), true((1, 1, UNIT), areas=[9.0])]
            tables = [{n: np.array(c) for n, c in table.items()} for table in tables]
            tables[side][name].flat[-1] = value
            outcomes = []
            for namespace in (kernels, reference):
                try:
                    outcomes.append(namespace.DetectionEvaluator().update(*tables).compute().ap)
                except ValueError as error:
                    outcomes.append(str(error))
            assert outcomes[0] == outcomes[1]

    def test_enough_rows_are_matched_at_once(self, kernels):
        rng = np.random.default_rng(0)
        evaluator, parts = kernels.DetectionEvaluator(max_detections=[500]), []
        for image in range(4):
            corners = np.round(rng.uniform(0, 5000, (20_000, 4)))
            table = {"image_id": np.full(20_000, image), "class_id": rng.integers(0, 99, 20_000), "boxes": corners + 1}
            parts.append(({**table, "scores": rng.random(20_000)}, {n: c[::4].copy() for n, c in table.items()}))
            evaluator.update(*parts[-1])
            assert (evaluator._rows_put_off == 0) == (image == 2)
        whole = [{n: np.concatenate([p[side][n] for p in parts]) for n in parts[0][side]} for side in (0, 1)]
        expected = fastgeo.mean_average_precision(*whole, max_detections=[500])
        assert_same_answer(tuple(evaluator.compute()), tuple(expected))

    def test_nothing(self, impl):
        evaluator = impl.DetectionEvaluator()
        assert evaluator.compute().precision.shape == (10, 101, 0, 4, 3)
        assert impl.DetectionEvaluator.from_bytes(evaluator.to_bytes()).compute().ap == -1
        assert (evaluator + evaluator).compute().ap == -1


class TestVOC:
    """Rules of the devkit, by hand."""

    def ap(self, impl, convention, detections, truth, **options):
        return impl.mean_average_precision(detections, truth, convention=convention, fmt="xyxy", **options)

    # true, false, true of three truths: precision 1, 1/2, 2/3 at recalls 1/3, 1/3, 2/3
    detections = found(
        (1, 1, [0, 0, 9, 9], 0.9), (1, 1, [50, 50, 59, 59], 0.8), (2, 1, [0, 0, 9, 9], 0.7), (2, 1, [0, 0, 9, 9], 0.6)
    )
    truth = true((1, 1, [0, 0, 9, 9]), (2, 1, [0, 0, 9, 9]), (3, 1, [0, 0, 9, 9]))

    def test_eleven_points(self, impl):
        # 4 points up to recall 1/3 at 1, 3 up to 2/3 at 2/3, the rest at 0
        answer = self.ap(impl, "voc2007", self.detections, self.truth)
        assert answer.precision.shape == (1, 11, 1, 1, 1)
        assert answer.precision.ravel().tolist() == [1] * 4 + [2 / 3] * 3 + [0] * 4
        assert answer.ap == answer.ap50 == pytest.approx((4 + 3 * 2 / 3) / 11)
        assert answer.areas is None

    def test_area_under_the_curve(self, impl):
        answer = self.ap(impl, "voc2012", self.detections, self.truth)
        assert answer.areas.shape == (1, 1, 1, 1)
        assert answer.ap == answer.ap50 == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)
        assert answer.per_class["ap"].tolist() == [answer.ap]
        assert answer.ar == 2 / 3
        assert str(answer) == f" mean average precision (voc2012) @[ IoU=0.50 ] = {answer.ap:.3f}"

    def test_pixels_are_inclusive_and_the_threshold_is_not_reached_by_its_equal(self, impl):
        # 10 by 10 pixels and 5 of their rows: an overlap of 0.5
        detections, truth = found((1, 1, [0, 0, 9, 4], 0.9)), true((1, 1, [0, 0, 9, 9]))
        for threshold, ap in [(0.5, 0), (0.4999, 1)]:
            assert self.ap(impl, "voc2012", detections, truth, iou_thresholds=[threshold]).ap == ap

    def test_difficult_truths_neither_add_nor_take_away(self, impl):
        truth = dict(self.truth, ignore=[0, 1, 0])
        answer = self.ap(impl, "voc2012", self.detections, truth)
        assert answer.ap == 1 / 2  # one of two is found, at precision 1
        assert answer.precision[0, 0, 0, 0, 0] == 1

    def test_a_detection_belongs_to_the_truth_of_highest_overlap_even_where_that_is_taken(self, impl):
        boxes = [[0, 0, 9, 9], [0, 0, 9, 10]]
        detections = found((1, 1, boxes[0], 0.9), (1, 1, boxes[0], 0.8))
        truth = true((1, 1, boxes[0]), (1, 1, boxes[1]))
        assert self.ap(impl, "voc2012", detections, truth).ar == 0.5
        assert self.ap(impl, "coco", detections, truth).ar > 0.5

    def test_text_and_no_area_ranges(self, impl):
        with pytest.raises(ValueError, match="area_ranges"):
            self.ap(impl, "voc2007", self.detections, self.truth, area_ranges={"all": (0, 1)})

    @pytest.mark.one_isa_at_a_time
    @pytest.mark.parametrize("convention", ["voc2007", "voc2012"])
    def test_streams(self, impl, convention):
        expected = reference.mean_average_precision(*TestEvaluator.tables, convention=convention)
        evaluator = impl.DetectionEvaluator(convention=convention)
        answer = scores_of(evaluator, TestEvaluator.tables, [[3, 1], [0, 6, 5, 4], [2]])
        assert_same_answer(tuple(answer), tuple(expected))
        again = impl.DetectionEvaluator.from_bytes(evaluator.to_bytes())
        assert_same_answer(tuple(again.compute()), tuple(expected))

    def devkit(self, detections, truth, use_07_metric, threshold):
        """voc_eval.py of Fast R-CNN, on columns of one class."""
        order = np.argsort(-np.array(detections["scores"]), kind="stable")
        boxes = np.array(detections["boxes"])
        taken = np.zeros(len(truth["boxes"]), bool)
        difficult = np.array(truth["ignore"], bool)
        hits, misses = np.zeros(len(order)), np.zeros(len(order))
        for place, d in enumerate(order):
            own = np.flatnonzero(np.array(truth["image_id"]) == detections["image_id"][d])
            real = np.array(truth["boxes"])[own].reshape(-1, 4)
            size = np.minimum(real[:, 2:], boxes[d, 2:]) - np.maximum(real[:, :2], boxes[d, :2]) + 1
            inside = np.maximum(size, 0).prod(axis=1)
            whole = (real[:, 2:] - real[:, :2] + 1).prod(axis=1) + (boxes[d, 2:] - boxes[d, :2] + 1).prod() - inside
            overlaps = inside / whole
            if len(own) and overlaps.max() > threshold:
                g = own[overlaps.argmax()]
                if not difficult[g]:
                    hits[place], misses[place] = not taken[g], taken[g]
                    taken[g] = True
            else:
                misses[place] = 1
        hits, misses = np.cumsum(hits), np.cumsum(misses)
        recall = hits / np.count_nonzero(~difficult)
        precision = hits / np.maximum(hits + misses, np.finfo(np.float64).eps)
        if use_07_metric:
            return sum(max(precision[recall >= t], default=0) / 11 for t in np.arange(0.0, 1.1, 0.1))
        recall, precision = np.concatenate([[0], recall, [1]]), np.concatenate([[0], precision, [0]])
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        steps = np.flatnonzero(recall[1:] != recall[:-1])
        return np.sum((recall[steps + 1] - recall[steps]) * precision[steps + 1])

    @pytest.mark.parametrize("seed", range(8))
    def test_against_the_devkit(self, kernels, seed):
        rng = np.random.default_rng(seed)
        corners = rng.integers(0, 40, (60, 2))
        truth = {
            "image_id": rng.integers(0, 6, 60),
            "class_id": np.ones(60, np.int64),
            "boxes": np.hstack([corners, corners + rng.integers(4, 30, (60, 2))]),
            "ignore": rng.integers(0, 2, 60) * rng.integers(0, 2, 60),
        }
        of = rng.integers(0, 60, 200)
        detections = {
            "image_id": truth["image_id"][of],
            "class_id": np.ones(200, np.int64),
            "boxes": truth["boxes"][of] + rng.integers(-4, 5, (200, 4)),
            "scores": rng.permutation(200) / 200,
        }
        for convention in ("voc2007", "voc2012"):
            for threshold in (0.3, 0.5):
                answer = self.ap(kernels, convention, detections, truth, iou_thresholds=[threshold])
                expected = self.devkit(detections, truth, convention == "voc2007", threshold)
                assert answer.ap == pytest.approx(expected, abs=1e-14)
