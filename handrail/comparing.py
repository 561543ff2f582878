"""What a served model is looked at with: rows of the time it was made on, of today, and of horizons that are over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from features import clock
from features.catalogue import FEATURES
from features.errors import BadInput, NotReady
from features.labels import label as answers
from handrail.progress import Report
from handrail.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from features.build import Snapshots
    from features.config import School
    from features.labels import Label
    from model.bundle import Bundle
    from model.health_settings import HealthSettings

WEEK = 7
_ROWS_AT_ONCE = 200_000  # of features, while the reference is made; bounds the memory


@dataclass(frozen=True)
class Compared:
    """A served model and the rows that it is looked at with.

    Attributes:
        known_until: the day number by which the model's last label was known.
        reference: rows of the time on which the model was made.
        current: rows of the as-of day, and of the weeks pooled with it.
        past: rows of weekly cut-offs whose horizon is over, the newest of them first.
    """

    school: School
    definition: Label
    bundle: Bundle
    limits: HealthSettings
    as_of: date
    known_until: int
    reference: pd.DataFrame
    current: pd.DataFrame
    past: pd.DataFrame

    @classmethod
    def open(cls, settings: Settings, definition: Label, as_of: date, report: Report) -> Compared:
        """Loads the served model and builds the rows."""
        from features.build import Snapshots
        from model.bundle import load
        from model.health_settings import HealthSettings
        from model.registry import served_bundle

        school = settings.school
        limits = HealthSettings.of(school.config("drift"))
        bundle = load(served_bundle(school.home, definition.name))
        _fits(bundle, definition)
        day, first, last = clock.day_number(as_of), *_made_on(bundle)
        known_until = clock.day_number(date.fromisoformat(str(bundle.meta["trained_until"])))
        snapshots = Snapshots(school)
        current = _rows(snapshots, [day - WEEK * back for back in range(limits.features.cut_offs)])
        newest = day - definition.horizon_days
        over = [newest - WEEK * back for back in range(limits.calibration.weeks)]
        past = _rows(snapshots, [at for at in over if at >= known_until or at == newest], live=len(current))
        if not len(current) and not len(past):
            raise NotReady(f"no enrolment is live on {as_of}", where=str(school.home), mend="Choose another --as-of")
        days = [at for at in range(first, last + 1) if (at - day) % WEEK == 0] or [last]
        reference = _rows(
            snapshots, _spread(days, limits.reference.cut_offs), limits.reference.rows, len(current), report
        )
        return cls(school, definition, bundle, limits, as_of, known_until, reference, current, past)

    @property
    def day(self) -> int:
        """The as-of day's number."""
        return clock.day_number(self.as_of)

    @property
    def matured(self) -> int:
        """The newest cut-off whose horizon is over."""
        return self.day - self.definition.horizon_days

    @cached_property
    def gain(self) -> dict[str, float]:
        """Each feature's share of what the model gains by its splits."""
        gained = self.bundle.model.booster.feature_importance("gain")
        return dict(zip(self.bundle.features, (gained / max(gained.sum(), 1e-12)).tolist(), strict=True))

    def x(self, rows: pd.DataFrame) -> np.ndarray:
        """What the model sees of some rows."""
        import numpy as np

        return np.ascontiguousarray(rows[list(self.bundle.features)].to_numpy("float64"))

    def answers(self, rows: pd.DataFrame, until_day: int) -> np.ndarray:
        """What became of some rows, as known by a day."""
        return answers(self.school, rows, self.definition, until_day)


def _fits(bundle: Bundle, definition: Label) -> None:
    lacking = set(bundle.features) - set(FEATURES)
    if lacking or bundle.label_version != definition.version:
        raise BadInput(
            f"the served model of {bundle.label} version {bundle.label_version} does not fit this release",
            where="bundle",
            mend=f"Run `handrail retrain --if-needed --label {definition.name}`",
        )


def _made_on(bundle: Bundle) -> tuple[int, int]:
    """The first and last cut-off that the model was fitted, calibrated and judged on."""
    parts = list(bundle.meta["parts"].values())
    first, last = min(str(part["from"]) for part in parts), max(str(part["to"]) for part in parts)
    return clock.day_number(date.fromisoformat(first)), clock.day_number(date.fromisoformat(last))


def _spread(days: list[int], most: int) -> list[int]:
    """At most so many of the days, evenly over their time."""
    return [days[at * len(days) // most] for at in range(most)] if len(days) > most else days


def _rows(
    snapshots: Snapshots, days: list[int], most: int | None = None, live: int = 1, report: Report | None = None
) -> pd.DataFrame:
    """Rows with enough data, at most so many of a cut-off; some cut-offs at once, as many as memory is meant for."""
    import pandas as pd

    from model.monitor import sampled

    step = max(1, _ROWS_AT_ONCE // max(1, live))
    parts = []
    for start in range(0, len(days), step):
        some = [clock.date_of(day) for day in days[start : start + step]]
        rows = snapshots.at(some, progress=report)
        rows = rows[rows["enough_data"]]
        parts += [rows] if most is None else [sampled(own, most) for _, own in rows.groupby("day")] or [rows]
    return pd.concat(parts, ignore_index=True)
