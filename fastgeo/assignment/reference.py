"""The specification of assignment: shortest augmenting paths in plain Python, and the matching of boxes by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.boxes.reference import sparse_box_iou
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

__all__ = ["linear_assignment", "match_boxes"]

INFEASIBLE = "cost: expected a matrix that admits a complete assignment, got one whose forbidden pairs leave none"


def linear_assignment(cost: ArrayLike, *, max_cost: float | None = None, maximize: bool = False) -> tuple[Array, Array]:
    """Pair rows with columns, one to one, at the least total cost.

    Parameters
    ----------
    cost : array_like, shape (N, M)
        Cost of each pair; infinity forbids it (minus infinity with `maximize`).
    max_cost : float, optional
        What it costs to leave a row and a column unmatched: half of it for the row, half for the column. By default
        min(N, M) pairs are matched, whatever they cost.
    maximize : bool, default False
        Find the greatest total instead. Not together with `max_cost`.

    Returns
    -------
    rows : ndarray of int64, shape (K,)
        Matched rows, ascending. K is min(N, M) without `max_cost`.
    columns : ndarray of int64, shape (K,)
        The column of each.

    Raises
    ------
    ValueError
        If `cost` has another shape, a NaN, or an infinity of the wrong sign; if forbidden pairs leave no complete
        assignment; if `max_cost` is not finite.
    TypeError
        If `cost` is no array of numbers.

    Notes
    -----
    The total is the least possible, up to rounding in float64. Where several assignments attain it, the one that is
    returned is defined by the algorithm, and kernel and reference agree on it to the last index: rows are matched in
    ascending order, each by a shortest augmenting path, of equally near columns the lowest first. A pair that costs as
    much as leaving it unmatched is left unmatched. Shortest augmenting paths [1]_ take O(N M min(N, M)) time at worst
    and O(N + M) memory beyond the matrix.

    `max_cost` means what trackers mean by a gate, ``lapjv(extend_cost=True, cost_limit=max_cost)`` of lapx.

    References
    ----------
    .. [1] D. F. Crouse, "On implementing 2D rectangular assignment algorithms", IEEE Transactions on Aerospace and
       Electronic Systems 52(4), 2016.

    Examples
    --------
    >>> import fastgeo
    >>> rows, columns = fastgeo.linear_assignment([[4, 1, 3], [2, 0, 5]])
    >>> rows, columns
    (array([0, 1]), array([1, 0]))
    >>> fastgeo.linear_assignment([[4, 1, 3], [2, 0, 5]], max_cost=1.5)
    (array([1]), array([1]))
    """
    matrix, limit, swapped = checked_problem(cost, max_cost, maximize)
    check_costs(cost, maximize)
    return pairs_of(shortest_augmenting_paths(matrix, limit), swapped)


def match_boxes(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    iou_threshold: float = 0.3,
    *,
    fmt: str = "xyxy",
    n_threads: int | None = None,
) -> tuple[Array, Array, Array]:
    """Pair the boxes of two sets, one to one, so that their total overlap is largest.

    Parameters
    ----------
    boxes1, boxes2, fmt, n_threads
        As in :func:`fastgeo.box_iou`.
    iou_threshold : float, default 0.3
        From 0 to 1. Only pairs with ``float64(iou) > iou_threshold`` are matched.

    Returns
    -------
    rows : ndarray of int64, shape (K,)
        Indices into `boxes1`, ascending.
    columns : ndarray of int64, shape (K,)
        Indices into `boxes2`.
    values : ndarray, shape (K,)
        Intersection over union of each pair, in the boxes' float type.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.sparse_box_iou`.

    Notes
    -----
    What a tracker does with its predictions and the next frame's detections. The answer is that of
    :func:`fastgeo.linear_assignment` on the whole table of overlaps, to the last index, without the table: boxes that
    are connected by overlaps form components, and each is solved by itself. Time and memory are those of
    :func:`fastgeo.sparse_box_iou` and of the largest component: O(r c min(r, c)) and O(r c) for r by c boxes.

    References
    ----------
    .. [1] A. Bewley et al., "Simple online and realtime tracking", ICIP 2016.

    Examples
    --------
    >>> import fastgeo
    >>> tracks = [[0, 0, 10, 10], [20, 0, 30, 10]]
    >>> detections = [[21, 0, 31, 10], [1, 0, 11, 10], [50, 50, 60, 60]]
    >>> rows, columns, values = fastgeo.match_boxes(tracks, detections)
    >>> rows, columns
    (array([0, 1]), array([1, 0]))
    """
    boxes1, boxes2 = checks.box_pair(boxes1, boxes2)
    threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
    rows, columns, values = sparse_box_iou(boxes1, boxes2, threshold, fmt=fmt, n_threads=n_threads)
    cost = np.full((len(boxes1), len(boxes2)), np.inf)
    cost[rows, columns] = -values.astype(np.float64)
    matched_rows, matched_columns = linear_assignment(cost, max_cost=0.0)
    return matched_rows, matched_columns, (-cost[matched_rows, matched_columns]).astype(values.dtype)


def checked_problem(cost: ArrayLike, max_cost: float | None, maximize: bool) -> tuple[Array, float, bool]:
    """A float64 matrix to minimise, the cost of an unmatched row, and whether rows and columns have changed places."""
    matrix = checks.shaped("cost", checks.numeric_array("cost", cost), ("n", "m"))
    limit = np.inf
    if max_cost is not None:
        limit = checks.real_number("max_cost", max_cost)
        if not np.isfinite(limit):
            raise ValueError(f"max_cost: expected a finite number, got {max_cost}")
    if maximize and max_cost is not None:
        raise ValueError("max_cost: expected None where maximize is True, got both")
    matrix = checks.plain(-matrix.astype(np.float64) if maximize else matrix, np.float64)
    swapped = max_cost is None and matrix.shape[0] > matrix.shape[1]
    return checks.plain(matrix.T, np.float64) if swapped else matrix, limit, swapped


def pairs_of(column_of: Array, swapped: bool) -> tuple[Array, Array]:
    """Matched rows, ascending, and their columns."""
    rows = np.flatnonzero(column_of >= 0)
    columns = column_of[rows]
    if swapped:
        order = np.argsort(columns)
        return columns[order], rows[order]
    return rows, columns


def check_costs(cost: ArrayLike, maximize: bool) -> None:
    """Raise for a NaN, and for an infinity that would make a pair priceless."""
    costs = checks.numeric_array("cost", cost)
    bad = np.isnan(costs) | (costs == (np.inf if maximize else -np.inf))
    checks.reject("cost", costs, bad, "a number, or the infinity that forbids a pair")


def shortest_augmenting_paths(cost: Array, limit: float) -> Array:
    """The column of each row, or -1: every row is matched, or left unmatched at the price of `limit`."""
    n, m = cost.shape
    u, v = np.zeros(n), np.zeros(m)  # dual variables: cost - u - v is never negative, and zero where matched
    column_of, row_of = np.full(n, -1), np.full(m, -1)
    rows = match_cheapest(cost, limit, u, column_of, row_of)
    for row in displace(cost, limit, rows, u, v, column_of, row_of):
        augment(cost, limit, row, u, v, column_of, row_of)
    return column_of


def match_cheapest(cost: Array, limit: float, u: Array, column_of: Array, row_of: Array) -> list[int]:
    """Give each row its cheapest column while that is free; return the rows that found theirs taken."""
    taken = []
    for row in range(cost.shape[0]):
        column = int(np.argmin(cost[row])) if cost.shape[1] else -1
        least = cost[row, column] if column >= 0 else np.inf
        u[row] = min(least, limit)
        if u[row] == np.inf:
            raise ValueError(INFEASIBLE)
        if limit <= least:
            continue
        if row_of[column] < 0:
            row_of[column], column_of[row] = row, column
        else:
            taken.append(row)
    return taken


def displace(
    cost: Array, limit: float, rows: list[int], u: Array, v: Array, column_of: Array, row_of: Array
) -> list[int]:
    """Jonker and Volgenant's augmenting row reduction: each row takes its best column.

    Its column becomes dear enough that no other row takes it back at once; the row that loses it goes next. Returns the
    rows that are left for a search: those whose two best are equal, and those whose turn has not come after twice as
    many turns as there were rows.
    """
    waiting, left, turns = rows[::-1], [], 2 * len(rows)
    while waiting:
        row = waiting.pop()
        reduced = cost[row] - v
        column = int(np.argmin(reduced))
        least = reduced[column]
        second = min(limit, min(np.delete(reduced, column), default=np.inf))
        turns -= 1
        if limit <= least:
            u[row] = limit
        elif turns < 0 or second == np.inf or second == least:
            u[row] = least
            left.append(row)
        else:
            u[row] = second
            v[column] -= second - least
            loser = row_of[column]
            row_of[column], column_of[row] = row, column
            if loser >= 0:
                column_of[loser] = -1
                waiting.append(loser)
    return left


def augment(cost: Array, limit: float, start: int, u: Array, v: Array, column_of: Array, row_of: Array) -> None:
    """Match the row `start` by a shortest path of reduced costs, along which others may change their columns."""
    distance = np.full(cost.shape[1], np.inf)  # to each column that is not yet reached
    before = np.full(cost.shape[1], -1)  # the row ahead of it on the way
    reached: list[tuple[int, float]] = []  # columns, and how far
    rows = [(start, 0.0)]
    row, at = start, 0.0
    give_up, last_row = np.inf, -1  # the nearest row that can stay unmatched, and how far
    while True:
        if at + (limit - u[row]) < give_up:
            give_up, last_row = at + (limit - u[row]), row
        through = at + ((cost[row] - u[row]) - v)
        through[[column for column, _ in reached]] = np.inf
        nearer = through < distance
        distance[nearer], before[nearer] = through[nearer], row
        column = int(np.argmin(distance))
        if give_up <= distance[column]:
            break
        at = distance[column]
        if row_of[column] < 0:
            break
        reached.append((column, at))
        distance[column] = np.inf
        row = row_of[column]
        rows.append((row, at))
    end = min(give_up, distance[column])
    if end == np.inf:
        raise ValueError(INFEASIBLE)
    for passed, at in rows:
        u[passed] += end - at
    for passed, at in reached:
        v[passed] -= end - at
    if end == give_up:
        column, column_of[last_row] = column_of[last_row], -1
        if last_row == start:
            return
    while True:  # back along the path, each row takes the column behind it
        row = before[column]
        row_of[column] = row
        column_of[row], column = column, column_of[row]
        if row == start:
            return
