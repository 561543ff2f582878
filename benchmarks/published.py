"""Ours beside published figures: who fails or withdraws, of those still enrolled after 10, 20 and 40 % of an OULAD run.

    .venv/bin/python -m benchmarks.published HOME OULAD

HOME is a school that holds the OULAD files of the folder OULAD (`handrail import oulad`); the final results are read
from its studentInfo.csv, since they are no label of the product. Rows are the enrolments that are live on the day after
the share of the run is over; one row an enrolment. Students are split into five groups, each foretold by a model that
never saw them, in any run; that is repeated, and the figure is the ROC-AUC of all rows together.

This is *not* how the product is judged: other students of the same run are known to their end. It is here because
others print it.

- *present settings*: the trees of configs/model.toml.
- *freer trees*: what is usual in publications (300 rounds of depth 5 on all rows and half of the features).
- *logistic regression*: on the same features.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from features.build import snapshot
from features.catalogue import usable
from features.config import School
from features.lake import Lake
from features.profile import listed
from model.baselines import logistic
from model.dataset import Dataset
from model.learning import signs
from model.metrics import Resampling, auc, figure
from model.risk import RiskSettings, grow
from model.train import Settings

SHARES = (0.1, 0.2, 0.4)
PUBLISHED = {0.1: 0.775, 0.2: 0.809, 0.4: 0.870}
"""XGBoost on students still enrolled, all 22 runs, grouped by student."""
FOLDS, DRAWS = 5, 500


def main() -> None:
    """Prints the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("home", type=Path)
    asked.add_argument("oulad", type=Path)
    asked.add_argument("--repeats", type=int, default=3)
    words = asked.parse_args()
    school = School(words.home)
    results = final_results(words.oulad / "studentInfo.csv")
    settings = Settings.of(school.config("model")).risk
    heads = ("share of the run", "rows", "fail or withdraw", "present settings", "freer trees", "logistic regression")
    print("| " + " | ".join((*heads, "published")) + " |\n|---|---|---|---|---|---|---|")
    for share in SHARES:
        data = rows_at(school, share, results)
        found = [
            figure(areas(data, kind, settings, signs(school.config("model")), words.repeats))
            for kind in ("present", "free", "logistic")
        ]
        told = " | ".join(str(one) for one in found)
        print(f"| {share:.0%} | {len(data):,} | {data.y.mean():.1%} | {told} | {PUBLISHED[share]} |", flush=True)


def final_results(file: Path) -> pd.Series:
    """Enrolment -> 1.0 where the run was failed or left, 0.0 where it was passed."""
    info = pd.read_csv(file, dtype={"id_student": str})
    enrolment = info["code_module"] + "-" + info["code_presentation"] + "-" + info["id_student"]
    return pd.Series(info["final_result"].isin(["Fail", "Withdrawn"]).to_numpy("float64"), index=enrolment)


def rows_at(school: School, share: float, results: pd.Series) -> Dataset:
    """The enrolments that are live when a share of their run is over."""
    courses = Lake(school.lake, school.zone).read("courses").drop_duplicates("course_id", keep="last")
    parts = []
    for course in courses.itertuples():
        ends = (course.starts_at, course.ends_at)
        first, last = (pd.Timestamp(at).tz_convert(school.zone).normalize() for at in ends)
        day = (first + share * (last - first)).date()
        rows = snapshot(school, [day])
        parts.append(rows[rows["course_id"] == course.course_id])
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.assign(y=results.reindex(rows["enrolment_id"]).to_numpy())
    return Dataset(rows[rows["y"].notna()], usable(listed(school)), "fails_or_withdraws", 1, 1)


def areas(data: Dataset, kind: str, settings: RiskSettings, monotone: Mapping[str, int], repeats: int) -> np.ndarray:
    """ROC-AUC of rows foretold by models that never saw their students: mean of the repeats, (DRAWS + 1,)."""
    free = replace(settings, rounds=300, depth=5, leaves=24, l2=1.0, feature_share=0.5, row_share=1.0)
    found = []
    for repeat in range(repeats):
        students = np.unique(data.students)
        order = np.random.default_rng(repeat).permutation(students)
        group = dict(zip(order, np.arange(len(students)) % FOLDS, strict=True))
        fold = np.array([group[one] for one in data.students])
        score = np.empty(len(data))
        for one in range(FOLDS):
            known, rest = data.where(fold != one), data.where(fold == one)
            if kind == "logistic":
                score[fold == one] = logistic(known)(rest.x)
            else:
                trees = grow(known, known.y, free if kind == "free" else settings, repeat, monotone)
                score[fold == one] = trees.raw_log_odds(rest.x)
        found.append(auc(data.y, score, Resampling(data.students, DRAWS, 1)))
    return np.mean(found, axis=0)


if __name__ == "__main__":
    main()
