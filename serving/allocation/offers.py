"""Offers: what could be done for each student tonight, and what each chooses at given prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from features.errors import BadInput

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


MOST = 1e15
LEAST = 1e-6
"""The smallest use that is not none; with these bounds no price overflows."""


@dataclass(frozen=True, eq=False)
class Offers:
    """What could be done for each student tonight; one row an offer (student, action).

    Attributes:
        student: (m,) int64, sorted, 0..n-1.
        value: (m,) float64, V(a) in one unit for all (minor units of money, or points).
        place: (m,) int64, the fixed order for ties within a student: the smaller wins (cheapest first).
        uses: (m, r) float64 >= 0, the amount of each resource.
        resources: (r,) names, in the order in which their prices are taken off.

    Raises:
        BadInput: a value or a use is out of bounds or no number, a student is missing or has no offer of doing nothing.
    """

    student: np.ndarray
    value: np.ndarray
    place: np.ndarray
    uses: csr_matrix
    resources: tuple[str, ...]

    def __post_init__(self) -> None:
        m = len(self.student)
        if not (len(self.value) == len(self.place) == m and self.uses.shape == (m, len(self.resources))):
            raise BadInput("the columns of the offers are not of one length", where="offers")
        if len(set(self.resources)) < len(self.resources):
            raise BadInput("a resource is named twice", where="offers")
        steps = np.diff(self.student, prepend=-1)
        if not np.isin(steps, (0, 1)).all() or (m and steps[0] != 1):
            raise BadInput("students are not numbered 0..n-1 in sorted order", where="offers")
        self._refuse(~(np.abs(self.value) <= MOST), f"a value is not a number within {MOST:g}")
        owner, use = np.repeat(np.arange(m), np.diff(self.uses.indptr)), self.uses.data
        is_sound = (use == 0) | ((use >= LEAST) & (use <= MOST))
        self._refuse(owner[~is_sound], f"a use is neither 0 nor an amount from {LEAST:g} to {MOST:g}")
        idle = (self.value == 0) & (np.bincount(owner, use > 0, minlength=m) == 0)
        alone = np.bincount(self.student, idle, minlength=self.students) == 0
        if alone.any():
            raise BadInput(
                "there is no offer of doing nothing",
                where=f"student {int(np.argmax(alone))}",
                mend="Give every student a row of value 0 without uses",
            )

    def _refuse(self, rows: np.ndarray, what: str) -> None:
        """Names the student of the first of these rows (a mask, or numbers of rows)."""
        at = self.student[rows]
        if len(at):
            raise BadInput(what, where=f"student {int(at[0])}", mend="Leave that offer out, or mend its value and uses")

    @property
    def students(self) -> int:
        """How many students there are."""
        return int(self.student[-1]) + 1 if len(self.student) else 0

    @cached_property
    def order(self) -> np.ndarray:
        """(m,) the rows by student and place, so that of equals the first wins."""
        return np.lexsort((self.place, self.student))

    @cached_property
    def rows(self) -> Rows:
        """The same offers, laid out for search."""
        uses = self.uses[self.order].tocsr()
        uses.sum_duplicates()  # also sorts each row by resource: the order in which prices are taken off
        count = np.diff(uses.indptr)
        column = np.arange(uses.nnz) - np.repeat(uses.indptr[:-1], count)
        owner = np.repeat(np.arange(len(count)), count)
        resource = np.zeros((int(count.max(initial=0)), len(count)), dtype=np.intp)
        amount = np.zeros(resource.shape)
        resource[column, owner], amount[column, owner] = uses.indices, uses.data
        start = np.flatnonzero(np.diff(self.student, prepend=-1))
        return Rows(self.value[self.order].astype(float), start, resource, amount, len(self.resources))


@dataclass(frozen=True, eq=False)
class Rows:
    """Offers by student, cheapest first, with the few uses of each side by side.

    Attributes:
        value: (m,).
        start: (n,) the first row of each student.
        resource, amount: (k, m) the k-th use of a row in the order of the resources; amount 0 where there is none.
        resources: r.
    """

    value: np.ndarray
    start: np.ndarray
    resource: np.ndarray
    amount: np.ndarray
    resources: int

    def net(self, prices: np.ndarray) -> np.ndarray:
        """(m,) values less prices, taken off one by one: a matrix product would round in another order."""
        net = self.value.copy()
        for resource, amount in zip(self.resource, self.amount, strict=True):
            net -= prices[resource] * amount
        return net

    def best(self, prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) which offer of its own each student takes, and what it nets."""
        if not len(self.start):
            return np.zeros(0, dtype=np.intp), np.zeros(0)
        net = self.net(prices)
        most = np.maximum.reduceat(net, self.start)
        winners = np.flatnonzero(net == np.repeat(most, self.count))
        return winners[np.searchsorted(winners, self.start)] - self.start, most

    def used(self, taken: np.ndarray) -> np.ndarray:
        """(r,) what the taken offers use."""
        rows = self.start + taken
        amount = self.amount[:, rows].ravel()
        return np.bincount(self.resource[:, rows].ravel(), amount, minlength=self.resources).astype(float)

    @cached_property
    def count(self) -> np.ndarray:
        """(n,) how many offers each student has."""
        return np.diff(self.start, append=len(self.value))

    @cached_property
    def users(self) -> list[np.ndarray]:
        """Of each resource, the students that some offer of theirs would take it from."""
        slot, row = np.nonzero(self.amount)
        student = np.repeat(np.arange(len(self.start)), self.count)[row]
        pairs = np.unique(self.resource[slot, row] * max(len(self.start), 1) + student)
        resource, student = np.divmod(pairs, max(len(self.start), 1))
        return np.split(student, np.searchsorted(resource, np.arange(1, self.resources)))

    def of(self, students: np.ndarray) -> Rows:
        """The offers of some students."""
        count = self.count[students]
        start = np.cumsum(count) - count
        rows = np.repeat(self.start[students] - start, count) + np.arange(count.sum())
        return Rows(self.value[rows], start, self.resource[:, rows], self.amount[:, rows], self.resources)


def choose(offers: Offers, prices: Mapping[str, float]) -> np.ndarray:
    """What each student takes at given prices, exactly as one student alone would.

    Args:
        offers: m offers of n students.
        prices: of every resource of the offers.

    Returns:
        (n,) the row of `offers` with the greatest V - sum of price x use, of equals the one of the smallest place.
    """
    missing = [name for name in offers.resources if name not in prices]
    if missing:
        raise BadInput(f"there is no price of {missing[0]}", where="price book", mend="Make the night's prices again")
    rows = offers.rows
    taken, _ = rows.best(np.array([prices[name] for name in offers.resources], dtype=float))
    return offers.order[rows.start + taken]
