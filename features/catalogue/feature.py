"""What a feature is: a fold over daily panes, with the words that people need to read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from features.measures import choose

if TYPE_CHECKING:
    from features.grid import Grid

Fold = Callable[["Grid"], np.ndarray]
Unit = Literal["days", "hours", "minutes", "count", "share", "points", "ratio"]


@dataclass(frozen=True)
class Feature:
    """One column that a model or a rule may use.

    Attributes:
        name: its name in tables and rules.
        family: the kind of fact it is made of.
        unit: of its values; a `share` is 0-1, a `ratio` has no bounds.
        window_days: how far back it looks; None is the whole enrolment.
        meaning: what it says, by language (en, ru, zh).
        fold: (grid) -> (n,) float64 at the grid's cut-off; NaN is unknown.
        tables: the lake's tables it needs; without any of them it is always unknown or zero.
        freshness_hours: how old the newest fact of its tables may be before the feature is stale.
        is_reason: whether it may be told as a reason; what is the same for all course-mates is none.
        monotone: +1 if more of it can only mean more risk, -1 if less, 0 if that is not known.
        ranks: the feature whose standing among course-mates it is; then nothing is folded.
        step: the next step, of the student or of the school, that changes it, such as handing in what is overdue.
            Features of one step are one fact seen in several ways and change together. None: nobody can change it now.
        sensitive: whether it says who a person is rather than what one does; off unless a school switches it on.
    """

    name: str
    family: str
    unit: Unit
    window_days: int | None
    meaning: dict[str, str]
    fold: Fold | None
    tables: tuple[str, ...]
    freshness_hours: int = 48
    monotone: int = 0
    is_reason: bool = True
    ranks: str | None = None
    step: str | None = None
    sensitive: bool = False


class Family:
    """Collects the features of one family; a file of the catalogue has one."""

    def __init__(self, name: str, *tables: str) -> None:
        self.name, self.tables = name, tables
        self.features: list[Feature] = []

    def feature(
        self,
        unit: Unit,
        *,
        en: str,
        ru: str,
        zh: str,
        window: int | None = None,
        monotone: int = 0,
        is_reason: bool = True,
        step: str | None = None,
    ) -> Callable[[Fold], Fold]:
        """Declares the decorated fold as a feature named like the function."""

        def declare(fold: Fold) -> Fold:
            meaning = {"en": en, "ru": ru, "zh": zh}
            name = fold.__name__
            self.features.append(
                Feature(
                    name,
                    self.name,
                    unit,
                    window,
                    meaning,
                    fold,
                    self.tables,
                    monotone=monotone,
                    is_reason=is_reason,
                    step=step,
                )
            )
            return fold

        return declare


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """(n,) part / whole; unknown where there is no whole."""
    return choose(whole > 0, part / whole, np.nan)
