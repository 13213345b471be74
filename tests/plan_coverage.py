"""What the suite has run: each algorithm of every choice, how often, on which instruction sets, with how many threads.

Counted by the kernels themselves (runtime/plan.h). A full run in which an algorithm did not run fails.
"""

import collections

import fastgeo
from fastgeo.plans import choice_of
from fastgeo.runtime import core

COUNTS = collections.Counter()  # (choice, algorithm, instruction set, threads) -> runs


def pytest_sessionstart():
    core.count_runs(True)


def pytest_runtest_teardown():
    """After each test, of which some start to count anew."""
    COUNTS.update(core.run_counts())
    core.count_runs(True)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # of pytest-xdist
        session.config.workeroutput["plan_counts"] = [(*key, runs) for key, runs in COUNTS.items()]
    elif is_full(session.config) and never_ran() and session.exitstatus == 0:
        session.exitstatus = 1


class FromWorkers:
    """With pytest-xdist, in the process that collects what its workers did."""

    def pytest_testnodedown(self, node):
        for *key, runs in getattr(node, "workeroutput", {}).get("plan_counts", ()):
            COUNTS[tuple(key)] += runs


def pytest_configure(config):
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(FromWorkers())


def is_full(config):
    """Whether nothing was left out by hand."""
    chosen = config.args != config.getini("testpaths") and config.args != [str(config.rootpath / "tests")]
    return not (
        chosen
        or config.option.keyword
        or config.option.markexpr
        or getattr(config.option, "lf", False)
        or config.option.deselect
    )


def choices():
    """Choice -> the names of its algorithms, for every choice with several."""
    found = (choice_of(getattr(fastgeo, name)) for name in fastgeo.reference.__all__)
    return {choice: names for choice, names in found if len(names) > 1}


def never_ran():
    ran = {key[:2] for key in COUNTS}
    return [(choice, name) for choice, names in choices().items() for name in names if (choice, name) not in ran]


def pytest_terminal_summary(terminalreporter, config):
    if not COUNTS or hasattr(config, "workeroutput"):
        return
    terminalreporter.section("algorithms that ran")
    for choice, names in choices().items():
        for name in names:
            rows = [key for key in COUNTS if key[:2] == (choice, name)]
            isas = " ".join(sorted({key[2] for key in rows}))
            threads = " ".join(map(str, sorted({key[3] for key in rows})))
            runs = sum(COUNTS[key] for key in rows)
            terminalreporter.write_line(f"{choice:18} {name:18} {runs:9,} runs on {isas}; threads {threads}")
    for choice, name in never_ran() if is_full(config) else ():
        terminalreporter.write_line(f"{choice}: the algorithm {name!r} did not run", red=True)
