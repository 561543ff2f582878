"""From the trees' log-odds to those that are served: a rising map, chosen by later time, kept as plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.errors import BadConfig, BadInput

KINDS = {"line": 2, "beta": 3, "isotonic": None}
"""The kinds, simplest first, and how many numbers each is made of."""
_LEAST_RISE = 0.02  # log-odds per log-odds: two students with different trees keep their order


@dataclass(frozen=True)
class Calibration:
    """A map of log-odds z that never falls.

    Attributes:
        kind: `line`: slope z + intercept (Platt 1999; with an intercept of 0 it is a temperature). `beta`:
            b log(1 + e^z) - a log(1 + e^-z) + c (Kull, Silva Filho and Flach 2017, AISTATS). `isotonic`: straight
            lines between knots (Zadrozny and Elkan 2002, smoothed); beyond them, where nothing is known, on with the
            outer slope or with 1, whichever is less.
        numbers: slope and intercept; or a, b and c; or the knots' z, then what they are mapped to.

    Raises:
        BadInput: it is none of these, or it does not rise.
    """

    kind: str
    numbers: tuple[float, ...]

    def __post_init__(self) -> None:
        size = KINDS.get(self.kind, 0)
        fits = len(self.numbers) == size if size is not None else len(self.numbers) >= 4 and len(self.numbers) % 2 == 0
        if not (fits and np.isfinite(self.numbers).all() and self._rises()):
            raise BadInput(f"{self.kind!r} with {len(self.numbers)} numbers is no such map", where="calibration")

    def _rises(self) -> bool:
        if self.kind == "line":
            return self.numbers[0] >= 0
        if self.kind == "beta":
            return min(self.numbers[:2]) >= 0
        return all(bool((np.diff(side) > 0).all()) for side in self._knots)

    @property
    def _knots(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = np.reshape(self.numbers, (2, -1))
        return x, y

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Served log-odds of the trees' (n,)."""
        if self.kind == "line":
            return self.numbers[0] * z + self.numbers[1]
        if self.kind == "beta":
            a, b, c = self.numbers
            return b * np.logaddexp(0, z) - a * np.logaddexp(0, -z) + c
        x, y = self._knots
        slope = np.minimum(np.diff(y) / np.diff(x), 1.0)
        below, above = np.minimum(z - x[0], 0) * slope[0], np.maximum(z - x[-1], 0) * slope[-1]
        return np.interp(z, x, y) + below + above

    def spread(self, parts: np.ndarray) -> np.ndarray:
        """Contributions to the trees' log-odds, (n, f + 1) with the base last, as contributions to the served ones.

        A row's contributions are all stretched by the same factor, the map's rise from the base to the row over the
        way between them, so that signs, order and shares stay and the row still sums to what is served.
        """
        base, z = parts[:, -1], parts.sum(axis=1)
        served = self(base)
        way = z - base
        near = np.abs(way) < 1e-9
        stretch = np.where(near, self._slope(base), (self(z) - served) / np.where(near, 1.0, way))
        found = parts * stretch[:, None]
        found[:, -1] = served
        return found

    def _slope(self, z: np.ndarray, step: float = 1e-6) -> np.ndarray:
        return (self(z + step) - self(z - step)) / (2 * step)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": self.kind, "numbers": list(self.numbers)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Calibration:
        """From plain values.

        Raises:
            BadInput: they are no calibration.
        """
        return cls(str(plain["kind"]), tuple(float(number) for number in plain["numbers"]))


NONE = Calibration("line", (1.0, 0.0))
"""The trees as they are."""


@dataclass(frozen=True)
class CalibrationSettings:
    """See configs/model.toml."""

    doubt: float = 0.25
    doubts: float = 2.0
    cases_for_choice: int = 150
    cases_a_knot: int = 25
    most_knots: int = 12

    def __post_init__(self) -> None:
        if not (self.doubt > 0 and self.doubts >= 0):
            raise BadConfig("doubt must be above 0 and doubts not negative", where="model.toml [calibration]")
        if min(self.cases_for_choice, self.cases_a_knot) < 1 or self.most_knots < 2:
            raise BadConfig(
                "numbers of cases must be at least 1 and most_knots at least 2", where="model.toml [calibration]"
            )


@dataclass(frozen=True)
class Candidate:
    """How one kind did on later time.

    Attributes:
        kind: see `Calibration`.
        loss: mean log loss in nats on every later stretch, each fitted on those before it; NaN when it was not tried.
        gain: the loss of the simplest kind less its own; positive is better.
        doubt: standard error of the gain, with students as clusters.
        chosen: whether it is served.
    """

    kind: str
    loss: float
    gain: float
    doubt: float
    chosen: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        plain: dict[str, Any] = dict(self.__dict__)
        return {name: None if isinstance(value, float) and np.isnan(value) else value for name, value in plain.items()}


def choose(
    z: np.ndarray,
    y: np.ndarray,
    stretch: np.ndarray,
    known_day: np.ndarray,
    students: np.ndarray,
    settings: CalibrationSettings,
) -> tuple[Calibration, tuple[Candidate, ...]]:
    """The calibration that later time prefers; a less simple kind must be clearly better.

    Args:
        z: (n,) the trees' log-odds of rows that these trees had not seen.
        y: (n,) 0 or 1.
        stretch: (n,) first day of the stretch of time that the row lies in.
        known_day: (n,) the day on which the row's answer was known; a stretch is judged by what was known before it.
        students: (n,) ids.
        settings: with few cases only the line is tried; another must gain more than ``doubts`` standard errors.
    """
    cases = len(np.unique(students[y == 1]))
    times = np.unique(stretch)
    tried = list(KINDS) if cases >= settings.cases_for_choice and len(times) > 1 else ["line"]
    later = np.isin(stretch, times[1:])
    losses = {kind: np.full(len(z), np.nan) for kind in tried}
    for now in times[1:]:
        past, here = known_day <= now, stretch == now
        if 0 < y[past].sum() < past.sum():
            for kind in tried:
                served = fit(kind, z[past], y[past], students[past], settings)(z[here])
                losses[kind][here] = np.logaddexp(0, served) - y[here] * served
    later &= ~np.isnan(losses["line"])
    means = {kind: float(loss[later].mean()) if later.any() else float("nan") for kind, loss in losses.items()}
    gains = {kind: _gain(losses["line"][later] - loss[later], students[later]) for kind, loss in losses.items()}
    better = [kind for kind, (gain, doubt) in gains.items() if gain > settings.doubts * doubt]
    best = min(better, key=means.__getitem__, default="line")
    candidates = tuple(Candidate(kind, means[kind], *gains[kind], kind == best) for kind in tried)
    return fit(best, z, y, students, settings), candidates


def fit(kind: str, z: np.ndarray, y: np.ndarray, students: np.ndarray, settings: CalibrationSettings) -> Calibration:
    """One kind, fitted to log-odds (n,), answers (n,) and the students (n,) that they are of."""
    fits: dict[str, Callable[[], Sequence[float]]] = {
        "line": lambda: _line(z, y, settings.doubt),
        "beta": lambda: _beta(z, y, settings.doubt),
        "isotonic": lambda: _isotonic(z, y, students, settings),
    }
    numbers = fits[kind]()
    return Calibration(kind if numbers else "line", tuple(numbers or _line(z, y, settings.doubt)))


def _gain(difference: np.ndarray, students: np.ndarray) -> tuple[float, float]:
    """The mean, and its standard error with students as clusters."""
    if not len(difference):
        return 0.0, float("nan")
    mean = float(difference.mean())
    student = np.unique(students, return_inverse=True)[1]
    return mean, float(np.sqrt((np.bincount(student, difference - mean) ** 2).sum()) / len(difference))


def _line(z: np.ndarray, y: np.ndarray, doubt: float) -> tuple[float, float]:
    """Slope and intercept of a sigmoid with Platt's smoothed targets.

    The slope has a normal prior around 1 with deviation ``doubt``, so that a few cases move the level and hardly the
    spread; it is never negative.

    Source: Platt (1999), Probabilistic outputs for support vector machines.
    """
    slope, intercept = _newton(np.column_stack([z, np.ones_like(z)]), _targets(y), np.array([1.0, 0.0]), doubt)
    return max(0.0, float(slope)), float(intercept)


def _beta(z: np.ndarray, y: np.ndarray, doubt: float) -> tuple[float, float, float]:
    """a, b and c by logistic regression on log p and -log(1 - p), a and b with the prior of the line's slope."""
    design = np.column_stack([-np.logaddexp(0, -z), np.logaddexp(0, z), np.ones_like(z)])
    a, b, c = _newton(design, _targets(y), np.array([1.0, 1.0, 0.0]), doubt)
    if min(a, b) < 0:  # as its authors do: the other side alone, with the level
        side = int(np.argmax([a, b]))
        kept, c = _newton(design[:, [side, 2]], _targets(y), np.array([1.0, 0.0]), doubt)
        a, b = (kept, 0.0) if side == 0 else (0.0, kept)
    return max(0.0, float(a)), max(0.0, float(b)), float(c)


def _isotonic(z: np.ndarray, y: np.ndarray, students: np.ndarray, settings: CalibrationSettings) -> tuple[float, ...]:
    """Knots of equally many cases each, their rates put into rising order; empty when they are too few to be a line."""
    from sklearn.isotonic import isotonic_regression

    cases = len(np.unique(students[y == 1]))
    knots = min(settings.most_knots, cases // settings.cases_a_knot)
    if knots < 2:
        return ()
    order = np.argsort(z, kind="stable")
    share = np.cumsum(y[order]) / y.sum()
    part = np.minimum((share * knots).astype("int64"), knots - 1)
    size = np.bincount(part, minlength=knots)
    mean_z = np.bincount(part, z[order], knots) / np.maximum(size, 1)
    # half a case more on either side: a knot without others still has finite log-odds
    rate = (np.bincount(part, y[order], knots) + 0.5) / (size + 1)
    rate = np.asarray(isotonic_regression(rate, sample_weight=size, y_min=0.0, y_max=1.0))
    kept = (size > 0) & np.r_[True, np.diff(mean_z) > 1e-6]
    x, served = mean_z[kept], np.log(rate[kept]) - np.log1p(-rate[kept])
    # where rates are pooled the map would be flat, and the list would lose its order
    served = served + _LEAST_RISE * (x - x[0])
    return (*x.tolist(), *served.tolist()) if len(x) > 1 else ()


def _targets(y: np.ndarray) -> np.ndarray:
    """Platt's: no answer is taken for quite certain."""
    cases = float(y.sum())
    others = len(y) - cases
    return np.where(y == 1, (cases + 1) / (cases + 2), 1 / (others + 2))


def _newton(design: np.ndarray, target: np.ndarray, middle: np.ndarray, doubt: float) -> np.ndarray:
    """Logistic regression with normal priors around ``middle`` on all but the last weight, the level.

    Newton's method with a step halved until the loss falls (Lin, Lin and Weng 2007).
    """
    prior = np.r_[np.full(len(middle) - 1, 1 / doubt**2), 0.0]

    def loss(beta: np.ndarray) -> float:
        z = design @ beta
        return float(np.sum(np.logaddexp(0, z) - target * z) + prior @ (beta - middle) ** 2 / 2)

    beta = middle.copy()
    for _ in range(100):
        p = np.exp(-np.logaddexp(0, -(design @ beta)))
        slope = design.T @ (p - target) + prior * (beta - middle)
        bend = design.T @ (design * (p * (1 - p))[:, None]) + np.diag(prior) + 1e-9 * np.eye(len(beta))
        step, share = np.linalg.solve(bend, slope), 1.0
        while loss(beta - share * step) > loss(beta) and share > 1e-6:
            share /= 2
        beta = beta - share * step
        if np.abs(share * step).max() < 1e-12:
            break
    return beta
