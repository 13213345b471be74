"""fastgeo.compat.sklearn beside scikit-learn: the estimator's duties, equal metrics, everything else handed over."""

import inspect
import pickle
import subprocess
import sys
import warnings
from functools import partial

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", reason="needs scikit-learn")
scipy_sparse = pytest.importorskip("scipy.sparse", reason="needs SciPy")

from sklearn import cluster, metrics  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import make_blobs  # noqa: E402
from sklearn.exceptions import ConvergenceWarning, NotFittedError, UndefinedMetricWarning  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from fastgeo.compat import sklearn as ours  # noqa: E402


def blobs(dtype=np.float64, n=300, k=4):
    X, _ = make_blobs(n, 5, centers=k, cluster_std=0.5, random_state=0)
    return X.astype(dtype)


@pytest.mark.filterwarnings("ignore")
def test_passes_the_checks_that_scikit_learn_passes():
    def failed(estimator):
        return {
            check["check_name"]: str(check["exception"])
            for check in check_estimator(estimator, on_fail=None, on_skip=None)
            if check["status"] == "failed"
        }

    theirs = failed(cluster.KMeans())
    assert {name: text for name, text in failed(ours.KMeans()).items() if name not in theirs} == {}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_from_the_same_start(dtype):
    X = blobs(dtype)
    start = X[[0, 1, 2, 3]]
    actual, expected = (kind(4, init=start, n_init=1).fit(X) for kind in (ours.KMeans, cluster.KMeans))
    for name in ("cluster_centers_", "labels_", "inertia_", "n_iter_", "n_features_in_"):
        one, other = np.asarray(getattr(actual, name)), np.asarray(getattr(expected, name))
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4 if dtype == np.float32 else 1e-9, atol=1e-5)
    assert actual.cluster_centers_.dtype == expected.cluster_centers_.dtype == dtype
    assert actual.labels_.dtype == expected.labels_.dtype == np.int32
    np.testing.assert_array_equal(actual.predict(X), expected.predict(X))
    assert actual.predict(X).dtype == expected.predict(X).dtype
    np.testing.assert_allclose(actual.transform(X), expected.transform(X), rtol=1e-3, atol=1e-4)
    assert actual.transform(X).dtype == expected.transform(X).dtype
    assert actual.score(X) == pytest.approx(expected.score(X), rel=1e-5)
    weights = np.linspace(0.5, 2, len(X))
    assert actual.score(X, sample_weight=weights) == pytest.approx(expected.score(X, sample_weight=weights), rel=1e-5)


def test_data_far_from_the_origin():
    """scikit-learn subtracts the mean first; here the distances are taken of differences, and the labels agree."""
    X = blobs() + 1e8
    actual, expected = (kind(4, init=X[:4], n_init=1).fit(X) for kind in (ours.KMeans, cluster.KMeans))
    np.testing.assert_array_equal(actual.labels_, expected.labels_)
    np.testing.assert_allclose(actual.cluster_centers_ - 1e8, expected.cluster_centers_ - 1e8, atol=1e-6)
    assert actual.inertia_ == pytest.approx(expected.inertia_, rel=1e-6)


def test_sample_weight():
    X = blobs()
    weights = np.linspace(0.1, 2, len(X))
    actual, expected = (
        kind(4, init=X[:4], n_init=1).fit(X, sample_weight=weights) for kind in (ours.KMeans, cluster.KMeans)
    )
    np.testing.assert_allclose(actual.cluster_centers_, expected.cluster_centers_, rtol=1e-9)
    assert actual.inertia_ == pytest.approx(expected.inertia_)


def test_repeats_with_a_seed_and_does_not_change_the_data():
    X = blobs()
    before = X.copy()
    first, second = (ours.KMeans(4, random_state=3).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.cluster_centers_, second.cluster_centers_)
    np.testing.assert_array_equal(first.fit_predict(X), first.labels_)
    np.testing.assert_array_equal(X, before)
    state = np.random.RandomState(0)
    assert ours.KMeans(4, random_state=state).fit(X).inertia_ > 0


def test_finds_the_blobs_as_well():
    X = blobs()
    for init in ("k-means++", "random"):
        best = cluster.KMeans(4, n_init=10, random_state=0).fit(X).inertia_
        assert ours.KMeans(4, init=init, n_init=10, random_state=0).fit(X).inertia_ == pytest.approx(best, rel=1e-9)


def test_runs_of_auto():
    assert ours.KMeans()._runs() == 1
    assert ours.KMeans(init="random")._runs() == 10
    assert ours.KMeans(init=lambda X, k, random_state: X[:k])._runs() == 10
    assert ours.KMeans(init=blobs()[:8])._runs() == 1


def test_callable_init():
    X = blobs()
    model = ours.KMeans(4, init=lambda X, k, random_state: X[random_state.permutation(len(X))[:k]], random_state=0).fit(
        X
    )
    assert model.inertia_ == pytest.approx(cluster.KMeans(4, n_init=10, random_state=0).fit(X).inertia_, rel=1e-9)


def test_explicit_start_runs_once():
    X = blobs()
    with pytest.warns(RuntimeWarning, match="Explicit initial center position passed"):
        ours.KMeans(4, init=X[:4], n_init=3).fit(X)
    with pytest.raises(ValueError, match="initial centers"):
        ours.KMeans(4, init=X[:3]).fit(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_clusters": 0}, "n_clusters"),
        ({"n_clusters": 301}, "n_samples=300 should be >= n_clusters=301"),
        ({"tol": -1}, "tol"),
        ({"n_init": 0}, "n_init"),
        ({"n_init": "some"}, "n_init"),
        ({"init": "best"}, "init"),
        ({"max_iter": 0}, "max_iter"),
        ({"algorithm": "fast"}, "algorithm"),
    ],
)
def test_bad_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        ours.KMeans(**options).fit(blobs())


def test_not_fitted():
    for method in ("predict", "transform", "score"):
        with pytest.raises(NotFittedError):
            getattr(ours.KMeans(), method)(blobs())


def test_other_random_numbers():
    X = np.random.default_rng(0).uniform(size=(500, 2))
    actual, expected = (kind(20, random_state=0).fit(X) for kind in (ours.KMeans, cluster.KMeans))
    assert not np.allclose(actual.cluster_centers_, expected.cluster_centers_)


def test_an_empty_cluster_takes_the_farthest_point():
    X = np.array([[0.0], [0.1], [1.0], [1.1], [30.0]])
    start = np.array([[0.0], [1.0], [1000.0]])
    actual, expected = (kind(3, init=start, n_init=1).fit(X) for kind in (ours.KMeans, cluster.KMeans))
    np.testing.assert_allclose(actual.cluster_centers_, expected.cluster_centers_)
    np.testing.assert_array_equal(actual.labels_, expected.labels_)
    assert len(set(actual.labels_)) == 3


def test_same_signatures():
    # scikit-learn's validators hide behind decorators, which keep the signature
    for name in ("__init__", "fit", "fit_predict", "predict", "transform", "score"):
        actual, expected = (inspect.signature(getattr(kind, name)).parameters for kind in (ours.KMeans, cluster.KMeans))
        assert {p: (v.default, v.kind) for p, v in actual.items()} == {
            p: (v.default, v.kind) for p, v in expected.items()
        }, name
    for function in BINARY:
        actual, expected = (inspect.signature(f).parameters for f in (function, theirs(function)))
        assert list(actual) == list(expected), function.__name__
        for name, parameter in expected.items():
            assert actual[name].kind == parameter.kind, (function.__name__, name)
            if name != "pos_label":  # there "automatic" by another name
                assert actual[name].default == parameter.default, (function.__name__, name)


def test_too_few_distinct_points():
    with pytest.warns(
        ConvergenceWarning, match=r"Number of distinct clusters \(1\) found smaller than n_clusters \(3\)"
    ):
        ours.KMeans(3, random_state=0).fit(np.ones((10, 2)))


def test_clone_pickle_pipeline_search():
    X = blobs()
    model = ours.KMeans(4, random_state=0)
    assert clone(model).get_params() == model.get_params()
    model.fit(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.labels_)
    pipeline = make_pipeline(StandardScaler(), ours.KMeans(4, random_state=0)).fit(X)
    assert len(set(pipeline.predict(X))) == 4
    search = GridSearchCV(ours.KMeans(random_state=0), {"n_clusters": [2, 4]}, cv=2).fit(X)
    assert search.best_params_ == {"n_clusters": 4}
    assert metrics.silhouette_score(X, model.labels_) > 0.5


def test_set_output():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    X = pandas.DataFrame(blobs(), columns=list("abcde"))
    model = ours.KMeans(4, random_state=0).set_output(transform="pandas").fit(X)
    assert list(model.transform(X).columns) == ["kmeans0", "kmeans1", "kmeans2", "kmeans3"]
    assert list(model.feature_names_in_) == list("abcde")
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.rename(columns={"a": "z"}))


def test_parameters_without_effect(capsys):
    X = blobs()
    plain, odd = (
        ours.KMeans(4, random_state=0, **options).fit(X)
        for options in ({}, {"algorithm": "elkan", "verbose": 2, "copy_x": False})
    )
    np.testing.assert_array_equal(plain.cluster_centers_, odd.cluster_centers_)
    assert capsys.readouterr().out == ""


def test_sparse_is_converted():
    X = blobs()
    X[X < 0] = 0
    sparse, dense = (ours.KMeans(4, random_state=0).fit(data) for data in (scipy_sparse.csr_matrix(X), X))
    np.testing.assert_array_equal(sparse.cluster_centers_, dense.cluster_centers_)
    np.testing.assert_array_equal(sparse.predict(scipy_sparse.csr_array(X)), dense.labels_)


def test_much_sparse_data_warns(monkeypatch):
    monkeypatch.setattr(ours.cluster, "MUCH_MEMORY", 1000)
    with pytest.warns(UserWarning, match=r"sparse X is converted to a dense array of 0\.0 GiB"):
        ours.KMeans(2, random_state=0).fit(scipy_sparse.csr_matrix(blobs()))


def outcome(call):
    """The result, or the type and text of the error."""
    try:
        return call()
    except Exception as error:
        return type(error), str(error)


def ranked(n=500, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    # two digits: many ties
    return labels, np.round(rng.normal(labels, 1.5), 2).astype(dtype), rng.uniform(0, 2, n).round(1)


BINARY = [ours.roc_auc_score, ours.average_precision_score, ours.roc_curve, ours.precision_recall_curve]


def theirs(function):
    return getattr(metrics, function.__name__)


def here(monkeypatch):
    """Make handing over an error."""
    monkeypatch.setattr(ours.metrics, "theirs", None)


def agree(actual, expected):
    if isinstance(expected, tuple):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert one.dtype == other.dtype or one.dtype == np.float64
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    else:
        assert isinstance(actual, float)
        assert actual == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_binary(monkeypatch, function, weighted, dtype):
    labels, scores, weights = ranked(dtype=dtype)
    options = {"sample_weight": weights} if weighted else {}
    expected = theirs(function)(labels, scores, **options)
    here(monkeypatch)
    agree(function(labels, scores, **options), expected)
    agree(function(labels.astype(bool).tolist(), scores, **options), expected)
    agree(function(labels.astype(float), scores, **options), expected)


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
def test_other_pairs_of_labels(monkeypatch, function):
    labels, scores, _ = ranked()
    signed = 2 * labels - 1
    expected = theirs(function)(signed, scores)
    here(monkeypatch)
    agree(function(signed, scores), expected)


@pytest.mark.parametrize("function", BINARY[1:], ids=lambda f: f.__name__)
@pytest.mark.parametrize("pos_label", [3, 7])
def test_pos_label(monkeypatch, function, pos_label):
    labels, scores, _ = ranked()
    labels = np.where(labels, 7, 3)
    expected = theirs(function)(labels, scores, pos_label=pos_label)
    here(monkeypatch)
    agree(function(labels, scores, pos_label=pos_label), expected)


def test_drop_intermediate(monkeypatch):
    labels, scores, _ = ranked()
    functions = (metrics.roc_curve, metrics.precision_recall_curve)
    expected = [[f(labels, scores, drop_intermediate=drop) for drop in (False, True)] for f in functions]
    here(monkeypatch)
    for function, answers in zip(functions, expected, strict=True):
        for drop, answer in zip((False, True), answers, strict=True):
            agree(getattr(ours, function.__name__)(labels, scores, drop_intermediate=drop), answer)


def test_perfect_ranking_scores_one():
    assert ours.roc_auc_score([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == 1.0


def test_whole_numbers_beyond_float64_are_compared_as_such():
    labels, scores = [0, 1], np.array([2**53, 2**53 + 1])
    assert ours.roc_auc_score(labels, scores) == 1.0


MULTICLASS = [{"multi_class": m, "average": a} for m in ("ovr", "ovo") for a in ("macro", "weighted")]
MULTICLASS += [{"multi_class": "ovr", "average": None}, {"multi_class": "ovr", "average": "micro"}]


def close(actual, expected):
    assert isinstance(actual, float) == isinstance(expected, float)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("names", [[0, 1, 2], [-5, 3, 40], ["a", "bb", "c"], [0.0, 1.0, 2.0]], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", MULTICLASS, ids=str)
def test_multiclass(monkeypatch, options, weighted, names):
    rng = np.random.default_rng(0)
    labels, scores = np.array(names)[rng.integers(0, 3, 200)], rng.dirichlet([1, 1, 1], 200)
    weights = rng.integers(0, 3, 200) if weighted and options["multi_class"] == "ovr" else None
    expected = metrics.roc_auc_score(labels, scores, sample_weight=weights, **options)
    precision = metrics.average_precision_score(labels, scores, average=options["average"], sample_weight=weights)
    here(monkeypatch)
    for given in (None, names):
        close(ours.roc_auc_score(labels, scores, sample_weight=weights, labels=given, **options), expected)
    found = ours.average_precision_score(labels, scores, average=options["average"], sample_weight=weights)
    close(found, precision)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
def test_multilabel(monkeypatch, average, weighted):
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, (50, 3)), rng.random((50, 3)).round(1)
    options = {"average": average, "sample_weight": rng.integers(0, 3, 50) if weighted else None}
    functions = (metrics.roc_auc_score, metrics.average_precision_score)
    expected = [function(labels, scores, **options) for function in functions]
    here(monkeypatch)
    for function, answer in zip(functions, expected, strict=True):
        close(getattr(ours, function.__name__)(labels, scores, **options), answer)


HANDED_OVER = {
    "samples": ([[0, 1], [1, 0]], [[0.1, 0.2], [0.4, 0.3]], {"average": "samples"}),
    "class missing": ([0, 1, 0, 1], [[0.2, 0.3, 0.5]] * 4, {"multi_class": "ovr", "labels": [0, 1, 2]}),
    "column of one class": ([[0, 1], [0, 0]], [[0.1, 0.2], [0.4, 0.3]], {}),
    "no probabilities": ([0, 1, 2], [[1, 2, 3]] * 3, {"multi_class": "ovr"}),
    "no choice": ([0, 1, 2], [[0.2, 0.3, 0.5]] * 3, {}),
    "labels out of order": ([0, 1, 2], [[0.2, 0.3, 0.5]] * 3, {"multi_class": "ovr", "labels": [1, 0, 2]}),
    "weights of pairs": ([0, 1, 2], [[0.2, 0.3, 0.5]] * 3, {"multi_class": "ovo", "sample_weight": [1, 1, 1]}),
    "two columns": ([0, 1, 0], [[0.2, 0.8]] * 3, {}),
    "partial, multiclass": ([0, 1, 2], [[0.2, 0.3, 0.5]] * 3, {"multi_class": "ovr", "max_fpr": 0.5}),
    "partial, too much": ([0, 1, 0], [0.1, 0.2, 0.3], {"max_fpr": 1.5}),
    "lengths": ([0, 1, 2], [[0.2, 0.3, 0.5]] * 2, {"multi_class": "ovr"}),
    "not finite": ([0, 1, 2], [[0.2, np.nan, 0.5]] * 3, {"multi_class": "ovr"}),
}


@pytest.mark.parametrize("name", HANDED_OVER)
@pytest.mark.filterwarnings("ignore")
def test_the_rest_is_scikit_learns(name):
    labels, scores, options = HANDED_OVER[name]
    one, other = (outcome(partial(f, labels, scores, **options)) for f in (ours.roc_auc_score, metrics.roc_auc_score))
    np.testing.assert_equal(one, other)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("max_fpr", [0.01, 0.1, 0.5, 1.0])
def test_max_fpr(monkeypatch, max_fpr, weighted):
    labels, scores, weights = ranked()
    options = {"max_fpr": max_fpr, "sample_weight": weights if weighted else None}
    expected = metrics.roc_auc_score(labels, scores, **options)
    here(monkeypatch)
    close(ours.roc_auc_score(labels, scores, **options), expected)


@pytest.mark.parametrize("dtype", [str, object])
def test_labels_of_text(monkeypatch, dtype):
    labels, scores, weights = ranked()
    names = np.where(labels, "yes", "no").astype(dtype)
    functions = (
        metrics.roc_auc_score,
        metrics.roc_curve,
        metrics.precision_recall_curve,
        metrics.average_precision_score,
    )
    for function in functions:
        for label in [None] if function is metrics.roc_auc_score else ["yes", "no"]:
            options = {"sample_weight": weights, **({} if label is None else {"pos_label": label})}
            expected = function(names, scores, **options)
            with monkeypatch.context() as context:
                here(context)
                agree(getattr(ours, function.__name__)(names, scores, **options), expected)


def test_strings():
    labels, scores, _ = ranked()
    names = np.where(labels, "yes", "no")
    agree(ours.roc_auc_score(names, scores), metrics.roc_auc_score(names, scores))
    agree(ours.roc_curve(names, scores, pos_label="yes"), metrics.roc_curve(names, scores, pos_label="yes"))


BAD = {
    "three classes": ([0, 1, 2], [0.1, 0.2, 0.3], {}),
    "lengths": ([0, 1], [0.1], {}),
    "nan": ([0, 1], [0.1, np.nan], {}),
    "infinite": ([0, 1], [0.1, np.inf], {}),
    "fractions": ([0.5, 1.5], [0.1, 0.2], {}),
    "empty": ([], [], {}),
    "weights": ([0, 1], [0.1, 0.2], {"sample_weight": [1]}),
    "weight nan": ([0, 1], [0.1, 0.2], {"sample_weight": [1, np.nan]}),
    "one": (1, 0.5, {}),
    "text": ([0, 1], ["a", "b"], {}),
}


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("case", BAD)
def test_same_exceptions(function, case):
    labels, scores, options = BAD[case]
    with pytest.raises(Exception) as expected:  # noqa: PT011  whatever scikit-learn raises
        theirs(function)(labels, scores, **options)
    with pytest.raises(expected.type) as raised:
        function(labels, scores, **options)
    assert str(raised.value) == str(expected.value)


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_warns_as_there(function, label):
    arguments = ([label] * 3, [0.1, 0.2, 0.3])
    with warnings.catch_warnings(record=True) as expected_warnings:
        warnings.simplefilter("always")
        expected = theirs(function)(*arguments)
    with warnings.catch_warnings(record=True) as actual_warnings:
        warnings.simplefilter("always")
        actual = function(*arguments)
    assert [str(w.message) for w in actual_warnings] == [str(w.message) for w in expected_warnings]
    np.testing.assert_equal(actual, expected)


def test_one_class_is_undefined():
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(ours.roc_auc_score([1, 1], [0.1, 0.2]))


def test_negative_weights_are_handed_over():
    labels, scores, weights = ranked()
    weights[0] = -1
    assert ours.roc_auc_score(labels, scores, sample_weight=weights) == metrics.roc_auc_score(
        labels, scores, sample_weight=weights
    )


def test_host_is_imported_only_with_the_module():
    code = "import sys, fastgeo; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


START = blobs()[:4]


@pytest.mark.parametrize(
    "parameters",
    [{"n_clusters": 0}, {"n_clusters": 2.5}, {"n_clusters": 999}, {"max_iter": 0}, {"tol": -1}, {"algorithm": "fast"},
     {"n_init": 0}, {"n_init": "many"}, {"init": "best"}, {"init": START[:3]}, {"init": START[:, :2]},
     {"init": lambda X, k, random_state: X[:3]}, {"verbose": "x"}, {"copy_x": 3}, {"random_state": "x"}],
    ids=str,
)  # fmt: skip
def test_parameters_are_refused_in_scikit_learns_words(parameters):
    texts = [
        outcome(lambda kind=kind: kind(**{"n_clusters": 4, **parameters}).fit(blobs()))
        for kind in (ours.KMeans, cluster.KMeans)
    ]
    assert isinstance(texts[0], tuple) and texts[0] == texts[1]


def test_another_number_of_features_is_refused_in_scikit_learns_words():
    X = blobs()
    models = [kind(4, init=START, n_init=1).fit(X) for kind in (ours.KMeans, cluster.KMeans)]
    for method in ("predict", "transform", "score"):
        one, other = (outcome(partial(getattr(model, method), X[:, :3])) for model in models)
        assert one == other == (ValueError, "X has 3 features, but KMeans is expecting 5 features as input.")


WEIGHTS = {
    "whole": 2, "fraction": 0.5, "NumPy scalar": np.float32(3), "bool": True, "list": [1, 2, 3] * 100,
    "zero": 0, "zeros": np.zeros(300), "short": np.ones(3), "NaN": np.full(300, np.nan),
    "infinite": np.full(300, np.inf), "two axes": np.ones((300, 1)), "text": ["a"] * 300,
}  # fmt: skip


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_of_every_kind(name):
    X = blobs()
    models = [kind(4, init=START, n_init=1).fit(X) for kind in (ours.KMeans, cluster.KMeans)]
    calls = {
        "fit": lambda model: float(clone(model).fit(X, sample_weight=WEIGHTS[name]).inertia_),
        "fit_predict": lambda model: clone(model).fit_predict(X, sample_weight=WEIGHTS[name]).tolist(),
        "score": lambda model: float(model.score(X, sample_weight=WEIGHTS[name])),
    }
    for call in calls.values():
        one, other = (outcome(partial(call, model)) for model in models)
        assert one == (pytest.approx(other, rel=1e-9) if isinstance(other, float) else other)


def test_negative_weights_raise():
    X, weights = blobs(), -np.ones(300)
    model = ours.KMeans(4, init=START, n_init=1).fit(X)
    for call in (
        lambda: clone(model).fit(X, sample_weight=weights),
        lambda: model.score(X, sample_weight=weights),
        lambda: clone(model).fit(X, sample_weight=-1),
    ):
        with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
            call()


@pytest.mark.parametrize("weights", [None, "some"])
def test_kmeans_plusplus(weights):
    X = blobs(np.float32)
    weights = np.arange(300) % 2 if weights == "some" else weights
    centers, indices = ours.kmeans_plusplus(X, 4, sample_weight=weights, random_state=0)
    expected, rows = cluster.kmeans_plusplus(X, 4, sample_weight=weights, random_state=0)
    assert (centers.dtype, centers.shape, indices.shape) == (expected.dtype, expected.shape, rows.shape)
    np.testing.assert_array_equal(centers, X[indices])
    # four blobs far apart: both find one point in each
    assert set(cluster.KMeans(4, init=expected, n_init=1).fit(X).predict(centers)) == {0, 1, 2, 3}
    if np.ndim(weights):
        assert (weights[indices] > 0).all()
    with pytest.raises(ValueError, match="n_samples=300 should be >= n_clusters=301"):
        ours.kmeans_plusplus(X, 301)
    with pytest.raises(ValueError, match="n_local_trials: expected None"):
        ours.kmeans_plusplus(X, 4, n_local_trials=3)


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan"])
@pytest.mark.parametrize("axis", [0, 1])
def test_pairwise_distances_argmin_min(axis, metric):
    X, Y = blobs(), blobs()[:40] + 0.25
    expected = metrics.pairwise_distances_argmin_min(X, Y, axis=axis, metric=metric)
    for rows in (X, *[scipy_sparse.csr_array(X)] * (metric != "sqeuclidean")):  # which they refuse for sparse data
        others = Y if rows is X else scipy_sparse.csr_array(Y)
        actual = ours.pairwise_distances_argmin_min(rows, others, axis=axis, metric=metric)
        np.testing.assert_array_equal(actual[0], expected[0])
        np.testing.assert_allclose(actual[1], expected[1], rtol=1e-7, atol=1e-7)
        assert [a.dtype for a in actual] == [e.dtype for e in expected]
