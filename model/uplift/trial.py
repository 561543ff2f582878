"""What uplift is learnt from: decisions that were drawn with known propensities, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.errors import BadInput

NO_ACTION = "no_action"
_SUM_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Trial:
    """One row per episode: the first decision of a spell of being at risk, or of a stage of its cascade.

    Later decisions of the same episode are consequences of the first; leaving them out is the caller's duty. So is
    leaving out rows that a person decided. Rows of one student may be many: they are kept in one fold and counted as
    one cluster.

    Attributes:
        features: names of the columns of x.
        actions: what could be done, `no_action` first.
        x: (n, f) float64, known at the decision; NaN is unknown.
        action: (n,) what was done, as a place in `actions`; as decided, whatever came of it (intention to treat).
        propensities: (n, k) float64, logged: the chance each action had; 0 where it was not allowed.
        y: (n,) 1.0 where the student was retained over the horizon, 0.0 where not.
        risk: (n,) chance of leaving over the horizon, as foretold at the decision.
        student: (n,) ids.
        day: (n,) day numbers of the decisions.
        usual: (n,) what the rules would have done, as a place in `actions`; -1 where that is not known, None where it
            is known of no row.

    Raises:
        BadInput: shapes do not fit, or a value cannot be one; says which row.
    """

    features: tuple[str, ...]
    actions: tuple[str, ...]
    x: np.ndarray
    action: np.ndarray
    propensities: np.ndarray
    y: np.ndarray
    risk: np.ndarray
    student: np.ndarray
    day: np.ndarray
    usual: np.ndarray | None = None

    def __post_init__(self) -> None:
        n, f, k = len(self.y), len(self.features), len(self.actions)
        shapes = {
            "x": (n, f),
            "action": (n,),
            "propensities": (n, k),
            "y": (n,),
            "risk": (n,),
            "student": (n,),
            "day": (n,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise _bad(f"{name} is of shape {getattr(self, name).shape}, not {shape}")
        for name in ("x", "propensities", "y", "risk"):
            if getattr(self, name).dtype != np.float64:
                raise _bad(f"{name} is {getattr(self, name).dtype}, not float64")
        if self.actions[:1] != (NO_ACTION,) or len(set(self.actions)) < k or len(set(self.features)) < f:
            raise _bad(f"actions must begin with {NO_ACTION}, and no action or feature may be there twice")
        if not np.issubdtype(self.action.dtype, np.integer):
            raise _bad(f"action is {self.action.dtype}, not a whole number")
        if self.usual is not None and self.usual.shape != (n,):
            raise _bad(f"usual is of shape {self.usual.shape}, not {(n,)}")
        pi = self.propensities
        with np.errstate(invalid="ignore"):
            self._refuse(np.isinf(self.x).any(axis=1), "a feature is infinite")
            self._refuse((self.action < 0) | (self.action >= k), "the action is none of the actions")
            self._refuse(~((pi >= 0) & (pi <= 1)).all(axis=1), "a propensity is not between 0 and 1")
            self._refuse(~(np.abs(pi.sum(axis=1) - 1) <= _SUM_TOLERANCE), "the propensities do not sum to 1")
            self._refuse(~(pi[np.arange(n), self.action] > 0), "the action that was taken had propensity 0")
            self._refuse(~np.isin(self.y, (0.0, 1.0)), "y is neither 0 nor 1")
            self._refuse(~((self.risk >= 0) & (self.risk <= 1)), "the risk is not a probability")

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def cluster(self) -> np.ndarray:
        """Students as numbers from 0, (n,)."""
        return np.unique(self.student, return_inverse=True)[1]

    @property
    def randomised(self) -> int:
        """Rows that chance had a part in: more than one action could have been taken."""
        return int(((self.propensities > 0).sum(axis=1) > 1).sum())

    def compared(self, action: int) -> np.ndarray:
        """Rows in which both the action and none could have been taken, (n,) bool: only they tell of its effect."""
        return (self.propensities[:, 0] > 0) & (self.propensities[:, action] > 0)

    def outcomes(self, action: int) -> int:
        """Outcomes of the arm that has fewer: of the action, or of none where the action was possible too."""
        told = self.action[self.compared(action)]
        return int(min((told == action).sum(), (told == 0).sum()))

    def _refuse(self, wrong: np.typing.ArrayLike, what: str) -> None:
        rows = np.flatnonzero(wrong)
        if len(rows):
            raise _bad(f"{what}: row {rows[0]}, and {len(rows)} rows in all")


def _bad(what: str) -> BadInput:
    return BadInput(what, where="trial", mend="Build it from decisions with their logged propensities")
