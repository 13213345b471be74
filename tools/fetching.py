"""What the tools that fetch a Python from Debian share: their options, their cache, an apt state of their own."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path


def options(description, cache):
    """The command line of such a tool; `cache` names its folder in the user's cache."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / cache
    parser.add_argument("--cache", type=Path, default=default)
    return parser.parse_args()


def run(*command, **options):
    """Run a command, end on failure; return its output where it was asked for."""
    done = subprocess.run(list(map(str, command)), **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command[:6]))} … ended with {done.returncode}")
    return done.stdout


def apt_options(state, **more):
    """Options for apt-get that keep what it knows and fetches below `state`: the system is left as it is."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True)
    (state / "status").touch()
    settings = {
        "APT::Sandbox::User": "",
        "Dir::State": state / "state",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        **more,
    }
    return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
