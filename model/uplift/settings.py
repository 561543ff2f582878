"""How uplift is learnt and what the ladder asks for: the tables of configs/uplift.toml."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from statistics import NormalDist
from typing import Any

from features.errors import BadConfig

LEVELS = ("L0", "L1", "L2", "L3")


@dataclass(frozen=True)
class EvidenceSettings:
    """Folds and intervals."""

    folds: int = 5
    confidence: float = 0.95
    least_risk: float = 0.01
    apart: float = 0.25

    def __post_init__(self) -> None:
        if not (2 <= self.folds <= 20 and 0.5 < self.confidence < 1 and 0 < self.least_risk <= 0.2):
            raise _bad(
                "evidence", "folds must be 2-20, confidence above 0.5 and below 1, least_risk above 0, at most 0.2"
            )
        if not 0 <= self.apart <= 1:
            raise _bad("evidence", "apart is a standard deviation of shares: it must be between 0 and 1")

    @property
    def z(self) -> float:
        """Standard errors on each side of an interval."""
        return NormalDist().inv_cdf(0.5 + self.confidence / 2)


@dataclass(frozen=True)
class LadderSettings:
    """What each step asks for before it is looked at."""

    arm_outcomes: int = 300
    randomised_rows: int = 4000

    def __post_init__(self) -> None:
        if min(self.arm_outcomes, self.randomised_rows) < 1:
            raise _bad("ladder", "arm_outcomes and randomised_rows must be at least 1")


@dataclass(frozen=True)
class TreeSettings:
    """How LightGBM grows trees."""

    rounds: int
    leaves: int
    learning_rate: float
    l2: float
    least_leaf: int
    feature_share: float = 1.0
    row_share: float = 0.5

    def __post_init__(self) -> None:
        whole = 1 <= self.rounds <= 2000 and 2 <= self.leaves <= 31 and self.least_leaf >= 1
        shares = all(0 < share <= 1 for share in (self.learning_rate, self.feature_share, self.row_share))
        if not (whole and shares and 0 <= self.l2 < math.inf):
            raise _bad("nuisance] or [trees", "rounds must be 1-2000, leaves 2-31, shares above 0 and at most 1")


@dataclass(frozen=True)
class ValueSettings:
    """What staying is worth and what an action costs, a person's time included, in minor units of money.

    `handrail uplift train` takes them from value.toml and actions.toml.
    """

    margin_minor: int = 1_000_000
    cost_minor: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (0 < self.margin_minor < math.inf and all(0 <= cost < math.inf for cost in self.cost_minor.values())):
            raise _bad("value", "margin_minor must be above 0, and no cost below 0")

    def break_even(self, action: str) -> float:
        """How much more probable staying must become to pay for the action."""
        return self.cost_minor.get(action, 0.0) / self.margin_minor


@dataclass(frozen=True)
class CapacitySettings:
    """The largest share of students that each action can be given to when levels are held against each other."""

    share: float = 0.3
    of: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in (self.share, *self.of.values())):
            raise _bad("capacity", "a share must be between 0 and 1")

    def most(self, action: str, rows: int) -> int:
        """Of so many rows."""
        return math.floor(self.of.get(action, self.share) * rows)


@dataclass(frozen=True)
class UpliftSettings:
    """configs/uplift.toml, table by table; `value` comes from other files."""

    evidence: EvidenceSettings = field(default_factory=EvidenceSettings)
    ladder: LadderSettings = field(default_factory=LadderSettings)
    nuisance: TreeSettings = field(default_factory=lambda: TreeSettings(100, 8, 0.05, 10.0, 20, 0.5))
    trees: TreeSettings = field(default_factory=lambda: TreeSettings(60, 4, 0.05, 300.0, 200))
    value: ValueSettings = field(default_factory=ValueSettings)
    capacity: CapacitySettings = field(default_factory=CapacitySettings)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> UpliftSettings:
        """Reads them from the plain values of the file; a table or value that is not there is the default.

        Raises:
            BadConfig: a name is not known, or a value is of the wrong kind.
        """
        default = cls()
        known = [one.name for one in fields(cls)]
        for name in set(config) - set(known):
            there = ", ".join(f"[{one}]" for one in known)
            raise BadConfig(f"[{name}] is no table", where="uplift.toml", mend=f"There are {there}")
        return cls(**{name: _table(name, getattr(default, name), config.get(name, {})) for name in known})


def _table(name: str, default: Any, values: Mapping[str, Any]) -> Any:
    mine = {one.name: getattr(default, one.name) for one in fields(default)}
    for key, value in values.items():
        if key not in mine:
            raise _bad(name, f"{key} is not known; there are {', '.join(mine)}")
        kind = type(mine[key])
        numbers = value.values() if isinstance(value, Mapping) else (value,)
        fits = isinstance(value, Mapping) == (kind is dict)
        if not fits or not all(_is_number(one, whole=kind is int) for one in numbers):
            raise _bad(name, f"{key} is {value!r}, which is not of its kind")
    return type(default)(**{**mine, **values})


def _is_number(value: object, *, whole: bool) -> bool:
    return isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)


def _bad(table: str, what: str) -> BadConfig:
    return BadConfig(what, where=f"uplift.toml [{table}]")
