"""The report: a readout in words for people and as plain values for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from experiments.readout import Arm, Readout
from features.clock import date_of

_HEADINGS = {
    "helps": "It helps",
    "harms": "It does harm",
    "small": "No effect worth having",
    "not_measurable": "Not measurable at this size",
    "blocked": "Blocked: the split is not the designed one",
}


def as_text(found: Readout) -> str:
    """Markdown for people: the answer first, then what it rests on."""
    design = found.design
    lines = [
        f"# {design.name}: {_HEADINGS[found.verdict]}",
        "",
        f"{design.text}. Success was laid down as: {design.success}.",
        "",
        f"{found.why[0].upper()}{found.why[1:]}.",
        "",
        "| arm | students | followed | retained | share |",
        "|---|---:|---:|---:|---:|",
        _row("treatment", found.treatment, shown=found.verdict != "blocked"),
        _row("control", found.control, shown=found.verdict != "blocked"),
        "",
        *_effect(found),
        *_basis(found),
    ]
    return "\n".join(lines) + "\n"


def as_dict(found: Readout) -> dict[str, Any]:
    """Plain values for JSON: shares are 0-1, intervals two numbers, the day a date.

    A blocked readout tells who was assigned and followed, and not who stayed.
    """
    values = asdict(found)
    values["as_of"] = date_of(values.pop("as_of_day")).isoformat()
    for name, arm in (("control", found.control), ("treatment", found.treatment)):
        if found.verdict == "blocked":
            del values[name]["retained"]
        else:
            values[name]["share"] = arm.share
    if found.effect:
        for name in ("interval", "relative_interval"):
            values["effect"][name] = list(getattr(found.effect, name))
    return values


def _row(name: str, arm: Arm, *, shown: bool) -> str:
    share = f"{arm.retained:,} | {arm.share:.1%}" if shown else "- | -"
    return f"| {name} | {arm.assigned:,} | {arm.read:,} | {share} |"


def _effect(found: Readout) -> list[str]:
    effect = found.effect
    if effect is None:
        return []
    low, high = effect.relative_interval
    lines = [
        f"- Effect on the retained share: **{_points(effect.difference)}**, {found.confidence:.0%} interval "
        f"{_points(effect.interval.low)} to {_points(effect.interval.high)}.",
        f"- Relative to control: {effect.relative:+.1%}, interval {low:+.1%} to {high:+.1%}.",
    ]
    if effect.detectable is None:
        lines.append(f"- With {found.power:.0%} power, groups of this size could not show any rise at all.")
    else:
        lines.append(
            f"- Smallest rise that groups of this size show with {found.power:.0%} power: {_points(effect.detectable)}."
        )
    return lines


def _basis(found: Readout) -> list[str]:
    design = found.design
    lines = [
        f"- Retained means: no withdrawal, refund or non-renewal within {found.horizon_days} days of the first "
        "decision.",
        f"- As of {date_of(found.as_of_day)}; left out: {found.waiting:,} students whose {found.horizon_days} days are "
        "not over.",
        "- By intention to treat: every student counts once, in the arm first assigned, whether or not the message "
        "arrived. Who wrote or called last plays no part.",
        f"- The split against the designed {design.control_share:.1%} of control: p = {found.srm_p:.3g}.",
    ]
    if found.horizon_days != design.horizon_days:
        lines.append(
            f"- **A side look**: the horizon laid down before the start is {design.horizon_days} days; "
            "the answer to the experiment is read at that one."
        )
    if found.in_both_arms:
        lines.append(
            f"- **{found.in_both_arms:,} students have decisions in both arms**; each counts in the first. "
            "A control student who is treated later makes the effect look smaller than it is."
        )
    return lines


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points"
