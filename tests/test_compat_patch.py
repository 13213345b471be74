"""patch, unpatch and report: what runs on fastgeo, what falls back, and that everything is put back."""

import pickle
import sys
import threading
import types

import numpy as np
import pytest
from cases import random_boxes
from fresh import in_fresh_process

from fastgeo import compat
from fastgeo.compat import patching


@pytest.fixture(autouse=True)
def unpatched():
    yield
    compat.unpatch()
    assert compat.report() == ()


@pytest.fixture
def host(monkeypatch):
    """A host of two modules, one of which has taken a name out of the other; and a drop-in that takes numbers only."""

    def double(x):
        """The host's."""
        return ("host", x)

    class Model:
        def fit(self, x):
            return ("host", self, x)

    inner = types.ModuleType("toy_host.inner")
    inner.double, inner.Model = double, Model
    outer = types.ModuleType("toy_host")
    outer.double, outer.inner = double, inner

    def ours(x):
        if not isinstance(x, int):
            raise TypeError(f"x: expected an int, got {x!r}")
        return ("fastgeo", x)

    drop = types.ModuleType("toy_drop")
    drop.double = ours
    drop.handing = lambda x: inner.double(x)  # as drop-ins hand over what they do not do
    drop.fit = lambda model, x: ("fastgeo", model, x)
    for module in (outer, inner, drop):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    names = {"toy_host.inner:double": "toy_drop:double", "toy_host.inner:Model.fit": "toy_drop:fit"}
    monkeypatch.setitem(patching.REPLACEMENTS, "toy_host", names)
    return outer


def counts():
    return {call.function: (call.fastgeo, call.original) for call in compat.report()}


def test_every_name_in_the_host_is_replaced_and_put_back(host):
    original = host.double
    compat.patch("toy_host")
    assert host.double is host.inner.double is not original
    compat.patch("toy_host")
    assert host.double(3) == ("fastgeo", 3)
    assert host.double.__name__ == "double" and host.double.__doc__ == "The host's."
    assert counts() == {"inner.double": (1, 0), "inner.Model.fit": (0, 0)}
    compat.unpatch("toy_host")
    compat.unpatch("toy_host")
    assert host.double is host.inner.double is original
    assert host.double(3) == ("host", 3)


def test_what_the_drop_in_refuses_is_the_hosts(host):
    compat.patch("toy_host")
    assert host.double("a") == ("host", "a")
    (row, _) = compat.report()
    assert (row.fastgeo, row.original, row.reason) == (0, 1, "x: expected an int, got 'a'")
    assert "inner.double" in str(compat.report()) and "x: expected an int" in str(compat.report())


def test_an_error_of_the_host_is_the_programs(host, monkeypatch):
    def fails(x):
        raise KeyError("host")

    host.inner.double = fails
    compat.patch("toy_host")
    with pytest.raises(KeyError, match="host") as raised:
        host.inner.double("a")
    assert raised.value.__context__ is None


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, AssertionError])
def test_what_is_no_refusal_is_not_hidden(host, monkeypatch, error):
    def fails(x):
        raise error

    monkeypatch.setattr(sys.modules["toy_drop"], "double", fails)
    compat.patch("toy_host")
    with pytest.raises(error):
        host.double(3)
    with pytest.raises(error):  # and the door is still open
        host.double(3)


def test_handing_over_counts_as_the_hosts(host):
    patching.REPLACEMENTS["toy_host"] = {"toy_host.inner:double": "toy_drop:handing"}
    compat.patch("toy_host")
    assert host.double(3) == ("host", 3)
    assert counts() == {"inner.double": (0, 1)}


def test_methods(host):
    original = host.inner.Model.fit
    compat.patch("toy_host")
    model = host.inner.Model()
    assert model.fit(3) == ("fastgeo", model, 3)
    compat.unpatch()
    assert host.inner.Model.fit is original


def test_a_later_replacement_is_left_alone(host):
    compat.patch("toy_host")
    host.double = len
    compat.unpatch("toy_host")
    assert host.double is len


def test_every_thread_is_counted(host):
    compat.patch("toy_host")
    threads = [threading.Thread(target=lambda: [host.double(i) for i in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts()["inner.double"] == (4000, 0)


def test_a_replaced_function_is_pickled_by_its_name(host):
    compat.patch("toy_host")
    assert pickle.loads(pickle.dumps(host.double)) is host.double
    assert hash(host.double) == hash(host.double)


def test_an_unknown_host():
    for function in (compat.patch, compat.unpatch):
        with pytest.raises(ValueError, match=r"host: expected one of 'torchvision', 'sklearn', .*, got 'numpy'"):
            function("numpy")


def test_importing_patches_nothing_and_imports_no_host():
    hosts = ("torch", "torchvision", "sklearn", "cv2", "supervision", "pycocotools")
    code = f"import sys, fastgeo, fastgeo.compat; print([name for name in {hosts} if name in sys.modules])"
    assert in_fresh_process(code) == "[]\n"


@pytest.mark.parametrize("name", list(patching.REPLACEMENTS))
def test_every_replacement_exists(name):
    pytest.importorskip(name, reason=f"needs {name}")
    before = {target: patching._found(target) for target in patching.REPLACEMENTS[name]}
    compat.patch(name)
    assert {f"{name}.{row.function}" for row in compat.report()} == {target.replace(":", ".") for target in before}
    compat.unpatch(name)
    assert {target: patching._found(target) for target in before} == before


def test_torchvision():
    torch, ops = (pytest.importorskip(name, reason="needs torchvision") for name in ("torch", "torchvision.ops"))
    boxes, scores = torch.from_numpy(random_boxes(200, np.float32, 0)), torch.rand(200)
    expected = ops.nms(boxes, scores, 0.4), ops.box_iou(boxes, boxes)
    compat.patch("torchvision")
    assert torch.equal(ops.nms(boxes, scores, 0.4), expected[0])
    torch.testing.assert_close(ops.box_iou(boxes, boxes), expected[1])
    assert ops.box_iou(boxes.clone().requires_grad_(), boxes).requires_grad  # by torchvision's own
    with pytest.raises(RuntimeError, match="boxes should be a 2d tensor"):
        ops.nms(boxes[0], scores, 0.4)
    assert counts()["ops.boxes.nms"] == (1, 1)
    assert counts()["ops.boxes.box_iou"] == (1, 1)


def test_opencv():
    cv2 = pytest.importorskip("cv2", reason="needs OpenCV")
    boxes, scores = [[0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 5, 5]], [0.9, 0.8, 0.7]
    calls = [
        lambda: cv2.dnn.NMSBoxes(boxes, scores, 0.1, 0.4),
        lambda: cv2.dnn.NMSBoxes(boxes, scores, 0.95, 0.4),
        lambda: cv2.dnn.softNMSBoxes(boxes, scores, 0.95, 0.4),
    ]
    expected = [call() for call in calls]
    compat.patch("cv2")
    for call, value in zip(calls, expected, strict=True):
        actual = call()
        assert type(actual) is type(value)
        np.testing.assert_array_equal(actual, value)
    image = np.zeros((4, 5), np.uint8)
    assert cv2.filter2D(cv2.UMat(image), -1, np.ones((3, 3), np.float32)).get().shape == (4, 5)
    assert counts()["dnn.NMSBoxes"] == (2, 0)
    assert counts()["filter2D"] == (0, 1)


def test_scikit_learn():
    sklearn = pytest.importorskip("sklearn", reason="needs scikit-learn")
    sparse = pytest.importorskip("scipy.sparse", reason="needs SciPy")
    from sklearn import cluster, metrics

    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(c, 0.1, (50, 3)) for c in (0, 5, 9)])
    labels, scores = rng.integers(0, 2, 99), rng.random(99)

    def results():
        model = cluster.KMeans(3, init=X[[0, 50, 100]], n_init=1).fit(X)
        return (
            metrics.roc_auc_score(labels, scores),
            model.labels_.tolist(),
            model.predict(X).tolist(),
            model.fit_predict(X).tolist(),
            model.transform(X).shape,
            round(model.score(X), 9),
            cluster.KMeans(3, init=X[[0, 50, 100]], n_init=1).fit(sparse.csr_array(X)).labels_.tolist(),
        )

    expected = results()
    compat.patch("sklearn")
    assert results() == expected
    model = cluster.KMeans(3, random_state=0).fit(X)
    assert type(model) is cluster.KMeans and isinstance(sklearn.base.clone(model), cluster.KMeans)
    assert pickle.loads(pickle.dumps(model)).predict(X).tolist() == model.labels_.tolist()
    with pytest.raises(ValueError, match="'n_clusters' parameter of KMeans"):
        cluster.KMeans(0).fit(X)
    assert counts()["cluster.KMeans.fit"] == (3, 2)
    assert counts()["metrics.roc_auc_score"] == (1, 0)


def test_supervision():
    sv = pytest.importorskip("supervision", reason="needs supervision")
    boxes = random_boxes(300, np.float32, 0)
    rng = np.random.default_rng(0)
    scores, classes = rng.permutation(300).astype(np.float32) / 300, rng.integers(0, 3, 300)
    detections = sv.Detections(xyxy=boxes, confidence=scores, class_id=classes)
    expected = [detections.with_nms(t, class_agnostic=a).xyxy for t in (0.3, 0.5) for a in (False, True)]
    overlaps = [sv.box_iou_batch(boxes, boxes[:9], metric) for metric in sv.OverlapMetric]
    compat.patch("supervision")
    actual = [detections.with_nms(t, class_agnostic=a).xyxy for t in (0.3, 0.5) for a in (False, True)]
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    for metric, table in zip(sv.OverlapMetric, overlaps, strict=True):
        np.testing.assert_array_equal(sv.box_iou_batch(boxes, boxes[:9], metric), table)
    rows = {call.function.rpartition(".")[2]: call for call in compat.report()}
    assert rows["box_non_max_suppression"][2:4] == (4, 0)
    assert rows["box_iou_batch"][2:4] == (2, 0)


def test_pycocotools():
    mask = pytest.importorskip("pycocotools.mask", reason="needs pycocotools")
    boxes, crowd = [[0.0, 0, 2, 2], [1, 0, 2, 2]], [0, 1]
    codes = mask.encode(np.asfortranarray(np.ones((4, 4, 2), np.uint8)))
    expected = mask.iou(boxes, boxes, crowd), mask.iou(codes, codes, crowd)
    compat.patch("pycocotools")
    np.testing.assert_array_equal(mask.iou(boxes, boxes, crowd), expected[0])
    np.testing.assert_array_equal(mask.iou(codes, codes, crowd), expected[1])
    assert counts()["mask.iou"] == (2, 0)
