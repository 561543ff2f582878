"""The same rankings by causalml and econml, where they can be imported; each with our trees inside."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

Values = Callable[[Any, np.ndarray], np.ndarray]


def libraries(booster: Callable[..., Any]) -> dict[str, Values]:
    """The methods of what is installed; ``booster`` makes the trees."""
    found: dict[str, Values] = {}
    if find_spec("causalml"):
        found |= _causalml(booster)
    if find_spec("econml"):
        found |= _econml(booster)
    return found


def _causalml(booster: Callable[..., Any]) -> dict[str, Values]:
    from causalml.inference.meta import BaseDRLearner, BaseSClassifier, BaseTClassifier, BaseXClassifier

    def of(make: Callable[[], Any], *, propensities: bool) -> Values:
        def values(train: Any, x: np.ndarray) -> np.ndarray:
            model = make()
            treatment = np.array(["none", "mens", "womens"])[train.arm]
            # Among an arm and none each has a chance of one half.
            half = {"p": {name: np.full(len(train.arm), 0.5) for name in ("mens", "womens")}} if propensities else {}
            model.fit(train.x, treatment, train.visit, **half)
            half = {"p": {name: np.full(len(x), 0.5) for name in ("mens", "womens")}} if propensities else {}
            effect = model.predict(x, **half)
            return np.column_stack([effect[:, model._classes[name]] for name in ("mens", "womens")])

        return values

    regressor = {"objective": "regression"}
    return {
        "causalml S": of(lambda: BaseSClassifier(booster(), control_name="none"), propensities=False),
        "causalml T": of(lambda: BaseTClassifier(booster(), control_name="none"), propensities=False),
        "causalml X": of(
            lambda: BaseXClassifier(booster(), effect_learner=booster(**regressor), control_name="none"),
            propensities=True,
        ),
        "causalml DR": of(
            lambda: BaseDRLearner(
                control_outcome_learner=booster(**regressor),
                treatment_outcome_learner=booster(**regressor),
                treatment_effect_learner=booster(**regressor),
                control_name="none",
            ),
            propensities=True,
        ),
    }


def _econml(booster: Callable[..., Any]) -> dict[str, Values]:
    from econml.dml import CausalForestDML
    from econml.dr import DRLearner, LinearDRLearner
    from sklearn.dummy import DummyClassifier

    known: dict[str, Any] = {
        "model_propensity": DummyClassifier(),
        "discrete_outcome": True,
        "cv": 5,
        "random_state": 1,
    }

    def of(make: Callable[[], Any]) -> Values:
        def values(train: Any, x: np.ndarray) -> np.ndarray:
            model = make()
            model.fit(train.visit, train.arm, X=train.x)
            return model.const_marginal_effect(x).reshape(len(x), 2)

        return values

    def forest() -> Any:
        words = {"discrete_treatment": True, "discrete_outcome": True, "cv": 5, "random_state": 1, "n_jobs": 1}
        size = {"n_estimators": 100, "min_samples_leaf": 100, "max_samples": 0.2}
        return CausalForestDML(model_y=booster(), model_t=DummyClassifier(), **words, **size)

    return {
        "econml linear DR": of(lambda: LinearDRLearner(model_regression=booster(), **known)),
        "econml DR, trees": of(
            lambda: DRLearner(
                model_regression=booster(),
                model_final=booster(objective="regression", num_leaves=4),
                multitask_model_final=False,
                **known,
            )
        ),
        "econml causal forest": of(forest),
    }
