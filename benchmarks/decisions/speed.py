"""Decisions per CPU second of the pure function, one at a time, for students of every kind; the target is 5,000."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from time import process_time
from typing import Any

from features.catalogue import FEATURES
from features.config import DEFAULTS, read_toml
from serving.decide import FILES, Case, Consent, Effect, EnrolmentCase, Policy, PriceBook, Touch, decide

NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)
DAY = date(2025, 3, 10)
REPEATS = 5


def run(quick: bool = False) -> dict[str, Any]:
    """Prints the median over repeats of the decisions a second for each kind of student, and their mixture.

    Args:
        quick: fewer students.
    """
    many = 300 if quick else 3_000
    policies = {level: _policy(level) for level in ("L0", "L1")}
    kinds: dict[str, Callable[[random.Random, int], Case]] = {
        "nothing fires": _calm,
        "a rule fires": _silent,
        "contacts and consents": _busy,
        "measured effects": _measured,
    }
    print(f"{'student':<24} {'level':<6} {'decisions a second':>20}")
    found: dict[str, float] = {}
    for name, make in kinds.items():
        rng = random.Random(1)  # noqa: S311
        level = "L1" if make is _measured else "L0"
        cases = [make(rng, number) for number in range(many)]
        book = _book(policies[level])
        rates = []
        for _ in range(REPEATS):
            start = process_time()
            for case in cases:
                decide(case, policies[level], NOON, book)
            rates.append(many / (process_time() - start))
        found[name] = statistics.median(rates)
        print(f"{name:<24} {level:<6} {found[name]:>20,.0f}")
    # 80 % of a school's students are calm on a day; those for whom something is weighed take the rest.
    shares = {"nothing fires": 0.8, "a rule fires": 0.1, "contacts and consents": 0.1}
    found["a usual day"] = 1 / sum(share / found[name] for name, share in shares.items())
    print(f"{'a usual day':<24} {'L0':<6} {found['a usual day']:>20,.0f}")
    return found


def _policy(level: str) -> Policy:
    files = {name: read_toml(DEFAULTS / f"{name}.toml") for name in FILES}
    return Policy.from_config(files, FEATURES, level=level, effects_version="" if level == "L0" else "x")


def _book(policy: Policy) -> PriceBook:
    prices = {"minutes:anna": 0.01, "minutes:boris": 0.02}
    caps = dict.fromkeys(prices, 120.0)
    none = dict.fromkeys(prices, 0.0)
    return PriceBook(DAY, "l", "m1", policy.version, policy.level, 1, prices, caps, none, none, "lp", (), NOON)


def _case(rng: random.Random, number: int, values: dict[str, float], **fields: Any) -> Case:
    curator = rng.choice(("anna", "boris"))
    risk = rng.random() * 0.4
    known = {"days_since_start": 60.0, **values}
    one = EnrolmentCase(
        f"e{number}", "c1", risk, "medium", known, curator, fields.pop("margin", 0), fields.pop("effects", {})
    )
    filled: dict[str, Any] = {"consents": (), "touches": (), **fields}
    return Case(f"s{number}", DAY, "Europe/Moscow", (one,), model_version="m1", **filled)


def _calm(rng: random.Random, number: int) -> Case:
    return _case(rng, number, {"days_without_login": float(rng.randrange(6))})


def _silent(rng: random.Random, number: int) -> Case:
    return _case(rng, number, {"days_without_login": 7.0 + rng.randrange(10)})


def _busy(rng: random.Random, number: int) -> Case:
    touches = tuple(
        Touch(f"t{number}-{at}", rng.choice(("sms", "call", "email")), NOON - timedelta(hours=rng.uniform(1, 1400)))
        for at in range(4)
    )
    consents = (
        Consent("any", "any", "given", NOON - timedelta(days=90)),
        Consent("sms", "marketing", "withdrawn", NOON),
    )
    days = tuple(DAY - timedelta(days=rng.randrange(1, 50)) for _ in range(5))
    return _case(rng, number, {"days_without_login": 9.0}, touches=touches, consents=consents, active_days=days)


def _measured(rng: random.Random, number: int) -> Case:
    effects = {
        name: Effect(rng.uniform(-0.01, 0.08), -0.05, 0.1) for name in ("care_sms", "mentor_call", "advanced_materials")
    }
    return _case(rng, number, {"days_without_login": 8.0}, margin=1_000_000, effects=effects)
