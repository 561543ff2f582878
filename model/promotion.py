"""May a model be promoted? Every gate is one function that returns its figure, its limit and plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from features.clock import day_number, seconds
from features.errors import BadConfig, BadInput, NotReady
from features.profile import ATTRIBUTES
from model import bundle, risk
from model.baselines import rule
from model.dataset import Dataset, Split
from model.metrics import Figure, Metrics, Resampling, auc, figure, plain_auc

SHUFFLED_ROUNDS = 50  # a quarter of a model, on some of the rows, is enough to show a leak
SHUFFLED_ROWS = 50_000
_ENDS = ("", "_low", "_high")


@dataclass(frozen=True)
class GateSettings:
    """The limits; see configs/model.toml."""

    cases: int = 30
    baseline: str = "days_without_login"
    champion_margin: float = 0.01
    shuffles: int = 20
    leak_loss: float = 0.0
    suspicious_auc: float = 0.97
    additivity: float = 1e-6
    expected_observed: float = 1.25
    slope: float = 1.5
    group_cases: int = 20
    group_auc_gap: float = 0.10
    group_expected_observed: float = 1.5
    row_ms: float = 20.0
    load_seconds: float = 60.0

    def __post_init__(self) -> None:
        if min(self.cases, self.group_cases) < 1 or self.shuffles < 2:
            raise BadConfig("numbers of cases must be at least 1 and shuffles at least 2", where="model.toml [gates]")
        if not min(self.expected_observed, self.slope, self.group_expected_observed) >= 1:
            raise BadConfig(
                "expected_observed, slope and group_expected_observed are factors of at least 1",
                where="model.toml [gates]",
            )
        if not min(self.row_ms, self.load_seconds, self.additivity) > 0:
            raise BadConfig("row_ms, load_seconds and additivity must be above 0", where="model.toml [gates]")


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
    """On later time the model ranks better than the simple rule, by a paired difference of AUC above 0."""
    name, limit = "beats_baseline", "lower end of the interval above 0"
    if settings.baseline not in test.features:
        return Gate(name, False, None, limit, f"the feature {settings.baseline} of the simple rule is not in the data")
    other = rule(test, settings.baseline)
    gain, told = _compared(test, log_odds, other, f"{settings.baseline} alone", resampling)
    return _judged(name, bool(gain.low > 0), gain, limit, told, test, settings)


def beats_logistic(
    test: Dataset, log_odds: np.ndarray, line: np.ndarray, resampling: Resampling, settings: GateSettings
) -> Gate:
    """On later time the trees do not rank clearly worse than a logistic regression (n,) fitted to the same past."""
    name, limit = "beats_logistic", "upper end of the interval not below 0"
    gain, told = _compared(test, log_odds, line, "a logistic regression", resampling)
    return _judged(name, bool(gain.high >= 0), gain, limit, told, test, settings)


def beats_champion(
    test: Dataset,
    log_odds: np.ndarray,
    champion: bundle.Bundle | str | None,
    anew: Callable[[bundle.Bundle], np.ndarray],
    settings: GateSettings,
    draws: Callable[[Dataset], Resampling],
) -> Gate:
    """The model does not lose clearly to the champion, on rows that neither has seen.

    A champion of last month has seen most of the test period. Where what came after it holds too few cases, its recipe
    is judged instead: learnt anew on the same past as the model's.

    Args:
        test: the rows.
        log_odds: (n,) the model's.
        champion: loaded; or words that say why it cannot be; or None when there is none.
        anew: the champion -> log-odds (n,) of its recipe, learnt on the model's own past.
        settings: the limits.
        draws: the resampling of some rows.
    """
    name, limit = "beats_champion", f"lower end of the interval above -{settings.champion_margin}"
    if champion is None:
        return Gate(name, None, None, limit, "there is no champion yet")
    if isinstance(champion, str):
        return Gate(name, False, None, limit, f"the champion cannot be read: {champion}")
    gone = [feature for feature in champion.features if feature not in test.features]
    if gone:
        return Gate(name, None, None, limit, f"the champion needs features that are no longer made: {', '.join(gone)}")
    unseen = test.day >= day_number(date.fromisoformat(champion.meta["trained_until"]))
    fresh = test.where(unseen)
    if fresh.cases >= settings.cases:
        theirs = champion.log_odds(np.ascontiguousarray(fresh.rows[list(champion.features)].to_numpy("float64")))
        where, whose, own = fresh, "the champion, on what came after it", log_odds[unseen]
    else:
        where, whose, own = test, "the champion's recipe, learnt on the same past", log_odds
        try:
            theirs = anew(champion)
        except (BadInput, NotReady) as error:  # its settings are of another release, or want more data
            return Gate(name, False, None, limit, f"{whose}, cannot be had: {error.what}")
    gain, told = _compared(where, own, theirs, whose, draws(where))
    return _judged(name, bool(gain.low > -settings.champion_margin), gain, limit, told, where, settings)


def loses_skill_when_shifted(
    test: Dataset, log_odds: np.ndarray, earlier: np.ndarray, resampling: Resampling, settings: GateSettings
) -> Gate:
    """Told with features of one horizon earlier, the same rows are ranked worse: what is known now matters.

    A fact of the future that is written into the past (a final grade, today's total) says the same on every day.

    Args:
        test: the rows whose enrolment had a row one horizon earlier.
        log_odds: (n,) the model's.
        earlier: (n,) its log-odds of the earlier rows.
        resampling: of the rows.
        settings: the limits.
    """
    name = "leak_shifted"
    limit = f"AUC falls by more than {settings.leak_loss}, unless the interval says that it may have"
    if not len(test):
        return Gate(name, None, None, limit, "no enrolment of the test period has a cut-off one horizon earlier")
    gain, told = _compared(test, log_odds, earlier, "features of one horizon earlier", resampling)
    return _judged(name, bool(gain.high > settings.leak_loss), gain, limit, told, test, settings)


def no_suspicious_feature(test: Dataset, settings: GateSettings) -> Gate:
    """No feature alone tells the answer better than honest features can."""
    areas = {}
    for name, column in zip(test.features, test.x.T, strict=True):
        filled = np.where(np.isnan(column), np.nanmin(column, initial=0.0) - 1, column)
        area = plain_auc(test.y, filled)
        areas[name] = max(area, 1 - area)
    strongest = max(areas, key=areas.__getitem__)
    words = f"the strongest single feature, {strongest}, has an AUC of {areas[strongest]:.3f} alone"
    limit = f"below {settings.suspicious_auc}"
    return Gate("leak_single", areas[strongest] < settings.suspicious_auc, areas[strongest], limit, words)


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


def shap_additivity(model: risk.RiskModel, test: Dataset, settings: GateSettings) -> Gate:
    """Base and contributions sum to the served log-odds on every test row."""
    off = float(np.abs(model.contributions(test.x).sum(axis=1) - model.log_odds(test.x)).max())
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
    passed = _touches(level, settings.expected_observed) and _touches(slope, settings.slope)
    return _judged("calibration", passed, level, limit, told, test, settings)


def subgroups(metrics: Metrics, settings: GateSettings) -> Gate:
    """No group of people is clearly over- or underestimated, or ranked clearly worse than all together.

    The groups are for auditing; see `features.profile`. Only those with cases enough are held against the limits.
    """
    name = "subgroups"
    limit = (
        f"expected/observed within {1 / settings.group_expected_observed:.2f} to {settings.group_expected_observed:.2f}"
        f" and AUC at most {settings.group_auc_gap} below that of all, at the kind end of their intervals"
    )
    known = [one for one in metrics.groups if one["cut"] in ATTRIBUTES and one["group"] != "unknown"]
    told = [one for one in known if one["cases"] >= settings.group_cases and one["auc"] is not None]
    if not told:
        few = f"no group has {settings.group_cases} cases" if known else "the data tell no groups of people apart"
        return Gate(name, None, None, limit, few)
    whole = metrics.figures["auc"].value
    wrong = []
    for one in told:
        level, area = Figure(*(one[f"ratio{end}"] for end in _ENDS)), Figure(*(one[f"auc{end}"] for end in _ENDS))
        if not _touches(level, settings.group_expected_observed):
            wrong.append(f"{one['cut']} {one['group']}: expected/observed {level}")
        if area.high < whole - settings.group_auc_gap:
            wrong.append(f"{one['cut']} {one['group']}: AUC {area} where all have {whole:.3f}")
    gap = max(abs(whole - one["auc"]) for one in told)
    words = f"{len(told)} groups of {', '.join(sorted({one['cut'] for one in told}))}; AUC differs by up to {gap:.3f}"
    return Gate(name, not wrong, gap, limit, "; ".join([words, *wrong]))


def latency(model: risk.RiskModel, rows: np.ndarray, settings: GateSettings) -> Gate:
    """One row is scored and explained quickly enough for a call; rows (r, f) are taken one at a time, twice."""
    spent = []
    for row in np.concatenate([rows, rows]):
        began = seconds()
        model.log_odds(row[None])
        model.contributions(row[None])
        spent.append(1000 * (seconds() - began))
    middle = float(np.median(spent))
    words = f"one row is scored and explained in {middle:.2f} ms, the median of {len(spent)}"
    return Gate("latency", middle <= settings.row_ms, middle, f"at most {settings.row_ms:g} ms", words)


def timeless(gate: Gate) -> Gate:
    """The gate as a bundle keeps it: a stopwatch reads otherwise each time, and equal facts make an equal bundle."""
    if gate.name != "latency" or gate.passed is False:
        return gate
    return replace(gate, figure=None, words="one row was scored and explained in time; the run says in how much")


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


def _compared(
    test: Dataset, own: np.ndarray, other: np.ndarray, whose: str, resampling: Resampling
) -> tuple[Figure, str]:
    """The paired difference of AUC, and words."""
    own_auc, their_auc = auc(test.y, own, resampling), auc(test.y, other, resampling)
    gain = figure(own_auc - their_auc)
    return gain, f"AUC {own_auc[0]:.3f} against {their_auc[0]:.3f} of {whose}: a difference of {gain}"


def _judged(
    name: str, passed: bool, figure: Figure, limit: str, told: str, test: Dataset, settings: GateSettings
) -> Gate:
    """The answer, or no where the test part holds too few cases to tell."""
    few = _too_few(test, settings)
    return Gate(name, passed and not few, _number(figure), limit, f"{few}; so far {told}" if few else told)


def _touches(one: Figure, factor: float) -> bool:
    return bool(one.high >= 1 / factor and one.low <= factor)


def _number(one: Figure) -> float | None:
    return None if np.isnan(one.value) else one.value
