"""Trials: what uplift is learnt from, out of the programmes of the past and the decisions that the school has stored.

Only decisions that chance had a part in, with a known propensity, tell what an action does. Everything else is left out
and counted, by the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any

from features import clock
from features.build import Snapshots
from features.errors import NotReady
from features.labels import Label, label
from features.lake import Lake
from handrail import journeys
from handrail.progress import shown
from handrail.settings import Settings
from serving.decide import NO_ACTION, RULES_DECIDE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from features.config import School
    from model.dataset import Dataset
    from model.uplift import Trial

_FOLDS = 5
_DAYS_AT_ONCE = 28


@dataclass(frozen=True)
class Episode:
    """The first decision of an episode.

    Attributes:
        student_id, enrolment_id, day: about whom and when.
        action: what was decided.
        propensities: of everything that was possible, as logged.
        risk: as foretold then; None where nobody foretold it.
        usual: what the rules would have done; None where that is not known.
    """

    student_id: str
    enrolment_id: str
    day: int
    action: str
    propensities: Mapping[str, float]
    risk: float | None = None
    usual: str | None = None


def trial_of(
    settings: Settings, definition: Label, until: date | None, seed: int, *, quiet: bool = False
) -> tuple[Trial, Counter[str]]:
    """Everything that the school knows of what its actions do.

    Args:
        settings: of the school.
        definition: the label; who does not have it is retained.
        until: only what was known before this day is used; None is all.
        seed: of the folds in which the risk of past programmes is foretold.
        quiet: show no progress.

    Returns:
        The trial, and what was left out by reason.

    Raises:
        NotReady: there is no decision that chance had a part in.
    """
    import numpy as np

    school = settings.school
    lake = Lake(school.lake, school.zone)
    known = journeys.dataset(school, definition, until, quiet=quiet)
    until_day = clock.day_number(until) if until else (lake.last_known_day() or 0) + 1
    left_out: Counter[str] = Counter()
    found = [*_past(lake, school.config("experiments"), until_day, left_out)]
    last = clock.date_of(until_day - definition.horizon_days)
    stored = in_order(journeys.store(settings).decisions_between(date.min, last))
    found += first_of_episodes(stored, definition.horizon_days, left_out)
    rows = _with_features(school, found, definition, until_day, left_out, quiet=quiet)
    if not len(rows):
        raise NotReady(
            "no decision that chance had a part in has a known outcome",
            where="uplift train",
            mend="Import the decisions of a past programme with a control group, or let nights explore (value.toml)",
        )
    told = [found[at] for at in rows["episode"]]
    actions = _actions(told)
    return _Arrays(known, rows, told, actions).trial(np.random.default_rng(seed), seed, school), left_out


def first_of_episodes(records: Iterable[Mapping[str, Any]], horizon_days: int, left_out: Counter[str]) -> list[Episode]:
    """The first decision with a lot of each stage: the next of a student counts after a contact, or a horizon later.

    It is about the enrolment of the highest risk, whichever the action was chosen for: who is looked at must not depend
    on what was done.

    Args:
        records: stored decisions, in the order of days.
        horizon_days: of the label.
        left_out: counts those that are not taken, by reason.
    """
    waits: dict[str, int] = {}
    found = []
    for record in records:
        student, day = record["student_id"], clock.day_number(date.fromisoformat(record["decision_date"]))
        enrolments = [one for one in record["case"]["enrolments"] if one["risk"] is not None]
        if not record.get("in_scope", True):
            left_out["only people may decide"] += 1
        elif record["holdout"]:
            left_out["control group, whose other chances were not logged"] += 1
        elif sum(chance > 0 for chance in record["propensities"].values()) < 2:
            left_out["chance had no part in it"] += 1
        elif not enrolments:
            left_out["no risk was known"] += 1
        elif day < waits.get(student, day):
            left_out["not the first decision of its episode"] += 1
        else:
            own = max(enrolments, key=lambda one: (one["risk"], one["enrolment_id"]))
            drawn = record["action"], record["propensities"], own["risk"]
            found.append(Episode(student, own["enrolment_id"], day, *drawn, usual=_usual(record)))
            waits[student] = day + horizon_days
        if record["channel"] is not None:
            waits[student] = day + 1
    return found


def _usual(record: Mapping[str, Any]) -> str | None:
    """What the rules would have done, where they decided."""
    return str(record["a_star"]) if record["level"] == RULES_DECIDE else None


def in_order(records: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Records that come by day, the earlier first within each day."""
    for _, day in groupby(records, key=lambda record: record["decision_date"]):
        yield from sorted(day, key=lambda record: (record["decided_at"], record["decision_id"]))


def _past(lake: Lake, designs: Mapping[str, Any], until_day: int, left_out: Counter[str]) -> Iterable[Episode]:
    """The first decision of each enrolment in each programme of the past that had a control group."""
    decisions = lake.read("decisions")
    decisions = decisions[decisions["known_day"] < until_day]
    for experiment, rows in decisions.groupby("experiment"):
        actions = sorted(set(rows["action"]) - {NO_ACTION})
        if len(actions) != 1 or NO_ACTION not in set(rows["action"]):
            left_out[f"programme {experiment}: not one action against none"] += len(rows)
            continue
        named = rows[rows["enrolment_id"].notna()].sort_values(["day", "decision_id"])
        left_out["no enrolment is named"] += len(rows) - len(named)
        first = named.drop_duplicates("enrolment_id")
        left_out["not the first decision of its episode"] += len(named) - len(first)
        control = designs.get("experiment", {}).get(experiment, {}).get("control_share")
        columns = ("student_id", "enrolment_id", "day", "action", "propensity")
        for student, enrolment, day, action, propensity in zip(
            *(first[name].tolist() for name in columns), strict=True
        ):
            none = _of_none(action, propensity, control)
            if none is None:
                left_out[f"programme {experiment}: the propensity is not known"] += 1
            else:
                yield Episode(student, enrolment, int(day), action, {NO_ACTION: none, actions[0]: 1 - none})


def _of_none(action: str, propensity: float, designed: float | None) -> float | None:
    """The chance of the control arm: logged, or else designed; between two arms one is the other's complement."""
    if 0 < propensity < 1:
        return propensity if action == NO_ACTION else 1 - propensity
    return designed if designed and 0 < designed < 1 else None


def _actions(episodes: list[Episode]) -> tuple[str, ...]:
    named = {name for one in episodes for name, chance in one.propensities.items() if chance > 0} - {NO_ACTION}
    return NO_ACTION, *sorted(named)


def _with_features(
    school: School,
    episodes: list[Episode],
    definition: Label,
    until_day: int,
    left_out: Counter[str],
    *,
    quiet: bool,
) -> pd.DataFrame:
    """Features as of the day of each decision, and whether the student was retained; `episode` is its place."""
    import pandas as pd

    keys = pd.DataFrame(
        {
            "enrolment_id": pd.Series([one.enrolment_id for one in episodes], dtype="str"),
            "day": pd.Series([one.day for one in episodes], dtype="int64"),
            "episode": range(len(episodes)),
        }
    )
    days = sorted(set(keys["day"]))
    parts = []
    with shown("features of decisions", quiet=quiet) as report:
        snapshots = Snapshots(school) if days else None
        for at in range(0, len(days), _DAYS_AT_ONCE):
            some = days[at : at + _DAYS_AT_ONCE]
            rows = snapshots.at([clock.date_of(int(day)) for day in some]) if snapshots else keys
            parts.append(rows[rows["enough_data"]].merge(keys, on=["enrolment_id", "day"]))
            report(at + len(some), len(days), "snapshots")
    if not parts:
        return keys
    rows = pd.concat(parts, ignore_index=True).sort_values("episode", ignore_index=True)
    left_out["not live then, or not enough data"] += len(keys) - len(rows)
    rows["y"] = 1 - label(school, rows, definition, until_day)
    known = rows[rows["y"].notna()]
    left_out["outcome not known yet"] += len(rows) - len(known)
    return known


@dataclass(frozen=True)
class _Arrays:
    """Rows of decisions, and the history that their risk is foretold from."""

    known: Dataset
    rows: pd.DataFrame
    episodes: list[Episode]
    actions: tuple[str, ...]

    def trial(self, random: np.random.Generator, seed: int, school: School) -> Trial:
        import numpy as np

        from model.uplift import Trial

        features = self.known.features
        x = np.ascontiguousarray(self.rows[list(features)].to_numpy("float64"))
        pi = np.array([[one.propensities.get(name, 0.0) for name in self.actions] for one in self.episodes])
        places = {name: at for at, name in enumerate(self.actions)}
        said = np.array([np.nan if one.risk is None else one.risk for one in self.episodes])
        return Trial(
            features=features,
            actions=self.actions,
            x=x,
            action=np.array([self.actions.index(one.action) for one in self.episodes]),
            propensities=pi,
            y=self.rows["y"].to_numpy("float64"),
            risk=np.where(np.isnan(said), self._foretold(x, random, seed, school), said)
            if np.isnan(said).any()
            else said,
            student=np.array([one.student_id for one in self.episodes]),
            day=self.rows["day"].to_numpy("int64"),
            usual=np.array([places.get(one.usual or "", -1) for one in self.episodes], dtype="int64"),
        )

    def _foretold(self, x: np.ndarray, random: np.random.Generator, seed: int, school: School) -> np.ndarray:
        """Risk by trees that saw nothing of the student: the model that serves has seen what became of them."""
        import numpy as np

        from model.learning import signs
        from model.risk import grow
        from model.train import Settings as ModelSettings

        config = school.config("model")
        recipe = ModelSettings.of(config).recipe(signs(config), seed)
        here = np.array([one.student_id for one in self.episodes])
        students = np.unique(np.concatenate([self.known.students.astype("str"), here.astype("str")]))
        fold = dict(zip(students.tolist(), (random.permutation(len(students)) % _FOLDS).tolist(), strict=True))
        own = np.array([fold[str(one)] for one in here])
        theirs = np.array([fold[str(one)] for one in self.known.students])
        risk = np.empty(len(x))
        for number in range(_FOLDS):
            past = self.known.where(theirs != number)
            trees = grow(past, past.y, recipe.held_back(1 - 1 / _FOLDS), seed, recipe.monotone)
            risk[own == number] = trees.score(np.ascontiguousarray(x[own == number]))
        return risk
