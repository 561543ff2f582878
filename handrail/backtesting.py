"""The journey through the past: how good the risks would have been, each made with what was known on its day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features import clock
from features.build import snapshot
from features.catalogue import usable
from features.errors import BadInput, NotReady
from features.labels import Label, label
from features.lake import Lake
from features.profile import listed, told
from handrail.journeys import served_label, writable, write_table
from handrail.progress import shown
from handrail.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from features.config import School
    from model.backtest import Backtest, Comparison, Past
    from model.metrics import Figure

_FIGURES = {
    "auc": "AUC",
    "auc_same_day": "AUC within one day's list",
    "pr_auc": "area under precision-recall",
    "lift_at_top": "lift in the top {share:.0%} of a day",
    "recall_at_top": "events found in that top",
    "alerted": "events in that top before they came",
    "lead_days": "days from first alert to event",
    "base_rate": "base rate",
    "brier": "Brier score",
    "brier_skill": "Brier skill",
    "log_loss": "log loss",
    "expected_observed": "expected / observed",
    "calibration_slope": "calibration slope",
    "ece": "expected calibration error",
}
_FEW = "too few cases to tell (at least {cases} are needed)"


@dataclass(frozen=True)
class BacktestReport:
    """What a backtest found.

    Attributes:
        definition: the label.
        past: the rows scored.
        compared: figures of all rows, then group by group.
        rule: the feature that the baseline sorts by.
        flattering: AUC that looks better than it is, by what is wrong with it.
        least_cases: fewer cannot tell anything.
        out: where the rows were written.
    """

    definition: Label
    past: Past
    compared: list[Comparison]
    rule: str
    flattering: dict[str, float]
    least_cases: int
    out: Path

    def words(self) -> str:
        """For people: what was scored, the honest figures beside the rule's, and what was not scored and why."""
        days = [clock.date_of(day) for day in sorted(set(self.past.rows["day"]))]
        count = len(self.past.models)
        lines = [
            f"{self.definition.name}: {len(self.past.rows):,} rows at {len(days)} origins from {days[0]} to {days[-1]} "
            f"with a live enrolment, {count} model{'s' * (count != 1)}, written to {self.out}"
        ]
        lines += self._figures(self.compared[0]) if self.compared else []
        for cut in dict.fromkeys(one.cut for one in self.compared[1:]):
            lines += self._groups(cut)
        return "\n".join([*lines, "", *self._left_out()])

    def _figures(self, one: Comparison) -> list[str]:
        found = one.model
        lines = [
            "",
            f"rows with a risk and an outcome: {found.rows:,} of {found.students:,} students still enrolled, "
            f"{found.cases} cases of {self._event}",
            *(
                f"  {_FIGURES[name].format(share=found.top_share):<34} {_shown(found.figures[name])}"
                for name in _FIGURES
            ),
        ]
        for other, figures in one.beside.items():
            lines += ["", f"  {'beside ' + other:<34} {'its own':<24} model less its own"]
            lines += [
                f"  {self._named(name)} {_shown(own):<24} {_shown(one.gain[other][name])}"
                for name, own in figures.items()
            ]
        flattering = ", ".join(f"{area:.3f} {words}" for words, area in self.flattering.items())
        return [*lines, "", f"flattering, not to be quoted: AUC {flattering}"] if flattering else lines

    def _named(self, figure: str) -> str:
        return f"{_FIGURES[figure].format(share=self.compared[0].model.top_share):<34}"

    def _groups(self, cut: str) -> list[str]:
        heads = f"{'rows':>7} {'cases':>6} {'observed':>9} {'expected':>9}  "
        lines = ["", f"  {'by ' + cut.replace('_', ' '):<24}{heads}{'AUC':<23} {self.rule + ' alone':<26} difference"]
        for one in self.compared:
            if one.cut == cut:
                base = one.model.figures["base_rate"].value
                areas = [one.model.figures["auc"], one.beside[self.rule]["auc"], one.gain[self.rule]["auc"]]
                told = "{:<23} {:<26} {}".format(*map(_shown, areas)) if one.model.cases >= self.least_cases else _FEW
                sizes = f"{one.model.rows:>7,} {one.model.cases:>6} {base:>9.2%} {one.expected:>9.2%}"
                lines.append(f"  {one.group:<24}{sizes}  {told.format(cases=self.least_cases)}")
        return lines

    @property
    def _event(self) -> str:
        return self.definition.name.removesuffix(f"_{self.definition.horizon_days}d").replace("_", " ")

    def _left_out(self) -> list[str]:
        rows = self.past.rows
        lines = [] if self.compared else ["no row has both a risk and an outcome: there is nothing to measure"]
        young = rows[~rows["enough_data"]]
        if len(young):
            cases = young.loc[young["outcome"] == 1, "enrolment_id"].nunique()
            lines.append(
                f"no risk for {len(young):,} rows without enough data; {cases} of their enrolments had the event"
            )
        if untrained := self.past.untrained:
            first, last = (clock.date_of(day) for day in (min(untrained), max(untrained)))
            lines.append(
                f"no new model could be made at {len(untrained)} origins from {first} to {last}; at the last of them "
                f"{untrained[max(untrained)]}"
            )
        return lines

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        rows = self.past.rows
        return {
            "label": self.definition.name,
            "label_version": self.definition.version,
            "horizon_days": self.definition.horizon_days,
            "out": str(self.out),
            "rows": len(rows),
            "rows_without_enough_data": int((~rows["enough_data"]).sum()),
            "origins": [clock.date_of(day).isoformat() for day in sorted(set(rows["day"]))],
            "models": [model.as_dict() for model in self.past.models],
            "no_model_made": {clock.date_of(day).isoformat(): words for day, words in self.past.untrained.items()},
            "baseline": self.rule,
            "flattering": self.flattering,
            "figures": [one.as_dict() for one in self.compared],
        }


def backtest(
    settings: Settings,
    name: str | None,
    first: date,
    last: date,
    every: str,
    retrain_every: str,
    seed: int,
    out: Path,
    *,
    quiet: bool = False,
) -> BacktestReport:
    """Scores the past as it was, writes one row per live enrolment and origin, and measures.

    Raises:
        NotReady: there is no data, or nobody was live at any origin.
        BadInput: the days or steps cannot be used.
    """
    from model.backtest import Backtest, compare
    from model.learning import signs
    from model.train import Settings as ModelSettings

    writable(out)
    school = settings.school
    definition = served_label(school, name)
    lake = Lake(school.lake, school.zone)
    newest = lake.last_known_day()
    if newest is None:
        raise NotReady("there is no data yet", where=str(school.home), mend="Import some: handrail import --help")
    origins = _origins(first, last, _step(every, "--every"))
    chosen = ModelSettings.of(school.config("model"))
    plan = Backtest(
        definition=definition,
        answers=lambda rows, until_day: label(school, rows, definition, until_day),
        features=usable(listed(school)),
        monotone=signs(school.config("model")),
        settings=chosen,
        seed=seed,
        retrain_days=_step(retrain_every, "--retrain-every"),
    )
    days = plan.learning_days(origins, int(lake.read("enrolments")["day"].min()))
    with shown("features", quiet=quiet) as report:
        rows = snapshot(school, [clock.date_of(day) for day in sorted({*days, *origins})], progress=report)
    if not rows["day"].isin(origins).any():
        raise NotReady("nobody was enrolled at any of these days", where="--from", mend="Choose others")
    with shown("backtest", quiet=quiet) as report:
        past = plan.run(rows, origins, newest + 1, progress=report)
    rule = chosen.gates.baseline
    write_table(_table(past, definition, rule), out)
    groups = told(lake, past.rows)
    past = replace(past, rows=past.rows.join(groups))
    with shown("measuring", quiet=quiet):
        compared = compare(past, definition, rule, chosen.metrics, seed, tuple(groups.columns))
        flattering = _flattering(school, plan, rows, past) if compared else {}
    return BacktestReport(definition, past, compared, rule, flattering, chosen.gates.cases, out)


def _flattering(school: School, plan: Backtest, rows: pd.DataFrame, past: Past) -> dict[str, float]:
    """What others print: with those who have left, and with rows split at random."""
    import pandas as pd

    from model.backtest import with_those_gone
    from model.dataset import Dataset
    from model.judging import GONE, RANDOM_ROWS, random_rows_auc

    origins = sorted(set(past.rows["day"]))
    all_of_them = snapshot(school, [clock.date_of(day) for day in origins], gone=True)
    keys = ["enrolment_id", "day"]
    live = pd.MultiIndex.from_frame(past.rows[keys])
    gone = all_of_them[~pd.MultiIndex.from_frame(all_of_them[keys]).isin(live)]
    outcomes = Lake(school.lake, school.zone).read("outcomes")
    finished = outcomes.loc[outcomes["kind"] == "completion", "enrolment_id"]
    gone = gone[~gone["enrolment_id"].isin(finished)]
    label = plan.definition
    known = rows[rows["enough_data"]].assign(
        y=plan.answers(rows[rows["enough_data"]], origins[-1] + label.horizon_days)
    )
    dataset = Dataset(known[known["y"].notna()], plan.features, label.name, label.version, label.horizon_days)
    recipe = plan.settings.recipe(plan.monotone, plan.seed)
    found = {GONE: with_those_gone(past, gone), RANDOM_ROWS: random_rows_auc(dataset, recipe)}
    return {words: area for words, area in found.items() if area is not None and area == area}


def _origins(first: date, last: date, step: int) -> list[int]:
    if last < first:
        raise BadInput(f"{last} is before {first}", where="--to", mend="Put the earlier day first")
    return list(range(clock.day_number(first), clock.day_number(last) + 1, step))


def _step(text: str, option: str) -> int:
    if not (text.endswith("d") and text[:-1].isdecimal() and int(text[:-1]) > 0):
        raise BadInput(f"{text!r} is not a step", where=option, mend="Write it in days, like 7d")
    return int(text[:-1])


def _table(past: Past, definition: Label, rule: str) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    def dates(days: pd.Series) -> pd.Series:
        known = [None if pd.isna(day) else clock.date_of(day) for day in days]
        return pd.Series(known, index=days.index, dtype=pd.ArrowDtype(pa.date32()))

    rows = past.rows
    return pd.DataFrame(
        {
            **{key: rows[key] for key in ("enrolment_id", "student_id", "course_id")},
            "as_of": dates(rows["day"]),
            "label": definition.name,
            "horizon_days": definition.horizon_days,
            "risk": rows["risk"],
            "baseline": rows[rule],
            "outcome": rows["outcome"].astype("Int64"),
            "trained_until": dates(rows["trained_until"]),
        }
    )


def _shown(one: Figure) -> str:
    return str(one).replace(" to ", "..")
