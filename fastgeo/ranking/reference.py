"""The ranking room in NumPy: the specification of every kernel in it."""

from __future__ import annotations

__all__: list[str] = []
