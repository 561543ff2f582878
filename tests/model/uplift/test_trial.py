from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.errors import BadInput


def changed(array: np.ndarray, at: object, value: float) -> np.ndarray:
    made = array.copy()
    made[at] = value
    return made


SPOILT = {
    "the propensities do not sum to 1: row 3": lambda t: {"propensities": changed(t.propensities, (3, 1), 0.3)},
    "a propensity is not between 0 and 1": lambda t: {"propensities": changed(t.propensities, (3, 1), np.nan)},
    "had propensity 0": lambda t: {"propensities": np.eye(4)[(t.action + 1) % 4]},
    "y is neither 0 nor 1: row 0, and 1 rows": lambda t: {"y": changed(t.y, 0, np.nan)},
    "the risk is not a probability": lambda t: {"risk": changed(t.risk, 5, 1.01)},
    "a feature is infinite": lambda t: {"x": changed(t.x, (2, 2), np.inf)},
    "is none of the actions": lambda t: {"action": changed(t.action, 0, 4)},
    "actions must begin with no_action": lambda t: {"actions": (*t.actions[1:], t.actions[0])},
    "x is of shape": lambda t: {"features": t.features[1:]},
    "y is float32": lambda t: {"y": t.y.astype("float32")},
    "not a whole number": lambda t: {"action": t.action.astype("float64")},
}


@pytest.mark.parametrize("said", SPOILT)
def test_what_cannot_be_is_refused_with_the_row(linear, said):
    with pytest.raises(BadInput, match=said):
        replace(linear.trial, **SPOILT[said](linear.trial))


def test_only_rows_in_which_both_were_possible_tell_of_an_action(linear):
    trial = linear.trial
    sure = changed(trial.propensities, 0, 0.0)
    sure[0, trial.action[0]] = 1.0
    found = replace(trial, propensities=sure)
    assert found.randomised == len(trial) - 1
    assert not found.compared(1)[0]
    assert found.compared(1)[1:].all()
