"""The design: what an experimenter lays down before an experiment begins, so that it cannot be chosen afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from features.errors import BadConfig

_WHERE = "experiments.toml"


@dataclass(frozen=True)
class Design:
    """One experiment's design.

    Attributes:
        name: as the decisions call it.
        text: what is tried.
        success: what would count as success, in words.
        control_share: share of students that the design puts into control.
        horizon_days: days from the first decision to the day on which its outcome is read.
        useful_effect: the smallest difference in the retained share that would change what the school does.
    """

    name: str
    text: str
    success: str
    control_share: float
    horizon_days: int
    useful_effect: float

    @classmethod
    def of(cls, name: str, settings: Mapping[str, Any]) -> Design:
        """The design called ``name``.

        Args:
            name: of the experiment.
            settings: `configs/experiments.toml`.

        Raises:
            BadConfig: it is not there, or lacks something, or a value cannot be.
        """
        where = f"{_WHERE} [experiment.{name}]"
        tables = settings.get("experiment", {})
        if name not in tables:
            raise BadConfig(
                f"no experiment {name!r} was laid down",
                where=_WHERE,
                mend=f"Add [experiment.{name}] there. Those there are: {', '.join(sorted(tables)) or 'none'}",
            )
        try:
            design = cls(name=name, **tables[name])
        except TypeError as error:
            needed = ", ".join(key for key in cls.__dataclass_fields__ if key != "name")
            raise BadConfig("lacks a key or has an unknown one", where=where, mend=f"The keys are: {needed}") from error
        for key, fits in (
            ("control_share", 0 < design.control_share < 1),
            ("horizon_days", design.horizon_days >= 1),
            ("useful_effect", 0 < design.useful_effect < 1),
        ):
            if not fits:
                raise BadConfig(f"{key} = {getattr(design, key)} cannot be", where=where, mend="See the comments there")
        return design
