"""The input contract for every public function: whatever is passed, kernel and reference answer alike, or raise alike.

The calls come from calls.py. Which arguments are arrays is read off them, which are scalars off the signatures: a new
function is held to all of this without being named here.
"""

import inspect
import itertools
import re

import numpy as np
import pytest
from calls import ENTRIES, NAMES, VARIANTS, arguments, parameters
from cases import layouts
from implementations import CANNOT_SERVE

import fastgeo
from fastgeo import reference
from fastgeo.testing import algorithms, assert_same_answer, force_algorithm

FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(reference, name))]
N = 6


def _variants_of_parameters():
    """(name, parameter, variant): one call in which that parameter is an array."""
    for name in NAMES:
        seen = set()
        for variant in VARIANTS[name]:
            for parameter, value in arguments(name, N, variant=variant).items():
                if isinstance(value, np.ndarray) and parameter not in seen:
                    seen.add(parameter)
                    yield name, parameter, variant


ARRAYS = [pytest.param(*case, id=f"{case[0]}-{case[1]}") for case in _variants_of_parameters()]
FLOATS = [
    case for case in ARRAYS if arguments(case.values[0], N, variant=case.values[2])[case.values[1]].dtype.kind == "f"
]
OR_A_NUMBER = [("multiclass_nms", "iou_threshold"), ("multiclass_nms", "score_threshold")]
WITH_OUT = [name for name in NAMES if "out" in parameters(name)]


def outcome(namespace, name, arguments):
    """("answer", value), or the exception's type and message; of the kernels, whatever algorithm is forced."""
    result = _outcome(namespace, name, arguments)
    function = getattr(fastgeo, name)
    for algorithm in algorithms(function) if namespace is fastgeo and len(algorithms(function)) > 1 else ():
        with force_algorithm(function, algorithm):
            other = _outcome(namespace, name, arguments)
        if CANNOT_SERVE not in str(other[1]):
            assert other[0] == result[0], algorithm
            if result[0] == "answer":
                assert_same_answer(_plain(other[1]), _plain(result[1]))
            else:
                assert other == result, algorithm
    return result


def _plain(answer):
    """A result object as the tuple of its values."""
    return tuple(answer) if isinstance(answer, tuple) else answer


def _outcome(namespace, name, arguments):
    try:
        return "answer", ENTRIES[name](namespace)(**arguments)
    except (TypeError, ValueError) as error:
        return type(error), str(error)


def both_raise(name, arguments):
    """Kernel and reference raise the same; return it."""
    kernel, specification = outcome(fastgeo, name, arguments), outcome(reference, name, arguments)
    assert kernel[0] != "answer", kernel
    assert kernel == specification
    return kernel


def both_agree(name, arguments):
    """Both raise the same, or both answer with the same types and shapes."""
    kernel, specification = outcome(fastgeo, name, arguments), outcome(reference, name, arguments)
    if "answer" in (kernel[0], specification[0]):
        assert kernel[0] == specification[0], (kernel, specification)
        assert kinds(kernel[1]) == kinds(specification[1])
    else:
        assert kernel == specification
    return kernel


def kinds(answer):
    if isinstance(answer, (tuple, list)):
        return [kinds(part) for part in answer]
    return type(answer), getattr(answer, "shape", None), getattr(answer, "dtype", None)


def as_before(name, arguments, expected):
    assert_same_answer(ENTRIES[name](fastgeo)(**arguments), expected)


class OnlyDLPack:
    """What a library without NumPy support hands over."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **kwargs):
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Unreadable:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no")


NOT_NUMBERS = {
    "complex": lambda a: a.astype(complex),
    "object": lambda a: a.astype(object),
    "string": lambda a: a.astype(str),
    "bytes": lambda a: a.astype("S8"),
    "datetime": lambda a: a.astype(np.int64).astype("M8[s]"),
    "structured": lambda a: a.astype([("x", a.dtype)]),
    "masked": lambda a: np.ma.masked_array(a, np.zeros(a.shape, bool)),
    "longdouble": lambda a: a.astype(np.longdouble),
    "text": lambda a: "boxes",
    "mapping": lambda a: {"a": 1},
    "generator": lambda a: (x for x in [1]),
    "function": lambda a: len,
    "unreadable": lambda a: Unreadable(),
    "ragged": lambda a: [[1.0], [1.0, 2.0]],
}


@pytest.mark.parametrize("kind", NOT_NUMBERS)
@pytest.mark.parametrize(("name", "parameter", "variant"), ARRAYS)
def test_array_that_is_not_of_numbers(name, parameter, variant, kind):
    if kind == "longdouble" and np.longdouble is np.float64:
        pytest.skip("long double is double on this platform")
    good = arguments(name, N, variant=variant)
    value = NOT_NUMBERS[kind](good[parameter])
    if (name, parameter, kind) == ("kmeans", "init", "text"):
        value = b"k-means++"  # a text has a meaning there
    error, message = both_raise(name, {**good, parameter: value})
    assert error is TypeError
    assert message.startswith(f"{parameter}: expected ")


@pytest.mark.parametrize(("name", "parameter", "variant"), ARRAYS)
def test_wrong_shape(name, parameter, variant):
    good = arguments(name, N, variant=variant)
    for value in (np.float64(1), 1.0, good[parameter].reshape((1,) * 6 + good[parameter].shape), np.zeros((2, 0, 7))):
        if np.ndim(value) == 0 and (name, parameter) in OR_A_NUMBER:
            continue
        error, message = both_raise(name, {**good, parameter: value})
        assert error is ValueError
        # Where the shape by itself is legal, the argument that does not match it is named.
        assert re.match(r"[\w'\[\]]+: expected ", message), message


@pytest.mark.parametrize(("name", "parameter", "variant"), ARRAYS)
def test_wrong_length(name, parameter, variant):
    """One row less; where lengths need not match, an answer."""
    good = arguments(name, N, variant=variant)
    both_agree(name, {**good, parameter: good[parameter][:-1]})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e300, -1.0, 2.0**61, 5e-324, -0.0, 0.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "parameter", "variant"), ARRAYS)
def test_unusual_value(name, parameter, variant, dtype, value):
    good = arguments(name, N, dtype, variant)
    for position in (0, -1):
        array = good[parameter].astype(dtype)
        with np.errstate(over="ignore"):
            array.flat[position] = value
        both_agree(name, {**good, parameter: array})


# What an array of floats must not hold. Convolution and pooling pass everything on.
NOT_FINITE = [np.nan, np.inf, -np.inf]
TOO_LARGE = {np.float32: 2.0**61, np.float64: 2.0**509}
REFUSED = {
    **dict.fromkeys(["boxes", "boxes1", "boxes2", "X", "Y", "centroids", "init"], (*NOT_FINITE, "too large")),
    "scores": (np.nan,),
    **dict.fromkeys(["sample_weight", "weights"], (*NOT_FINITE, -1.0, "zeros")),
    "iou_threshold": (*NOT_FINITE, -0.01, 1.01),
    "score_threshold": (np.nan,),
    "cost": (np.nan,),  # an infinity may forbid a pair
    "probabilities": NOT_FINITE,
    "predictions": (),  # a NaN is no score, and boxes of survivors alone are read
    **dict.fromkeys(["inputs", "kernel", "bias"], ()),
    **dict.fromkeys(["detections['boxes']", "truth['boxes']"], (*NOT_FINITE, "too large")),
    **dict.fromkeys(["detections['scores']", "detections['areas']", "truth['areas']"], (np.nan,)),
    **dict.fromkeys(["iou_thresholds", "recall_thresholds"], (np.nan,)),
}
NOT_FINITE_IS_LEGAL = ["inputs", "kernel", "bias", "scores", "score_threshold", "predictions"]
IN_RANGE_ONLY = ["histogram_auc", "AUCHistogram"]
ZEROS_MAY_BE_PART_OF_MORE = ["AUCHistogram"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "parameter", "variant"), FLOATS)
def test_value_that_the_contract_refuses(name, parameter, variant, dtype):
    """ValueError with the first offending index; where the values are legal, an answer."""
    good = arguments(name, N, dtype, variant)
    refused = list(REFUSED[parameter])
    if parameter == "scores" and name in IN_RANGE_ONLY:
        refused += [np.inf, -np.inf, -0.5000001, 1.5000001]
    if "zeros" in refused:
        refused.remove("zeros")
        if name not in ZEROS_MAY_BE_PART_OF_MORE:
            error, message = both_raise(name, {**good, parameter: np.zeros_like(good[parameter])})
            assert (error, message.split(":")[0]) == (ValueError, parameter)
    for value in refused:
        array = good[parameter].copy()
        value = TOO_LARGE[dtype] if value == "too large" else value
        for position in (array.size - 1, array.size // 2, 0):
            array.flat[position] = value
            index = ", ".join(map(str, np.unravel_index(position, array.shape)))
            error, message = both_raise(name, {**good, parameter: array})
            assert error is ValueError
            assert message.startswith(f"{parameter}[{index}]: expected "), message
    for value in set(NOT_FINITE) - set(refused) if parameter in NOT_FINITE_IS_LEGAL else ():
        array = good[parameter].copy()
        array.flat[-1] = value
        assert both_agree(name, {**good, parameter: array})[0] == "answer"


def test_the_checks_can_fail(monkeypatch):
    """Kernel and reference that differ in the message, the type of the exception, the dtype or the shape are told."""

    def entry(kernel, specification):
        return lambda namespace: kernel if namespace is fastgeo else specification

    def raising(error):
        def call(**_):
            raise error

        return call

    def answering(array):
        return lambda **_: array

    different = {
        "message": (raising(ValueError("a")), raising(ValueError("b"))),
        "type": (raising(ValueError("a")), raising(TypeError("a"))),
        "answer": (raising(ValueError("a")), answering(np.zeros(3))),
        "dtype": (answering(np.zeros(3)), answering(np.zeros(3, np.float32))),
        "shape": (answering(np.zeros(3)), answering(np.zeros(4))),
    }
    for what, pair in different.items():
        monkeypatch.setitem(ENTRIES, "box_area", entry(*pair))
        with pytest.raises(AssertionError):
            both_agree("box_area", {})
        with pytest.raises(AssertionError):
            both_raise("box_area", {})
        monkeypatch.setitem(ENTRIES, "box_area", entry(pair[0], pair[0]))
        assert both_agree("box_area", {})[0] == ("answer" if what in ("dtype", "shape") else ValueError)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "parameter", "variant"), ARRAYS)
def test_same_answer_from_every_layout(name, parameter, variant, dtype, tmp_path):
    good = arguments(name, N, dtype, variant)
    expected = ENTRIES[name](fastgeo)(**good)
    for label, array in layouts(good[parameter]):
        if label == "list" and good[parameter].dtype == np.float32:
            continue  # a list has no float32
        before = np.array(array)
        as_before(name, {**good, parameter: array}, expected)
        np.testing.assert_array_equal(np.array(array), before, err_msg=f"{label}: the input was written to")
    mapped = np.memmap(tmp_path / "array", good[parameter].dtype, "w+", shape=good[parameter].shape)
    mapped[...] = good[parameter]
    as_before(name, {**good, parameter: mapped}, expected)
    as_before(name, {**good, parameter: OnlyDLPack(good[parameter])}, expected)
    as_before(name, {**good, parameter: memoryview(good[parameter])}, expected)
    repeated = np.broadcast_to(good[parameter][:1], good[parameter].shape)
    both_agree(name, {**good, parameter: repeated})


@pytest.mark.parametrize(("name", "parameter", "variant"), ARRAYS)
def test_other_number_types(name, parameter, variant):
    """Kernel and reference take the same types; narrow floats count as float32, integers as float64 where both fit."""
    good = arguments(name, N, variant=variant)
    for code in "?bBhHiIlLqQefd":
        with np.errstate(invalid="ignore"):
            both_agree(name, {**good, parameter: np.abs(good[parameter]).astype(code)})


@pytest.mark.parametrize("name", NAMES)
def test_no_rows(name):
    for dtype in (np.float32, np.float64):
        for variant in VARIANTS[name]:
            good = arguments(name, N, dtype, variant)
            empty = {key: value[:0] if isinstance(value, np.ndarray) else value for key, value in good.items()}
            both_agree(name, empty)
            both_agree(name, {key: [] if isinstance(value, np.ndarray) else value for key, value in good.items()})
    for parameter in [key for key, value in good.items() if isinstance(value, np.ndarray)]:
        both_agree(name, {**good, parameter: good[parameter][:0]})
        both_agree(name, {**good, parameter: None})


# Parameter -> values that are of the wrong type or out of range.
NAN = float("nan")
NOT_A_COUNT = [1.5, "2", [], True, np.float64(2)]
NOT_A_NUMBER = ["0.5", "x", [0.1, 0.2], {}, 1j]
NOT_A_PAIR = [0, -1, (1, 0), (1,), (1, 1, 1), "2", 1.5, {}]
BAD_SCALARS = {
    "fmt": ["xyxyz", "", 3, b"xyxy", ["xyxy"]],
    "kind": ["ious", "", 3, b"iou"],
    "offset": [2, -1, 0.5, "1", None],
    "n_threads": [0, -1, *NOT_A_COUNT],
    "iou_threshold": [-0.01, 1.01, NAN, np.inf, None, *NOT_A_NUMBER],
    "score_threshold": [NAN, *NOT_A_NUMBER],
    "max_output": [-1, *NOT_A_COUNT],
    "n_bins": [0, -1, 2**26 + 1, 2**70, None, *NOT_A_COUNT],
    "range": [(1, 0), (0, 0), (0, NAN), (0, np.inf), (0,), (0, 1, 2), 1, None, "ab"],
    "on_undefined": ["ignore", 0, None],
    "size": [None, *NOT_A_PAIR],
    "stride": NOT_A_PAIR,
    "dilation": [None, *NOT_A_PAIR],
    "padding": [-1, (1, -1), (1,), (1, 1, 1), "full", 1.5, None, {}, 2**70],
    "padding_mode": ["circular", "", 0, None],
    "layout": ["NWHC", "", 0, None],
    "activation": ["tanh", "", 0],
    "groups": [0, -1, 2**70, None, *NOT_A_COUNT],
    "p": [0, -1, NAN, np.inf, None, *NOT_A_NUMBER],
    "k": [0, -1, 2**70, None, *NOT_A_COUNT],
    "n_init": [0, -1, None, *NOT_A_COUNT],
    "max_iter": [0, -1, None, *NOT_A_COUNT],
    "tol": [-1e-9, NAN, None, *NOT_A_NUMBER],
    "metric": ["manhattan", "", 0, None],
    "init": ["forgy", ""],
    "seed": [-1, 1.5, "x"],
    "threshold": [NAN, None, *NOT_A_NUMBER],
    "in_fmt": ["xyxyz", "", 3, b"xyxy"],
    "out_fmt": ["xyxyz", "", 3, b"xyxy"],
    "max_fpr": [0, -0.5, 1.5, NAN, *NOT_A_NUMBER],
    "sigma": [0, -1, NAN, np.inf, None, *NOT_A_NUMBER],
    "method": ["hard", "", 0, None],
    "top_k": [-1, *NOT_A_COUNT],
    "class_agnostic": [2, "x", None],
    "skip_box_threshold": [NAN, None, *NOT_A_NUMBER],
    "boxes_list": [None, 1, [1, 2, 3], ["a", "b", "c"], [None] * 3],
    "scores_list": [None, 1, [[0.5]], [1, 2, 3], ["a", "b", "c"], [None] * 3],
    "labels_list": [None, 1, [[0]], [1, 2, 3], ["a", "b", "c"], [None] * 3],
    "level": [0, 1, -0.5, NAN, None, *NOT_A_NUMBER],
    "decay": [-0.01, 1.01, NAN, None, *NOT_A_NUMBER],
    "progress": [1, "x"],
    "max_cost": [NAN, np.inf, -np.inf, *NOT_A_NUMBER],
    "scale": [0.5],  # of a head that is not quantised
    "zero_point": [-129, 256, None, *NOT_A_COUNT],
    "n_classes": [-1, 5, *NOT_A_COUNT],
    "classes": [[4], [-1], [0.5], 1],
    "max_candidates": [-1, None, *NOT_A_COUNT],
    "detections": [None, 1, [], "x", [{}]],
    "truth": [None, 1, [], "x", [{}]],
    "area_ranges": [1, [], {}, [(0, 1)], {"all": (0, NAN)}, {"all": 1}, {"all": (1,)}, {"all": "ab"}],
    "max_detections": [1, (), [0], [1.5], "12", {}],
    "convention": ["pascal", "", 0, None],
    "height": [0, -1, 2**31, None, *NOT_A_COUNT],
    "width": [0, -1, 2**31, None, *NOT_A_COUNT],
    "polygons": [3, "ab", [[1, 2, 3]], [[]], [[0, 0, NAN, 0]]],
    "dilation_ratio": [-0.01, 1.01, NAN, None, *NOT_A_NUMBER],
    # Taken by their truth value, as everywhere in Python.
    "ceil_mode": [],
    "count_include_pad": [],
    "return_indices": [],
    "drop_intermediate": [],
    "maximize": [],
    "objectness": [],
    "logits": [],
    "multi_label": [],
}


def _scalars():
    some_array = {(name, parameter) for name, parameter, _ in _variants_of_parameters()} - {("kmeans", "init")}
    for name in NAMES:
        for parameter in parameters(name):
            if (name, parameter) not in some_array and parameter != "out":
                yield pytest.param(name, parameter, id=f"{name}-{parameter}")


@pytest.mark.parametrize(("name", "parameter"), list(_scalars()))
def test_scalar_out_of_range(name, parameter):
    assert parameter in BAD_SCALARS, (
        "say in BAD_SCALARS (or, for an array, in VARIANTS of calls.py) what is wrong for it"
    )
    if not BAD_SCALARS[parameter]:
        for namespace, value in itertools.product((fastgeo, reference), (0, 2, "", "x", [], [0])):
            truth, answer = (
                _outcome(namespace, name, {**arguments(name, N), parameter: each}) for each in (bool(value), value)
            )
            assert truth[0] == answer[0] == "answer", answer
            assert_same_answer(_plain(answer[1]), _plain(truth[1]))
    image_size = name == "clip_boxes" and parameter == "size"
    for value in [1, (1,), (1, 2, 3), (-1, 2), (NAN, 1), None, "ab"] if image_size else BAD_SCALARS[parameter]:
        _, message = both_raise(name, {**arguments(name, N), parameter: value})
        # The k of StreamingKMeans may be too large for the points alone, which come later.
        assert message.startswith((parameter, "centroids") if name == "StreamingKMeans" else parameter), message


def _bad_values(name, parameter, good):
    """(label, value): wrong in type, in shape, in one place; or out of range."""
    value = good.get(parameter)
    if (name, parameter) == ("clip_boxes", "size"):
        return [("number", 1), ("negative", (-1, 2))]
    if not isinstance(value, np.ndarray):
        return [(repr(bad), bad) for bad in BAD_SCALARS.get(parameter, ())[:3]]
    bad = [("complex", value.astype(complex)), ("of 7 axes", value[(None,) * 6])]
    if value.dtype.kind == "f":
        spoiled = value.copy()
        spoiled.flat[-1] = np.nan
        bad.append(("with NaN", spoiled))
    return bad


# These parameters the kernel reads before it sees the values of the boxes: with both bad it names another one.
READ_BEFORE_VALUES = [("batched_nms", "n_threads")]


@pytest.mark.parametrize("name", NAMES)
def test_two_bad_arguments(name):
    """Of two bad arguments kernel and reference name the same one."""
    different = {}
    for variant in VARIANTS[name]:
        good = arguments(name, N, variant=variant)
        checked_alike = [key for key in parameters(name) if (name, key) not in READ_BEFORE_VALUES]
        for one, other in itertools.combinations(checked_alike, 2):
            for first, second in itertools.product(_bad_values(name, one, good), _bad_values(name, other, good)):
                call = {**good, one: first[1], other: second[1]}
                found, expected = outcome(fastgeo, name, call), outcome(reference, name, call)
                if "answer" in (found[0], expected[0]):
                    assert found[0] == expected[0], (one, first, other, second)
                elif found != expected:
                    different[one, first[0], other, second[0]] = (found[1], expected[1])
    assert different == {}


# Scalars that say how the arrays are meant, and are read first.
READ_FIRST = [
    *((name, "layout") for name in ("conv2d", "Conv2d", "max_pool2d", "avg_pool2d", "lp_pool2d")),
    ("lp_pool2d", "p"),
]


# The only scalar of linear_assignment that can be bad says which costs count, and is read first.
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "linear_assignment"])
def test_a_bad_array_before_a_bad_scalar(name):
    """Arguments are checked in the order of the signature: of an array and a later scalar the array is named."""
    for variant in VARIANTS[name]:
        good = arguments(name, N, variant=variant)
        for one, other in itertools.combinations(parameters(name), 2):
            is_later_scalar = (name, other) not in READ_FIRST and not isinstance(good.get(other), np.ndarray)
            if not isinstance(good.get(one), np.ndarray) or not is_later_scalar:
                continue
            for label, value in _bad_values(name, one, good):
                alone = _outcome(reference, name, {**good, one: value})
                judged_later = label == "with NaN" and (one, other) in [("scores", "n_bins"), ("scores", "range")]
                if alone[0] == "answer" or judged_later:
                    continue
                for _, bad in _bad_values(name, other, good):
                    both = {**good, one: value, other: bad}
                    if _outcome(reference, name, {**good, other: bad})[0] != "answer":
                        assert _outcome(fastgeo, name, both) == alone, (label, other, bad)
                        assert _outcome(reference, name, both) == alone, (label, other, bad)


@pytest.mark.parametrize("name", [name for name in NAMES if "n_threads" in parameters(name)])
def test_more_threads_than_there_can_be(name):
    good = arguments(name, N)
    expected = ENTRIES[name](fastgeo)(**good)
    for n_threads in (256, 257, 2**31, 2**70, np.int8(2)):
        as_before(name, {**good, "n_threads": n_threads}, expected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_unknown_and_missing_arguments(name):
    for function in (getattr(fastgeo, name), getattr(reference, name)):
        with pytest.raises(TypeError):
            function(**arguments(name, N), no_such_parameter=1)
        with pytest.raises(TypeError):
            function()


@pytest.mark.parametrize("name", WITH_OUT)
def test_out(name):
    for dtype in (np.float32, np.float64):
        good = arguments(name, N, dtype)
        expected = ENTRIES[name](fastgeo)(**good)
        out = np.full_like(expected, 7)
        assert ENTRIES[name](fastgeo)(**good, out=out) is out
        assert_same_answer(out, expected)


@pytest.mark.parametrize("name", WITH_OUT)
def test_bad_out(name):
    good = arguments(name, N)
    right = ENTRIES[name](fastgeo)(**good)
    read_only = right.copy()
    read_only.flags.writeable = False
    misaligned = np.zeros(right.nbytes + 1, np.uint8)[1:].view(right.dtype).reshape(right.shape)
    wrong = {
        "list": right.tolist(),
        "other type": right.astype(np.float32),
        "integers": right.astype(np.int64),
        "byte-swapped": right.astype(right.dtype.newbyteorder("S")),
        "one row more": np.concatenate([right, right[:1]]),
        "flat": right.ravel()[None],
        "strided": np.repeat(right, 2, axis=0)[::2],
        "fortran": np.asfortranarray(right) if right.ndim > 1 else right[::-1],
        "read-only": read_only,
        "misaligned": misaligned,
        "number": 1.0,
    }
    for label, out in wrong.items():
        _, message = both_raise(name, {**good, "out": out})
        assert message.startswith("out: expected "), label


@pytest.mark.parametrize("name", WITH_OUT)
def test_overlapping_out(name):
    good = arguments(name, N)
    right = ENTRIES[name](fastgeo)(**good)
    for parameter, array in good.items():
        # The layer has packed its weights by the time `out` is seen.
        if isinstance(array, np.ndarray) and (name, parameter) != ("Conv2d", "kernel"):
            shared = np.zeros(max(right.size, array.size) + 1)
            behind_the_first = shared[1:].view(array.dtype)
            source = behind_the_first[: array.size].reshape(array.shape)
            source[...] = array
            out = shared[: right.size].reshape(right.shape)
            error, message = both_raise(name, {**good, parameter: source, "out": out})
            assert error is ValueError
            assert message.startswith("out: expected ")


def _bad_bits(array, rng):
    """Random bit patterns: NaN payloads, infinities, subnormals, both zeros, huge and tiny numbers."""
    bits = rng.integers(0, 256, array.nbytes, dtype=np.uint8)
    return bits.view(array.dtype).reshape(array.shape)


@pytest.mark.parametrize("name", NAMES)
def test_random_bits(name):
    """Mostly errors; the same ones from both."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        for dtype in (np.float32, np.float64):
            good = arguments(name, N, dtype)
            for parameter in [key for key, value in good.items() if isinstance(value, np.ndarray)]:
                with np.errstate(all="ignore"):
                    both_agree(name, {**good, parameter: _bad_bits(good[parameter], rng)})
