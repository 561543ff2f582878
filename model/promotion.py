"""May a model be promoted? Every gate is one function that returns its figure, its limit and plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from features.errors import BadInput
from model import bundle, risk
from model.dataset import Dataset, Split
from model.metrics import Figure, Metrics, Resampling, auc, figure, plain_auc

SHUFFLED_ROUNDS = 50  # a quarter of a model, on some of the rows, is enough to show a leak
SHUFFLED_ROWS = 50_000


@dataclass(frozen=True)
class GateSettings:
    """The limits; see configs/model.toml."""

    cases: int = 30
    baseline: str = "days_without_login"
    champion_margin: float = 0.01
    shuffles: int = 20
    additivity: float = 1e-6
    expected_observed: float = 1.25
    slope: float = 1.5
    load_seconds: float = 60.0


@dataclass(frozen=True)
class Gate:
    """One answer.

    Attributes:
        name: of the gate.
        passed: None when the question does not arise (no champion yet).
        figure: what was measured; None when nothing could be.
        limit: what it is held against, in words.
        words: the answer, for a person.
    """

    name: str
    passed: bool | None
    figure: float | None
    limit: str
    words: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """All gates together: promotion is free when none is red."""

    gates: tuple[Gate, ...]

    @property
    def red(self) -> tuple[Gate, ...]:
        """The gates that say no."""
        return tuple(gate for gate in self.gates if gate.passed is False)

    @property
    def passed(self) -> bool:
        """Whether no gate says no."""
        return not self.red


def verdict(gates: Iterable[Gate]) -> Verdict:
    """Puts the gates together."""
    return Verdict(tuple(gates))


def beats_baseline(test: Dataset, log_odds: np.ndarray, resampling: Resampling, settings: GateSettings) -> Gate:
    """On later time the model ranks better than the simple rule, by a paired difference of AUC above 0.

    Students without a value of the rule's feature come first on the rule's list.
    """
    name, limit = "beats_baseline", "lower end of the interval above 0"
    if settings.baseline not in test.features:
        return Gate(name, False, None, limit, f"the feature {settings.baseline} of the simple rule is not in the data")
    rule = test.x[:, test.features.index(settings.baseline)]
    rule = np.where(np.isnan(rule), np.nanmax(rule, initial=0.0) + 1, rule)
    model_auc, rule_auc = auc(test.y, log_odds, resampling), auc(test.y, rule, resampling)
    gain = figure(model_auc - rule_auc)
    told = f"AUC {model_auc[0]:.3f} against {rule_auc[0]:.3f} of {settings.baseline} alone: a difference of {gain}"
    if few := _too_few(test, settings):
        return Gate(name, False, _number(gain), limit, f"{few}; so far {told}")
    return Gate(name, bool(gain.low > 0), _number(gain), limit, told)


def beats_champion(
    test: Dataset,
    log_odds: np.ndarray,
    champion: bundle.Bundle | str | None,
    resampling: Resampling,
    settings: GateSettings,
) -> Gate:
    """On the same test rows the model does not lose clearly to the champion.

    The champion may have been fitted on some of these rows, which favours it.

    Args:
        test: the rows.
        log_odds: (n,) the model's.
        champion: loaded; or words that say why it cannot be; or None when there is none.
        resampling: of the rows.
        settings: the limits.
    """
    name, limit = "beats_champion", f"lower end of the interval above -{settings.champion_margin}"
    if champion is None:
        return Gate(name, None, None, limit, "there is no champion yet")
    if isinstance(champion, str):
        return Gate(name, False, None, limit, f"the champion cannot be read: {champion}")
    gone = [feature for feature in champion.features if feature not in test.features]
    if gone:
        return Gate(name, None, None, limit, f"the champion needs features that are no longer made: {', '.join(gone)}")
    theirs = champion.log_odds(np.ascontiguousarray(test.rows[list(champion.features)].to_numpy("float64")))
    own_auc, their_auc = auc(test.y, log_odds, resampling), auc(test.y, theirs, resampling)
    gain = figure(own_auc - their_auc)
    told = f"AUC {own_auc[0]:.3f} against {their_auc[0]:.3f} of the champion: a difference of {gain}"
    if few := _too_few(test, settings):
        return Gate(name, False, _number(gain), limit, f"{few}; so far {told}")
    return Gate(name, bool(gain.low > -settings.champion_margin), _number(gain), limit, told)


def shuffled_labels(split: Split, risk_settings: risk.RiskSettings, seed: int, settings: GateSettings) -> Gate:
    """Models fitted on shuffled labels know nothing of the test part: their AUC is 0.5 on average.

    Monotone constraints are left out, since they alone point trees the right way. The interval is Student's over
    the refits, 99.9 %.
    """
    from scipy.stats import t

    generator = np.random.default_rng(seed)
    small = replace(risk_settings, rounds=min(SHUFFLED_ROUNDS, risk_settings.rounds))
    fit, test = split.fit, split.test
    if len(fit) > SHUFFLED_ROWS:
        fit = fit.where(generator.random(len(fit)) < SHUFFLED_ROWS / len(fit))

    def area(refit: int) -> float:
        return plain_auc(test.y, risk.grow(fit, generator.permutation(fit.y), small, seed + refit, {}).log_odds(test.x))

    areas = np.array([area(refit) for refit in range(settings.shuffles)])
    mean = float(areas.mean())
    wide = float(t.ppf(0.9995, len(areas) - 1) * areas.std(ddof=1) / np.sqrt(len(areas)))
    words = (
        f"{len(areas)} models fitted on shuffled labels have an AUC of {mean:.3f} on average "
        f"({mean - wide:.3f} to {mean + wide:.3f})"
    )
    return Gate("shuffled_labels", abs(mean - 0.5) <= wide, mean, "0.5 inside the interval", words)


def shap_additivity(model: risk.RiskModel, test: Dataset, log_odds: np.ndarray, settings: GateSettings) -> Gate:
    """Base and contributions sum to the served log-odds on every test row."""
    off = float(np.abs(model.contributions(test.x).sum(axis=1) - log_odds).max())
    words = f"base and contributions miss the served log-odds by at most {off:.1e} on {len(test)} rows"
    return Gate("shap_additivity", off <= settings.additivity, off, f"at most {settings.additivity:g}", words)


def calibration(test: Dataset, metrics: Metrics, settings: GateSettings) -> Gate:
    """The risks are of the right size: neither their level nor their spread is clearly off."""
    level, slope = metrics.figures["expected_observed"], metrics.figures["calibration_slope"]
    limit = (
        f"expected/observed within {1 / settings.expected_observed:.2f} to {settings.expected_observed:.2f} and slope "
        f"within {1 / settings.slope:.2f} to {settings.slope:.2f}, at the kind end of their intervals"
    )
    told = (
        f"for each case of {test.event} seen the model expected {level}; "
        f"the spread of its log-odds has a slope of {slope}"
    )
    if few := _too_few(test, settings):
        return Gate("calibration", False, _number(level), limit, f"{few}; so far {told}")
    passed = _touches(level, settings.expected_observed) and _touches(slope, settings.slope)
    return Gate("calibration", passed, _number(level), limit, told)


def bundle_loads(folder: Path, model: risk.RiskModel, rows: np.ndarray, settings: GateSettings) -> Gate:
    """A bare process that refuses pickle loads the bundle and predicts golden rows (g, f) to the same bytes as here."""
    name, limit = "bundle_loads", "the same bytes"
    try:
        there = bundle.golden_bytes_in_child(folder, settings.load_seconds)
    except BadInput as error:
        return Gate(name, False, None, limit, error.what)
    same = there == bundle.golden_bytes(model, rows)
    words = "a bare process loads the bundle and predicts " + ("the same bytes" if same else "other numbers")
    return Gate(name, same, None, limit, words)


def from_dicts(plain: Iterable[Mapping[str, Any]]) -> Verdict:
    """The verdict that was written down with `Gate.as_dict`."""
    return Verdict(tuple(Gate(**one) for one in plain))


def _too_few(test: Dataset, settings: GateSettings) -> str:
    """Words when the test part cannot tell anything, else nothing."""
    if test.cases >= settings.cases:
        return ""
    cases = f"{test.cases} case{'' if test.cases == 1 else 's'} of {test.event}"
    return f"only {cases} in the test period: too few to tell (at least {settings.cases} are needed)"


def _touches(one: Figure, factor: float) -> bool:
    return bool(one.high >= 1 / factor and one.low <= factor)


def _number(one: Figure) -> float | None:
    return None if np.isnan(one.value) else one.value
