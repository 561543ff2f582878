"""Prices: what a unit of each resource costs tonight, by a linear program or, where that is too large, by bisection."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from features.errors import BadInput
from serving.allocation.offers import Offers, Rows
from serving.allocation.search import Search

LP_SECONDS = 60.0


@dataclass(frozen=True)
class Prices:
    """What a unit of each resource costs tonight.

    Attributes:
        by_resource: price in units of value per unit of the resource; 0 where it is not short. A resource of capacity 0
            has the finite price that shuts out tonight's offers.
        used: what tonight's choices use.
        caps: the capacities, before the reserve.
        method: how the first prices were found.
        gap: the share of the dual bound (no way of choosing is worth more) that tonight's choices miss.
        value: the sum of V over tonight's choices.
    """

    by_resource: dict[str, float]
    used: dict[str, float]
    caps: dict[str, float]
    method: Literal["lp", "bisection"]
    gap: float
    value: float


def price(
    offers: Offers,
    caps: Mapping[str, float],
    *,
    reserve: Mapping[str, float] | None = None,
    exact_rows: int = 20_000,
) -> Prices:
    """Prices at which the students' own choices keep every capacity and leave little of it over.

    No single price can be lowered without breaking a capacity, so what is missed is about one row a constraint. The
    first prices are the duals of the linear program; above `exact_rows` offers, or where the solver fails, each price
    in turn is searched by bisection with the others held, sweep after sweep (coordinate descent on the dual).

    Args:
        offers: m offers of n students.
        caps: of each resource, >= 0; without one a resource is free.
        reserve: of each capacity what is kept for later in the day, in the same units.
        exact_rows: up to so many offers the program is solved whole.

    Raises:
        BadInput: a capacity or a reserve is not a finite number >= 0.
    """
    limits = _limits(offers.resources, caps, reserve or {})
    rows = offers.rows
    exact = _program(rows, limits) if len(rows.value) <= exact_rows else None
    search = Search(rows, limits, np.zeros(len(limits)) if exact is None else exact)
    if exact is None:
        search.clear()
    bound = search.bound()
    search.settle()
    bound = min(bound, search.bound())
    value = search.value(search.prices)
    free = dict.fromkeys(caps, 0.0)
    return Prices(
        by_resource=free | dict(zip(offers.resources, search.prices.tolist(), strict=True)),
        used=free | dict(zip(offers.resources, search.used.tolist(), strict=True)),
        caps=dict(caps),
        method="bisection" if exact is None else "lp",
        gap=max(0.0, 1 - value / bound) if bound > 0 else 0.0,
        value=value,
    )


def _limits(resources: tuple[str, ...], caps: Mapping[str, float], reserve: Mapping[str, float]) -> np.ndarray:
    """(r,) what may be used of each resource tonight; infinite where there is no capacity."""
    for kind, amounts in (("capacity", caps), ("reserve", reserve)):
        for name, amount in amounts.items():
            if not 0 <= amount < math.inf:
                raise BadInput(f"{kind} {amount} is not a finite number >= 0", where=name, mend="Mend capacity.toml")
    return np.array([max(caps[name] - reserve.get(name, 0.0), 0.0) if name in caps else math.inf for name in resources])


def _program(rows: Rows, limits: np.ndarray) -> np.ndarray | None:
    """(r,) the duals of the linear program, or None where it was not solved in time."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_matrix, vstack

    capped = np.flatnonzero(np.isfinite(limits))
    worth = np.flatnonzero(rows.value > 0)  # doing nothing is the slack of a student's row
    if not len(capped) or not len(worth):
        return np.zeros(len(limits))
    student = np.repeat(np.arange(len(rows.start)), rows.count)[worth]
    one_each = csr_matrix((np.ones(len(worth)), (student, np.arange(len(worth)))), (len(rows.start), len(worth)))
    amount, resource = rows.amount[:, worth], rows.resource[:, worth]
    column = np.broadcast_to(np.arange(len(worth)), amount.shape)
    uses = csr_matrix((amount.ravel(), (resource.ravel(), column.ravel())), (len(limits), len(worth)))
    scale = rows.value[worth].max()  # the solver's tolerances are absolute
    solved = linprog(
        -rows.value[worth] / scale,
        A_ub=vstack([one_each, uses[capped]], format="csr"),
        b_ub=np.concatenate([np.ones(len(rows.start)), limits[capped]]),
        method="highs",
        options={"time_limit": LP_SECONDS},
    )
    if solved.status != 0:
        return None
    prices = np.zeros(len(limits))
    prices[capped] = np.maximum(-solved.ineqlin.marginals[len(rows.start) :], 0) * scale
    return prices
