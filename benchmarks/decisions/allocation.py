"""How long the prices of a night take and how close they come, by linear program and by bisection.

    .venv/bin/python -m benchmarks.decisions allocation

Made schools: four offers a student (nothing, an SMS, materials, a call), 200 students and 120 minutes a day for each
curator, SMS for a tenth of the students. In the first kind money is free; in the second it is short too, so that one
price binds every pool to all others. Seconds are of CPU, medians of runs side by side: the linear program, which may
take as long as it likes here, and then the bisection. The gap is what tonight's choices miss of what no way of choosing
can beat; most of it is the end of each curator's day that is too short for a call. Prices are compared where the linear
program has one above 0.
"""

from __future__ import annotations

import math
import time
from statistics import median
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from serving.allocation import Offers, Prices, price, prices

OFFERS = 4
A_CURATOR = 200
MINUTES = 120.0
BUDGET_A_STUDENT = {"money free": None, "money short": 3.0}


def school(rows: int, seed: int, budget: float | None) -> tuple[Offers, dict[str, float]]:
    """The offers of a made school, and what its day holds.

    Args:
        rows: of offers, four a student.
        seed: of what is drawn.
        budget: minor units a student and day; None is no limit.
    """
    draw = np.random.default_rng(seed)
    n = rows // OFFERS
    pools = -(-n // A_CURATOR)
    at, pool = np.arange(n), draw.permutation(n) % pools
    names = ("budget", *(f"minutes:c{one:04}" for one in range(pools)), "sms")
    risk, margin = draw.beta(1.2, 6, n), draw.lognormal(10, 0.6, n)
    value = np.zeros((n, OFFERS))
    value[:, 1] = risk * draw.beta(2, 20, n) * margin - 10
    value[:, 2] = (risk * draw.beta(2, 30, n) - 0.002) * margin - 60
    value[:, 3] = risk * draw.beta(3, 15, n) * margin - 25
    minutes = draw.choice([10.0, 15.0, 20.0], n)
    taken = [(1, 0, 10.0), (1, pools + 1, 1.0), (2, 0, 60.0), (3, 0, 25.0), (3, pool + 1, minutes)]
    row = np.concatenate([at * OFFERS + offer for offer, _, _ in taken])
    column = np.concatenate([np.broadcast_to(resource, n) for _, resource, _ in taken])
    amount = np.concatenate([np.broadcast_to(one, n) for _, _, one in taken])
    uses = csr_matrix((amount, (row, column)), shape=(n * OFFERS, len(names)))
    caps = dict.fromkeys(names[1:-1], MINUTES) | {"sms": float(n // 10)}
    if budget is not None:
        caps["budget"] = n * budget
    return Offers(np.repeat(at, OFFERS), value.ravel(), np.tile(np.arange(OFFERS), n), uses, names), caps


def run(quick: bool) -> dict[str, Any]:
    """Prints the table; returns its rows by kind and size."""
    sizes, runs = ((2_000, 10_000), 1) if quick else ((10_000, 50_000, 200_000), 5)
    print("| money | rows | curators | program, s | bisection, s | program / bisection | gap of program | of bisection")
    print("| values, bisection / program | prices apart: median | most |")
    print("|" + "---|" * 11)
    prices.LP_SECONDS = math.inf
    found = {}
    for kind, budget in BUDGET_A_STUDENT.items():
        for rows in sizes:
            found[f"{kind}, {rows}"] = _measured(kind, rows, budget, runs if rows < 100_000 else min(runs, 3))
    return found


def _measured(kind: str, rows: int, budget: float | None, runs: int) -> dict[str, Any]:
    """One row of the table, each run on a school of its own."""
    seconds: list[tuple[float, float]] = []
    pairs: list[tuple[Prices, Prices]] = []
    for seed in range(runs):
        offers, caps = school(rows, seed, budget)
        _ = offers.rows  # laid out once, for both
        program, first = _timed(offers, caps, rows)
        bisection, second = _timed(offers, caps, 0)
        seconds.append((first, second))
        pairs.append((program, bisection))
    apart = np.concatenate([_apart(*pair) for pair in pairs])
    result = {
        "curators": len(caps) - 1 - (budget is not None),
        "methods": sorted({one.method for pair in pairs for one in pair}),
        "program_s": median(one for one, _ in seconds),
        "bisection_s": median(other for _, other in seconds),
        "ratio": median(one / other for one, other in seconds),
        "program_gap": median(one.gap for one, _ in pairs),
        "bisection_gap": median(other.gap for _, other in pairs),
        "value_ratio": median(other.value / one.value for one, other in pairs),
        "prices_apart_median": float(np.median(apart)),
        "prices_apart_most": float(apart.max()),
    }
    print(
        f"| {kind} | {rows:,} | {result['curators']} | {result['program_s']:.2f} | {result['bisection_s']:.2f} "
        f"| {result['ratio']:.1f} | {result['program_gap']:.2%} | {result['bisection_gap']:.2%} "
        f"| {result['value_ratio']:.4f} | {result['prices_apart_median']:.1e} | {result['prices_apart_most']:.1e} |",
        flush=True,
    )
    return result


def _timed(offers: Offers, caps: dict[str, float], exact_rows: int) -> tuple[Prices, float]:
    begun = time.process_time()
    found = price(offers, caps, exact_rows=exact_rows)
    return found, time.process_time() - begun


def _apart(program: Prices, bisection: Prices) -> np.ndarray:
    """How far the prices of the bisection are from those of the program, as a share of these."""
    both = [(one, bisection.by_resource[name]) for name, one in program.by_resource.items() if one > 0]
    one, other = np.array(both).T
    return np.abs(other / one - 1)
