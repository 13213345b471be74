"""`Everywhere`: the kernels as a namespace whose functions run on every instruction set, thread count and algorithm.

A test compares one answer with one of the reference; that all implementations give the same bits, or raise the same, is
held here, in the same call. So the reference, which takes 10 to 1000 times as long, is computed once.
"""

import contextlib
import inspect

import numpy as np

import fastgeo
from fastgeo import runtime
from fastgeo.testing import algorithms, assert_same_answer, force_algorithm

THREADS = (1, 2, 3, 8)
LARGE = 1 << 18  # values that go in and come out, from which a call runs on few machines unless --exhaustive
CANNOT_SERVE = "cannot serve this call"


def machines(function, thorough):
    """(instruction set, threads, algorithm or None for the plan's own) of every run after the first."""
    isas, names = runtime.supported_isas(), algorithms(function)
    names = names if len(names) > 1 else ()
    if not thorough:
        yield isas[-2 % len(isas)], 3, None
        yield from ((isas[-1], 2, name) for name in names)
        return
    yield from ((isa, THREADS[i % 2 * 2], None) for i, isa in enumerate(isas[:-1]))
    yield from ((isas[-1], n_threads, None) for n_threads in THREADS[1:])
    yield from ((isa, THREADS[(i + j) % 2 * 2], name) for i, name in enumerate(names) for j, isa in enumerate(isas))


def outcome(function, args, kwargs, isa, n_threads, algorithm):
    """("answer", value), or ("error", exception); None where a forced algorithm cannot serve the call."""
    runtime.set_isa(isa)
    forced = force_algorithm(function, algorithm) if algorithm else contextlib.nullcontext()
    with fastgeo.threads(n_threads), forced:
        try:
            return "answer", function(*args, **kwargs)
        except Exception as error:
            if algorithm and CANNOT_SERVE in str(error):
                return None
            return "error", error


def same(one, other):
    if one[0] == other[0] == "answer":
        assert_same_answer(*(tuple(value) if isinstance(value, tuple) else value for _, value in (other, one)))
    else:
        assert (type(one[1]), str(one[1])) == (type(other[1]), str(other[1]))


def runs_once(values):
    """Whether a call has an effect besides its answer: a function that it calls, a generator that it draws from."""
    return any(
        isinstance(value, np.random.Generator) or (callable(value) and inspect.isroutine(value)) for value in values
    )


def n_values(values):
    """How many numbers the arrays hold, in tuples too."""
    return sum(n_values(value) if isinstance(value, tuple) else np.size(value) for value in values)


def everywhere(function, exhaustive):
    """The function as a caller of all its implementations."""

    def call(*args, **kwargs):
        before, values = runtime.active_isa(), (*args, *kwargs.values())
        try:
            first = kept = outcome(function, args, kwargs, runtime.supported_isas()[-1], 1, None)
            if kwargs.get("out") is not None and first[0] == "answer":
                kept = ("answer", np.copy(first[1]))  # the others write there
            arrays = [value for value in (*values, first[1]) if isinstance(value, (np.ndarray, tuple))]
            for machine in machines(function, exhaustive or n_values(arrays) < LARGE) if not runs_once(values) else ():
                other = outcome(function, args, kwargs, *machine)
                if other is not None:
                    compare(kept, other, function, machine)
        finally:
            runtime.set_isa(before)
        if first[0] == "error":
            raise first[1]
        return first[1]

    return call


def compare(first, other, function, machine):
    try:
        same(first, other)
    except AssertionError as error:
        isa, n_threads, algorithm = machine
        what = f"{function.__name__} on {isa} with {n_threads} threads, algorithm {algorithm or 'as planned'}"
        raise AssertionError(f"{what}, differs from the first answer\n{error}") from None


class Everywhere:
    """Classes are those of the package: they run on the instruction set in use."""

    def __init__(self, exhaustive):
        self.exhaustive = exhaustive

    def __getattr__(self, name):
        found = getattr(fastgeo, name)
        if name.startswith("_") or isinstance(found, type) or not callable(found):
            return found
        return everywhere(found, self.exhaustive)
