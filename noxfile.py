"""The sessions of CI, each in an environment of its own: `nox -l` lists them, `nox -s tests` runs one."""

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True


@nox.session
def tests(session: nox.Session) -> None:
    """The tests; arguments after -- go to pytest."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format and types."""
    session.install("-e", ".[test]", "ruff>=0.8", "mypy>=1.13")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation; a warning is an error."""
    session.install("-e", ".[docs]")
    session.run(
        "mkdocs", "build", "--strict", "--quiet", "--site-dir", session.create_tmp(), env={"NO_MKDOCS_2_WARNING": "1"}
    )


@nox.session
def bench(session: nox.Session) -> None:
    """The short benchmark; arguments after -- go to `fastgeo bench`."""
    session.install("-e", ".[demo]")
    session.run("fastgeo", "bench", *(session.posargs or ["--short"]))


@nox.session
def sanitize(session: nox.Session) -> None:
    """Tests, fuzzing and threads under the sanitizers, in their short form; arguments after -- go to the tool."""
    session.install("-e", ".[test]", "Cython>=3.1", "setuptools>=77")
    session.run("python", "tools/sanitize.py", *(session.posargs or ["--short"]))
