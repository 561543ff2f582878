"""How near the risks come to the best possible, on made schools whose true hazard of leaving is known.

    .venv/bin/python -m benchmarks.best_possible --students 3000 --seeds 1 2 3

Each school is made, imported through the csv door and followed forward in time as `handrail backtest` does, a new model
every 28 days. *Best possible* is the order of the true chance of leaving on the very day, which the maker knows and no
school can: it sees the student's present will, not the future. *Skill* is (AUC - 0.5) of the model over that of the
best possible; the rule and the logistic regression stand beside it. Intervals draw whole students.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import timedelta
from pathlib import Path

import pandas as pd

from features import clock
from features.synthetic import make
from handrail import journeys
from handrail.backtesting import backtest
from handrail.demo import WEEKS
from handrail.settings import Settings
from model.dataset import Dataset
from model.metrics import Resampling, auc, figure

LABEL = "withdrawal_28d"


def main() -> None:
    """Prints the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--students", type=int, default=3000)
    asked.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    words = asked.parse_args()
    heads = ("seed", "rows", "cases", "model", "best possible", "rule", "skill of the model", "skill of the rule")
    print("| " + " | ".join(heads) + " |\n|---|---|---|---|---|---|---|---|")
    for seed in words.seeds:
        with tempfile.TemporaryDirectory() as folder:
            print(of_a_school(Path(folder), words.students, seed), flush=True)


def of_a_school(folder: Path, students: int, seed: int) -> str:
    """One line of the table."""
    settings = Settings.read(folder / "home")
    config = settings.school.config("synthetic")
    made = make(folder / "made", students=students, weeks=WEEKS, seed=seed, in_holdout=lambda _: False, settings=config)
    journeys.import_data(settings, "csv", made.mapping, quiet=True)
    first, last = made.start + timedelta(days=154), made.end - timedelta(days=28)
    out = folder / "past.parquet"
    backtest(settings, LABEL, first, last, "7d", "28d", 1, out, quiet=True)
    rows = pd.read_parquet(out).dropna(subset=["risk", "outcome"])
    rows["day"] = [clock.day_number(day) for day in rows["as_of"]]
    truth = pd.read_parquet(made.truth / "hazards.parquet")
    rows = rows.merge(truth, on=["enrolment_id", "day"], how="inner")
    rows = rows.assign(y=rows["outcome"].astype("float64"), rule=rows["baseline"].fillna(rows["baseline"].max() + 1))
    test = Dataset(rows, ("risk", "hazard", "rule"), LABEL, 1, 28)
    resampling = Resampling(test.students, 500, 1)
    model, best, rule = (auc(test.y, test.x[:, at], resampling) for at in range(3))
    skills = [figure((one - 0.5) / (best - 0.5)) for one in (model, rule)]
    told = [str(figure(one)) for one in (model, best, rule)] + [str(one) for one in skills]
    return f"| {seed} | {len(test):,} | {test.cases} | " + " | ".join(told) + " |"


if __name__ == "__main__":
    main()
