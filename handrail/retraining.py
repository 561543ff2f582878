"""The journey of retraining: whether a new challenger is needed, why or why not, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from features import clock
from features.catalogue import FEATURES
from features.errors import BadInput, NotFound, NotReady
from features.lake import Lake
from handrail import journeys
from handrail.settings import Settings

if TYPE_CHECKING:
    from features.labels import Label
    from model.bundle import Bundle
    from model.health_settings import RetrainSettings
    from model.train import TrainResult
    from serving.store import Health


@dataclass(frozen=True)
class Need:
    """Whether to train.

    Attributes:
        why: what speaks for it, in words.
        why_not: what speaks against it, and weighs more.
        known: what else was looked at.
    """

    why: list[str] = field(default_factory=list)
    why_not: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)

    @property
    def is_given(self) -> bool:
        """Whether a challenger is to be made."""
        return bool(self.why) and not self.why_not


@dataclass(frozen=True)
class RetrainReport:
    """What was done.

    Attributes:
        label: its name.
        need: None when it was not asked.
        result: of the training; None when there was none.
        promoted: the version that is the champion now; None when none was promoted.
        held: why the new version was not promoted; empty when it was, or when that is not configured.
    """

    label: str
    need: Need | None = None
    result: TrainResult | None = None
    promoted: int | None = None
    held: str = ""

    def words(self) -> str:
        """For people."""
        lines = []
        if self.need:
            lines += [f"retrain {self.label}: " + ("needed" if self.need.is_given else "not now")]
            lines += [f"  for      {words}" for words in self.need.why]
            lines += [f"  against  {words}" for words in self.need.why_not]
            lines += [f"  known    {words}" for words in self.need.known]
        if self.result and self.promoted:
            told = journeys.train_words(self.result).rsplit("\n", 1)[0]
            lines += [told, f"version {self.promoted} is the champion. Next: handrail nightly"]
        elif self.result:
            lines += [f"not promoted: {self.held}"] if self.held else []
            lines += [journeys.train_words(self.result)]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        need = self.need or Need()
        return {
            "label": self.label,
            "asked": self.need is not None,
            "needed": self.need is None or self.need.is_given,
            "why": need.why,
            "why_not": need.why_not,
            "known": need.known,
            "trained": journeys.train_document(self.result) if self.result else None,
            "promoted": self.promoted,
            "held": self.held,
        }


def retrain(
    settings: Settings, name: str | None, until: date | None, seed: int, *, if_needed: bool, quiet: bool = False
) -> RetrainReport:
    """Makes a challenger, and promotes it only where that is configured and every gate allows it.

    Args:
        settings: of the school.
        name: of the label; None is the one served.
        until: only what was known before this day is used; None is all.
        seed: of the training.
        if_needed: train only when the champion's health, age or label asks for it.
        quiet: show no progress.

    Raises:
        NotReady: the history is too short to train.
    """
    from model.health_settings import HealthSettings

    limits = HealthSettings.of(settings.school.config("drift")).retrain
    definition = journeys.served_label(settings.school, name)
    need = _need(settings, definition, until, limits) if if_needed else None
    if need and not need.is_given:
        return RetrainReport(definition.name, need)
    result = journeys.train(settings, definition.name, until, seed, quiet=quiet)
    if not limits.promote:
        return RetrainReport(definition.name, need, result)
    if reason := held(result):
        return RetrainReport(definition.name, need, result, held=reason)
    _, promoted = journeys.promote(settings, definition.name, str(result.version), None)
    return RetrainReport(definition.name, need, result, promoted)


def _need(settings: Settings, definition: Label, until: date | None, limits: RetrainSettings) -> Need:
    school = settings.school
    day = clock.day_number(until or clock.today(school.zone))
    health = journeys.store(settings).newest_health(definition.name, clock.date_of(day))
    try:
        champion = _served(settings, definition)
    except (NotReady, BadInput) as error:
        return Need([f"no model serves: {error.what}"], _faults(health, limits), [_health_words(health, None)])
    why = [*_outdated(champion, definition, day, limits), *_unwell(champion, health, limits)]
    why_not = _faults(health, limits) if why else []
    newest = min(day, (Lake(school.lake, school.zone).last_known_day() or 0) + 1)
    known_until = _known_until(champion)
    if why and not _unfit(champion, definition) and newest - known_until < journeys.STEP_DAYS:
        why_not.append(f"hardly anything is new: the champion has learned all until {_date(champion)}")
    if why and (waiting := _waiting(settings, champion, definition)):
        enough = newest if health is None else min(newest, clock.day_number(health.as_of))
        # Reports come every night: a challenger of last night is not made again for one night more.
        if enough - _known_until(waiting) < journeys.STEP_DAYS and not _outdated(waiting, definition, day, limits):
            why_not.append(
                f"a challenger that learned until {_date(waiting)} waits: handrail promote --label {definition.name}"
            )
    learned = f"the champion {champion.version} learned until {_date(champion)}; asked about {clock.date_of(day)}"
    return Need(why, why_not, [learned, _health_words(health, champion)])


def _served(settings: Settings, definition: Label) -> Bundle:
    from model.bundle import load
    from model.registry import served_bundle

    return load(served_bundle(settings.home, definition.name))


def _waiting(settings: Settings, champion: Bundle, definition: Label) -> Bundle | None:
    """The challenger, where it is another model than the champion."""
    from model.bundle import load
    from model.registry import Registry

    try:
        folder = Registry(settings.home, settings.mlflow_uri).fetch_bundle(definition.name, "challenger")
        challenger = load(folder)
    except (NotFound, NotReady, BadInput):
        return None
    return None if challenger.version == champion.version else challenger


def _outdated(bundle: Bundle, definition: Label, day: int, limits: RetrainSettings) -> list[str]:
    found = _unfit(bundle, definition)
    if day - _known_until(bundle) > limits.days:
        found.append(f"it learned until {_date(bundle)}: that is more than {limits.days} days ago")
    return found


def _unfit(bundle: Bundle, definition: Label) -> list[str]:
    """Why it does not fit this release, however young it is."""
    found = []
    if bundle.label_version != definition.version:
        found.append(f"{bundle.label} is defined anew: version {definition.version}, not {bundle.label_version}")
    if gone := [name for name in bundle.features if name not in FEATURES]:
        found.append(f"it needs features that are not made any more: {', '.join(gone)}")
    return found


def _unwell(champion: Bundle, health: Health | None, limits: RetrainSettings) -> list[str]:
    if health is None or health.model_version != champion.version:
        return []
    return [f"{one['kind']}: {one['words']}" for one in health.findings if _is_red(one, limits.on_red)]


def _faults(health: Health | None, limits: RetrainSettings) -> list[str]:
    """Faults of the data that a new model would learn from."""
    if health is None:
        return []
    return [
        f"{one['kind']}, as found on {health.as_of}: {one['words']}. Mend that first, then: handrail drift"
        for one in health.findings
        if _is_red(one, limits.not_on_red)
    ]


def _is_red(finding: dict[str, Any], kinds: list[str]) -> bool:
    return finding["verdict"] == "red" and finding["kind"] in kinds


def _health_words(health: Health | None, champion: Bundle | None) -> str:
    if health is None:
        return "its data health was never looked at: handrail drift"
    other = " (of another model)" if champion is not None and health.model_version != champion.version else ""
    return f"data health of {health.as_of} is {health.verdict}{other}"


def held(result: TrainResult) -> str:
    """Why a version is not promoted without a person's word; empty when nothing speaks against it."""
    if red := [gate.name for gate in result.gates if gate.passed is False]:
        return f"red: {', '.join(red)}"
    asked = {gate.name: gate.passed for gate in result.gates}
    return "" if asked.get("beats_champion") else "it was not compared with a champion, so a person decides"


def _known_until(bundle: Bundle) -> int:
    return clock.day_number(date.fromisoformat(str(bundle.meta["trained_until"])))


def _date(bundle: Bundle) -> date:
    return clock.date_of(_known_until(bundle))
