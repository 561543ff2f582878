"""The words for policies that were valued: a table for people and plain values for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.policy_value import Estimate, Unsupported, Value

_HEADS = ("policy", "acts in", "retained", "than as it was", "ESS", "largest weight", "cut off")


@dataclass(frozen=True)
class Told:
    """One policy.

    Attributes:
        name: of the policy.
        acts: share of the decisions in which it does something; None where that cannot be said.
        value: share retained, or why the log cannot tell.
        more: than what was done; None for what was done itself.
    """

    name: str
    acts: float | None
    value: Value | Unsupported
    more: Value | Unsupported | None

    @property
    def supported(self) -> bool:
        """Whether the log can tell."""
        return hasattr(self.value, "best")

    def row(self) -> list[str]:
        """Cells of the table."""
        value: Any = self.value
        if not self.supported:
            return [self.name, *["-"] * (len(_HEADS) - 1)]
        more: Any = self.more
        return [
            self.name,
            f"{self.acts:.1%}",
            _share(value.best if more else value.snips),  # of what was done itself: the plain share
            _points(more.best) if more else "",
            f"{value.ess:,.0f}",
            f"{value.largest_weight:.1f}",
            f"{value.clipped:.1%}",
        ]


@dataclass(frozen=True)
class Evaluation:
    """What other ways of deciding would have brought.

    Attributes:
        label, horizon_days: what retained means.
        first, last: days of the decisions.
        decisions, students: that a lot had a part in and whose outcome is known.
        left_out: other decisions of the span, by reason.
        policies: each one that was asked about.
    """

    label: str
    horizon_days: int
    first: date
    last: date
    decisions: int
    students: int
    left_out: Mapping[str, int]
    policies: tuple[Told, ...]

    @property
    def supported(self) -> bool:
        """Whether the log can tell of the policy in force."""
        return self.policies[-1].supported

    def as_dict(self) -> dict[str, Any]:
        """Plain values; shares are 0-1, of a policy that the log cannot tell of there are only reason, why and mend."""
        values = asdict(self)
        for one, told in zip(values["policies"], self.policies, strict=True):
            one["supported"] = told.supported
            for key in ("value", "more"):
                for name in ("ips", "snips", "dr"):
                    if one[key] and one[key].get(name):
                        one[key][name] = one[key][name]._asdict()
        return values

    def words(self) -> str:
        """For people."""
        rows = [list(_HEADS), *(one.row() for one in self.policies)]
        widths = [max(len(row[at]) for row in rows) for at in range(len(_HEADS))]
        lines = [
            f"{self.first} to {self.last}: {self.decisions:,} decisions by lot, about {self.students:,} students",
            f"retained: none of the student's enrolments was lost within {self.horizon_days} days ({self.label})",
            "",
            *("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows),
            "",
            "ESS: effective sample size, in students; a lot says little of a policy that it seldom agrees with",
        ]
        refused = [one for one in self.policies if not one.supported]
        lines += [f"{one.name}: the log cannot tell. {_why(one.value)}" for one in refused]
        if self.left_out:
            lines.append("left out: " + "; ".join(f"{count:,} {what}" for what, count in self.left_out.items()))
        return "\n".join(lines)


def _why(refused: Any) -> str:
    return f"{refused.why[0].upper()}{refused.why[1:]}. {refused.mend}"


def _share(one: Estimate) -> str:
    return f"{one.value:.1%} ({one.low:.1%} to {one.high:.1%})"


def _points(one: Estimate) -> str:
    return f"{100 * one.value:+.1f} points ({100 * one.low:+.1f} to {100 * one.high:+.1f})"
