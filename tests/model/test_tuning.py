"""Tuning: the present settings are what others are held against, also after a sitting that was killed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from model.dataset import Dataset
from model.learning import Recipe
from model.train import Settings
from model.tuning import Tuned, TuningSettings, tune

NEVER = TuningSettings(warm_up=2, doubts=1e9)  # no gain is clear enough


@pytest.fixture
def recipe(monotone: Mapping[str, int], quick_config: Mapping) -> Recipe:
    return Settings.of(quick_config).recipe(monotone, 1)


def sitting(dataset: Dataset, recipe: Recipe, folder: Path, trials: int) -> Tuned:
    return tune(dataset, recipe, NEVER, trials, f"sqlite:///{folder / 'optuna.db'}", lambda _: None)


def test_a_killed_sitting_goes_on_with_the_present_settings_and_other_trials(
    dataset: Dataset, recipe: Recipe, tmp_path: Path
) -> None:
    import optuna

    class Killed(BaseException):
        pass

    def kill(_: str) -> None:
        raise Killed

    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    with pytest.raises(Killed):
        tune(dataset, recipe, NEVER, 1, url, kill)
    name = optuna.study.get_all_study_names(url)[0]
    optuna.load_study(study_name=name, storage=url).ask()  # the present settings were being tried when it ended
    first = sitting(dataset, recipe, tmp_path, 2)
    assert (first.risk, first.trials[0].risk) == (recipe.risk, recipe.risk)
    second = sitting(dataset, recipe, tmp_path, 4)
    tried = [one.risk for one in second.trials]
    assert tried[:2] == [one.risk for one in first.trials]
    assert len(set(tried)) == 4


def test_present_settings_outside_of_the_space_are_kept_as_they_are(
    dataset: Dataset, recipe: Recipe, tmp_path: Path
) -> None:
    own = replace(recipe, risk=replace(recipe.risk, rounds=13, leaves=3, l2=0.5))
    found = sitting(dataset, own, tmp_path, 2)
    assert (found.risk, found.trials[0].risk) == (own.risk, own.risk)
    other = replace(own, risk=replace(own.risk, leaves=4))
    assert sitting(dataset, other, tmp_path, 1).trials[0].risk == other.risk  # not what an earlier sitting held against
