"""Doubts: what speaks against relying on the data of a day: tables that have stopped delivering, a red check."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from features.catalogue import FEATURES
from features.freshness import Stale, stale
from features.lake import Lake
from model.bundle import Bundle
from serving.decide import Policy, StaleSource
from serving.store import Store
from serving.store.health import Health


@dataclass(frozen=True)
class Doubts:
    """What a decision of a day must know of its data.

    Attributes:
        stale: the tables that have stopped delivering and that the model or a rule looks at, with what they feed: names
            of features that rules look at, and `risk` where the model looks at the table.
        health: the worst that the newest check of the served model and its data found, but for sources that had
            stopped, which are judged here, one by one; None before the first check of this model.
    """

    stale: tuple[tuple[Stale, tuple[str, ...]], ...]
    health: str | None

    @classmethod
    def of(cls, lake: Lake, store: Store, bundle: Bundle, policy: Policy, as_of: date) -> Doubts:
        """The doubts of an as-of day."""
        fed = ((one, _feeds(one.table, bundle, policy)) for one in stale(lake, as_of))
        newest = store.newest_health(bundle.label, as_of)
        if newest is not None:
            is_old = (as_of - newest.as_of).days > policy.gates.health_days
            if is_old or newest.model_version != bundle.version:
                newest = None  # an old check, or one of another model, says nothing about this one today
        return cls(tuple((one, names) for one, names in fed if names), _verdict(newest) if newest else None)

    def sources(self, told: Collection[str] = ()) -> tuple[StaleSource, ...]:
        """For a decision.

        Args:
            told: the tables of which the request itself brings fresh events of the student.
        """
        return tuple(
            StaleSource(one.table, one.last_day, one.age_days, names)
            for one, names in self.stale
            if one.table not in told
        )

    def digest(self, digest: str, sources: Collection[StaleSource]) -> str:
        """The digest of a request that is decided under these doubts.

        With doubts it is another one, so that the day's decision is made anew once the data has come.
        """
        said: list[Any] = sorted((source.table, source.last_day.isoformat()) for source in sources)
        said += ["red"] if self.health == "red" else []
        return hashlib.sha256(orjson.dumps([digest, said])).hexdigest()[:32] if said else digest


def _verdict(health: Health) -> str:
    found = [str(one["verdict"]) for one in health.findings if one["kind"] != "source"]
    return max(found, key=("green", "amber", "red").index, default="green")


def _feeds(table: str, bundle: Bundle, policy: Policy) -> tuple[str, ...]:
    names = [name for name in sorted(policy.rules.features) if table in FEATURES[name].tables]
    if any(table in FEATURES[name].tables for name in bundle.features):
        names.append("risk")
    return tuple(names)
