"""The loop closes once: a made school's own decisions are read, and the answer is held against the truth."""

from __future__ import annotations

import pandas as pd

from experiments.assign import in_holdout
from experiments.readout import readout
from features.clock import day_number
from features.config import School
from features.lake import Lake
from features.synthetic import make


def test_the_readout_finds_the_effect_that_was_put_in(tmp_path, settings):
    # Half of the students are held out: the smaller the control group, the more it is luck that is tested.
    made_settings = School(tmp_path).config("synthetic")
    made_settings["programme"]["holdout_share"] = settings["experiment"]["care_programme"]["control_share"] = 0.5
    made = make(
        tmp_path / "exports",
        students=1500,
        weeks=40,
        seed=1,
        in_holdout=lambda student: in_holdout(student, "made", 0.5),
        settings=made_settings,
    )
    lake = Lake(tmp_path / "lake", "Europe/Moscow")
    with lake.adding("csv", "0" * 64) as batch:
        for table in ("enrolments", "decisions", "outcomes"):
            rows = pd.read_csv(made.folder / f"{table}.csv", dtype="str")
            batch.write(table, rows if "known_at" in rows else rows.assign(known_at=rows["occurred_at"]))

    found = readout(
        lake.read("decisions"),
        lake.read("outcomes"),
        lake.read("enrolments"),
        experiment="care_programme",
        horizon_days=28,
        as_of_day=day_number(made.end),
        settings=settings,
    )

    truth = pd.read_parquet(made.truth / "decisions.parquet").sort_values("day", kind="stable")
    truth = truth.drop_duplicates("student_id").dropna()
    effect = (truth["retained_if_written_to"] - truth["retained_if_not"]).mean()
    assert found.verdict == "helps"
    assert found.effect.interval.low < effect < found.effect.interval.high
    assert found.in_both_arms == 0
    assert found.control.read + found.treatment.read == len(truth)
