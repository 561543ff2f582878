"""What no school knows: each student's kind, the true chance of leaving, and the true effect of a message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.synthetic.behaviour import Ending, Life, World
from features.synthetic.office import decided
from features.synthetic.programme import Programme
from features.synthetic.writing import Rows, spelled


def write_truth(
    folder: Path,
    world: World,
    lives: tuple[Life, Life, Life],
    end: Ending,
    programme: Programme,
    settings: Mapping[str, Any],
) -> Path:
    """Writes four Parquet files.

    `students`: `kind`, usual `engagement`, and what a care message that arrives does (`hazard_factor`, `lift`).
    `hazards`: the chance of withdrawing on each day (a day number) of each enrolment, up to the day it happened.
    `renewals`: the chance of going on at the end of what was bought, and whether the student did.
    `decisions`: for each one of the programme, the true chance of being retained for `horizon_days` from its day on
    if the student is written to and if not (NaN when the history ends before), messages that fail included. Who
    neither withdraws nor lets the course or subscription run out is retained.

    Args:
        folder: where; made when it is not there.
        world: who there is.
        lives: with the message, without it, and as it went.
        end: where the telling stopped.
        programme: the care programme.
        settings: `configs/synthetic.toml`.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with_care, without, life = lives
    kinds, persons, zero = settings["types"], world.students, world.calendar.first_day_number
    students = {
        "student_id": spelled(persons.ids, np.arange(len(persons.ids))),
        "kind": spelled([row["name"] for row in kinds], persons.kind),
        "engagement": persons.level,
        "hazard_factor": np.array([row["hazard"] for row in kinds], dtype=float)[persons.kind],
        "lift": np.array([row["lift"] for row in kinds], dtype=float)[persons.kind],
    }
    at_risk = end.alive.copy()
    at_risk[life.left[end.withdrew], end.withdrew] = True
    day, enrolment = np.nonzero(at_risk)
    hazards = {
        "enrolment_id": spelled(world.enrolments.ids, enrolment),
        "day": day + zero,
        "hazard": life.hazard[day, enrolment],
    }
    at = decided(life, world.calendar.days)
    horizon = settings["programme"]["horizon_days"]
    decisions = {
        "enrolment_id": spelled(world.enrolments.ids, at),
        "student_id": spelled(persons.ids, world.enrolments.student[at]),
        "day": life.decided[at] + zero,
        "held_out": programme.held_out[at],
        "horizon_days": np.full(len(at), horizon),
        "retained_if_written_to": _retained(with_care, life.decided[at], at, horizon),
        "retained_if_not": _retained(without, life.decided[at], at, horizon),
    }
    for name, rows in (
        ("students", students),
        ("hazards", hazards),
        ("renewals", _renewals(world, life, end)),
        ("decisions", decisions),
    ):
        pq.write_table(pa.table(rows), folder / f"{name}.parquet", compression="zstd")
    return folder


def _renewals(world: World, life: Life, end: Ending) -> Rows:
    day, enrolment = np.nonzero((life.lapse > 0) & end.alive)
    n = len(world.enrolments)
    return {
        "enrolment_id": spelled(world.enrolments.ids, enrolment),
        "day": day + world.calendar.first_day_number,
        "chance": 1 - life.lapse[day, enrolment],
        "renewed": np.isin(day * n + enrolment, life.renewed[:, 0] * n + life.renewed[:, 1]),
    }


def _retained(life: Life, day: np.ndarray, enrolment: np.ndarray, horizon: int) -> np.ndarray:
    """The true chance of neither withdrawing nor running out in ``[day, day + horizon)``; (m,)."""
    a_day = np.log1p(-life.hazard.astype(float)) + np.log1p(-life.lapse.astype(float))
    stays = np.concatenate([np.zeros((1, a_day.shape[1])), np.cumsum(a_day, axis=0)])
    ends = np.minimum(day + horizon, len(life.hazard))
    return np.where(day + horizon <= len(life.hazard), np.exp(stays[ends, enrolment] - stays[day, enrolment]), np.nan)
