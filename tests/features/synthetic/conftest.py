from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from experiments.assign import in_holdout
from features.config import School
from features.synthetic import MadeSchool, make


def held_out(student_id: str) -> bool:
    return in_holdout(student_id, "made", 0.3)


@pytest.fixture(scope="session")
def made_settings(tmp_path_factory) -> dict:
    settings = School(tmp_path_factory.mktemp("none")).config("synthetic")
    settings["programme"]["holdout_share"] = 0.3
    return settings


@pytest.fixture(scope="session")
def made(tmp_path_factory, made_settings) -> MadeSchool:
    """A smaller school over a whole year's courses, with a large control group."""
    folder = tmp_path_factory.mktemp("made")
    return make(folder, students=700, weeks=40, seed=3, in_holdout=held_out, settings=made_settings)


@pytest.fixture(scope="session")
def tables(made) -> dict[str, pd.DataFrame]:
    """The exports as written, moments as moments; `day` counts from the first day in the school's zone."""
    return {path.stem: _read(path, made) for path in sorted(made.folder.glob("*.csv"))}


@pytest.fixture(scope="session")
def truth(made) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_parquet(path) for path in made.truth.glob("*.parquet")}


def _read(path: Path, made: MadeSchool) -> pd.DataFrame:
    frame = pd.read_csv(path)
    for name in [name for name in frame if name.endswith("_at")]:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    if "occurred_at" in frame:
        if "known_at" not in frame:
            frame["known_at"] = frame["occurred_at"]
        local = frame["occurred_at"].dt.tz_convert("Europe/Moscow").dt.tz_localize(None)
        frame["day"] = (local - pd.Timestamp(made.start)).dt.days
    return frame
