"""A draft of a school's settings: the school and its adviser as they would be with it, before anything is in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from features import clock
from features.config import School
from features.errors import BadInput, NotReady
from handrail.journeys import served_label, store
from handrail.settings import Settings

if TYPE_CHECKING:
    from serving.advise import Adviser


def tried(settings: Settings, draft: Path | None) -> School:
    """The school, with a draft of its settings where there is one.

    Raises:
        BadInput: the draft is no folder.
    """
    if draft is not None and not draft.is_dir():
        raise BadInput(
            "there is no such folder", where=str(draft), mend="Copy configs/ of the school and edit the copy"
        )
    return replace(settings.school, draft=draft)


def adviser_of_files(settings: Settings, draft: Path | None) -> Adviser:
    """The adviser by the files as they are written now: a fault is told, and not passed over for the policy before."""
    from model.bundle import load, without_model
    from model.registry import served_bundle
    from model.uplift import served
    from serving.advise import Adviser
    from serving.policies import policy_of

    school = tried(settings, draft)
    label = served_label(school)
    try:
        bundle = load(served_bundle(school.home, label.name))
    except NotReady:
        bundle = without_model(label)
    effects = served(school.home, label.name) if bundle.features else None
    return Adviser(school, label, bundle, policy_of(school, effects), store(settings), effects)


def newest_day(adviser: Adviser) -> date:
    """The day after the newest fact, or today if that comes first.

    Raises:
        NotReady: there are no facts.
    """
    last = adviser.lake.last_known_day()
    if last is None:
        raise NotReady(
            "there is no data yet", where=str(adviser.school.home), mend="Import some: handrail import --help"
        )
    return min(clock.date_of(last + 1), clock.today(adviser.school.zone))
