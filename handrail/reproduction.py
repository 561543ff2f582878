"""Reproduction: the journey from a run's id to its model made again."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from features.labels import named
from features.lake import Lake
from handrail import journeys
from handrail.progress import shown
from handrail.settings import Settings

if TYPE_CHECKING:
    from model.reproduction import Reproduction


def reproduce(settings: Settings, run_id: str, *, quiet: bool = False) -> Reproduction:
    """Makes the model of a run again from its label, days, seed and settings, and says what is not the same.

    Raises:
        NotFound: there is no such run of a finished training.
        Refused: the lake does not hold the same data any more; says what is different.
        BadInput: the run's bundle is damaged.
    """
    from model.registry import Registry
    from model.reproduction import make_again

    school, registry = settings.school, Registry(settings.home, settings.mlflow_uri)
    with TemporaryDirectory() as folder:
        then = registry.recorded(run_id, Path(folder))
        until = date.fromisoformat(then.tags.get("until") or str(then.bundle.meta["trained_until"]))
        data = journeys.dataset(school, named(then.bundle.label), until, quiet=quiet)
        with shown("training anew", quiet=quiet) as report:
            lake = Lake(school.lake, school.zone).version
            return make_again(registry, then, data, lake, lambda what: report(0, 1, what))
