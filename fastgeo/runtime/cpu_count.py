"""How many CPUs this process may use: the affinity mask, cut by the cgroup's CPU quota."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path


def usable_cpus(cgroup_root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> int:
    """Return the number of CPUs to use by default, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    for quota in _quotas(cgroup_root, membership):
        cpus = min(cpus, max(1, math.ceil(quota)))
    return cpus


def _quotas(root: Path, membership: Path) -> Iterator[float]:
    """CPU quotas, in CPUs, of this process's cgroup and of every group above it."""
    for line in _read(membership).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            yield from _walk_up(root, path, _quota_v2)
        elif "cpu" in controllers.split(","):
            yield from _walk_up(root / "cpu", path, _quota_v1)


def _walk_up(mount: Path, path: str, quota_of: Callable[[Path], float | None]) -> Iterator[float]:
    # Inside a container the path may be the host's, which does not exist here; the mount itself is then the group.
    group = mount / path.lstrip("/")
    while True:
        quota = quota_of(group)
        if quota is not None:
            yield quota
        if group == mount:
            return
        group = group.parent


def _quota_v2(group: Path) -> float | None:
    limit, _, period = _read(group / "cpu.max").partition(" ")
    return int(limit) / int(period) if limit.isdigit() else None


def _quota_v1(group: Path) -> float | None:
    limit = _read(group / "cpu.cfs_quota_us").strip()
    period = _read(group / "cpu.cfs_period_us").strip()
    return int(limit) / int(period) if limit.isdigit() and period.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
