"""The journey to a served model's health: today's students beside those it was made on, and what its risks came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features import clock
from features.catalogue import FEATURES
from features.errors import BadInput
from features.freshness import stale
from features.lake import Lake
from features.volume import volumes
from handrail.comparing import WEEK, Compared
from handrail.journeys import served_label, store
from handrail.progress import shown
from handrail.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from model.health import Finding
    from serving.store import Health, Store

_MENDS = {
    "features": "today's students are not like those that the model was made on: handrail retrain --if-needed",
    "score": "look at a few of today's riskiest students; if nothing is wrong with their data: handrail retrain "
    "--if-needed",
    "calibration": "read the risks as an order, not as chances, until a new model serves: handrail retrain --if-needed",
    "labels": "look at who was marked as gone in these weeks, and by whom, before anything is trained on it",
    "source": "ask why the source is silent, then import what is missing: handrail import --help",
    "volume": "hold the last import against its source: rows set aside or told twice show in handrail doctor",
}


@dataclass(frozen=True)
class DriftReport:
    """What was found.

    Attributes:
        health: as it is stored.
        html: Evidently's page, if asked for and if there were students to compare.
    """

    health: Health
    html: Path | None = None

    def words(self) -> str:
        """For people: the verdict, what is not green, and what to do about it."""
        health = self.health
        quiet = ("features", "volume")  # of these, families and feeds that are green are left out
        findings = [
            one
            for one in health.findings
            if one["verdict"] != "green" or one["kind"] not in quiet or one["name"] == "all"
        ]
        about = f"{health.label} at {health.as_of}, model {health.model_version}"
        lines = [f"data health of {about}: {_MARKS[health.verdict]}"]
        findings.sort(key=lambda one: list(_MARKS).index(one["verdict"]))
        lines += [f"  {_MARKS[one['verdict']]:<6} {one['kind']:<12} {one['words']}" for one in findings]
        bad = dict.fromkeys(one["kind"] for one in findings if one["verdict"] != "green")
        lines += ["What to do:", *(f"  {kind}: {_MENDS[kind]}" for kind in bad)] if bad else []
        if self.html:
            lines.append(f"every feature's distribution is in {self.html}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        health = self.health
        return {
            "as_of": health.as_of.isoformat(),
            "label": health.label,
            "model_version": health.model_version,
            "verdict": health.verdict,
            "made_at": health.made_at.isoformat() if health.made_at else None,
            "findings": health.findings,
            "html": str(self.html) if self.html else None,
        }


_MARKS = {"red": "RED", "amber": "amber", "green": "green"}


def drift(
    settings: Settings, name: str | None, as_of: date | None, html: Path | None, *, quiet: bool = False
) -> DriftReport:
    """Looks at features, risks, labels and sources of the served model, and keeps what it found.

    Raises:
        NotReady: nothing is served, or nobody is live.
        BadInput: the served model does not fit this release, or the page cannot be written there.
    """
    from model.health import worst
    from serving.store import Health

    if html and (html.suffix not in (".html", ".htm") or not html.absolute().parent.is_dir()):
        raise BadInput("cannot be written", where=str(html), mend="Name a .html file in a folder that is there")
    school = settings.school
    kept = store(settings)
    day = as_of or clock.today(school.zone)
    with shown("looking at the features", quiet=quiet) as report:
        case = Compared.open(settings, served_label(school, name), day, report)
    with shown("comparing", quiet=quiet):
        findings = [*moved(case, html), calibration(case, kept), labels(case), *delivered(case)]
    health = Health(
        as_of=day,
        label=case.definition.name,
        model_version=case.bundle.version,
        verdict=worst(one.verdict for one in findings),
        findings=[one.as_dict() for one in findings],
    )
    return DriftReport(kept.put_health(health), html if findings[0].figure is not None else None)


def moved(case: Compared, html: Path | None) -> list[Finding]:
    """Features and risks of today's students beside those of the reference."""
    from model.health import feature_findings, not_judged, score_finding
    from model.monitor import matched, moves, sampled

    limits = case.limits.features
    current = sampled(case.current, case.limits.reference.rows).reset_index(drop=True)
    positions, has_mates = matched(case.reference, current, case.limits.reference.rows)
    reference, current = case.reference.iloc[positions], current[has_mates]
    if len(current) < limits.least_rows:
        why = f"{len(current)} students are in weeks of a course that the model has seen, {limits.least_rows} needed"
        return [not_judged("features", "all", why), not_judged("score", "risk", why)]
    # The calendar, which all course-mates share, has chosen the reference; who a person is, is not looked at.
    names = [name for name, one in FEATURES.items() if one.is_reason and not one.sensitive]
    names.sort(key=lambda name: -case.gain.get(name, 0.0))  # the page begins with what the model looks at most
    then, now = (_with_risk(case, rows, names) for rows in (reference, current))
    risk, *found = moves(then, now, limits.method, limits.moved, html)
    mean_then, mean_now = (float(case.bundle.score(case.x(rows)).mean()) for rows in (reference, current))
    families = {name: one.family for name, one in FEATURES.items()}
    found.sort(key=lambda one: list(FEATURES).index(one.column))
    scored = score_finding(risk, mean_then, mean_now, case.limits.score)
    return [*feature_findings(found, families, case.gain, limits), scored]


def _with_risk(case: Compared, rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    with_risk = rows[names].copy()
    with_risk.insert(0, "risk_log_odds", case.bundle.log_odds(case.x(rows)))
    return with_risk


def calibration(case: Compared, kept: Store) -> Finding:
    """Events expected for each one seen: of the risks that lists told, or where there are none, of risks made now."""
    import numpy as np
    import pandas as pd

    from model.health import calibration_finding, not_judged

    limits = case.limits.calibration
    newest = case.matured
    oldest = max(newest - WEEK * (limits.weeks - 1), case.known_until)
    if newest < oldest:
        first = clock.date_of(case.known_until + case.definition.horizon_days)
        why = f"no horizon is over since the model was made; the first will be on {first}"
        return not_judged("calibration", "expected_observed", why)
    dates = clock.date_of(oldest), clock.date_of(newest)
    lists = kept.risks_told(case.definition.name, case.bundle.version, *dates, WEEK)
    if lists:
        days = [clock.day_number(one.as_of) for one in lists]
        ids = {key: [getattr(one, key) for one in lists] for key in ("enrolment_id", "student_id")}
        rows = pd.DataFrame({**ids, "day": days, "risk": [one.risk for one in lists]})
        whence = "as told on published lists"
    else:
        rows = case.past[case.past["day"] >= oldest].reset_index(drop=True)
        rows = rows.assign(risk=case.bundle.score(case.x(rows)))
        whence = "scored now, where no list was published"
    rows = rows.assign(y=case.answers(rows, case.day))
    rows = rows[rows["y"].notna()]
    cuts = np.unique(rows["day"])
    many = f"{len(cuts)} cut-off{'' if len(cuts) == 1 else 's'}"
    when = f"{clock.date_of(cuts[0])} to {clock.date_of(cuts[-1])}" if len(cuts) else f"{dates[0]} to {dates[1]}"
    return calibration_finding(rows, f"{many}, {when}, {whence}", limits)


def labels(case: Compared) -> Finding:
    """Whether as many have the event as used to."""
    from model.health import label_finding, not_judged
    from model.monitor import matched

    rows = case.past[case.past["day"] == case.matured].reset_index(drop=True)
    rows = rows.assign(y=case.answers(rows, case.day))
    known = case.reference.assign(y=case.answers(case.reference, case.known_until))
    known = known[known["y"].notna()].reset_index(drop=True)
    positions, has_mates = matched(known, rows, len(known))
    rows = rows[has_mates & rows["y"].notna()]
    day, name = clock.date_of(case.matured), case.definition.name
    if not len(positions):
        return not_judged("labels", name, f"nobody was live at {day} in a week of the course that the model has seen")
    usual = float(known["y"].to_numpy()[positions].mean())
    return label_finding(name, day, rows["y"].to_numpy(), usual, case.limits.labels)


def delivered(case: Compared) -> list[Finding]:
    """Sources that have stopped, or deliver far more or less than they did."""
    from model.health import source_findings, volume_findings

    lake = Lake(case.school.lake, case.school.zone)
    used = frozenset(case.bundle.families[name] for name, gained in case.gain.items() if gained > 0)
    limits = case.limits.volume
    return [
        *source_findings(stale(lake, case.as_of), used),
        *volume_findings(volumes(lake, case.as_of, limits.weeks), limits),
    ]
