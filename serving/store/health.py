"""Data health: what was found about a served model and its data, day by day, and the risks that it can be held to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from features import clock
from serving.store.database import Database
from serving.store.schema import data_health, night, night_entry


@dataclass(frozen=True, slots=True)
class Health:
    """One report.

    Attributes:
        as_of: the cut-off that it speaks of.
        label: of the model.
        model_version: the served bundle's, as it stands in decisions and nights.
        verdict: `green`, `amber` or `red`: the worst of its findings.
        findings: plain values with `kind`, `name`, `figure`, `limit`, `verdict`, `words` and `detail`.
        made_at: when; None before it is stored.
    """

    as_of: date
    label: str
    model_version: str
    verdict: str
    findings: list[dict[str, Any]]
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One risk of a published list."""

    as_of: date
    enrolment_id: str
    student_id: str
    risk: float


class Healths(Database):
    """The reports, each kept beside the earlier ones."""

    def put_health(self, health: Health) -> Health:
        """Keeps a report.

        Raises:
            Unavailable: the database does not answer; nothing was kept.
        """
        made_at = clock.now()
        row = {name: getattr(health, name) for name in ("as_of", "label", "model_version", "verdict")}
        report = {"findings": health.findings}
        with self.writing() as connection:
            connection.execute(insert(data_health).values(**row, made_at=made_at, report=report))
        return Health(**row, findings=health.findings, made_at=made_at)

    def newest_health(self, label: str, as_of: date) -> Health | None:
        """The newest report on a label at an as-of day or before it; None when there is none."""
        newest = (
            select(data_health)
            .where(data_health.c.label == label, data_health.c.as_of <= as_of)
            .order_by(data_health.c.as_of.desc(), data_health.c.health_id.desc())
            .limit(1)
        )
        with self.reading() as connection:
            row = connection.execute(newest).mappings().first()
        if row is None:
            return None
        names = ("as_of", "label", "model_version", "verdict", "made_at")
        return Health(**{name: row[name] for name in names}, findings=row["report"]["findings"])

    def risks_told(self, label: str, model_version: str, first: date, last: date, step_days: int) -> list[Told]:
        """The risks that a model gave on published lists, of nights at least so many days apart.

        Args:
            label: the list's.
            model_version: other models' lists are left out.
            first, last: the first and last as-of day.
            step_days: of two nights that are closer the later one counts.
        """
        wanted = (
            night.c.state == "published",
            night.c.label == label,
            night.c.model_version == model_version,
            night.c.as_of.between(first, last),
        )
        order = (night.c.as_of.desc(), night.c.published_at.desc(), night.c.night_id.desc())
        columns = [night_entry.c[name] for name in ("enrolment_id", "student_id", "risk")]
        found: list[Told] = []
        before: date | None = None
        with self.reading() as connection:
            nights = connection.execute(select(night.c.night_id, night.c.as_of).where(*wanted).order_by(*order)).all()
            for night_id, as_of in nights:
                if before is not None and as_of > before - timedelta(days=step_days):
                    continue
                before = as_of
                risks = select(*columns).where(night_entry.c.night_id == night_id, night_entry.c.risk.is_not(None))
                found += [Told(as_of, *row) for row in connection.execute(risks.order_by(night_entry.c.rank))]
        return found
