"""What `handrail drift` and `handrail retrain` hold against a served model: configs/drift.toml, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from features.errors import BadConfig
from model.monitor import METHODS

T = TypeVar("T")


@dataclass(frozen=True)
class ReferenceSettings:
    """See configs/drift.toml."""

    cut_offs: int
    rows: int


@dataclass(frozen=True)
class FeatureSettings:
    """See configs/drift.toml."""

    method: str
    cut_offs: int
    least_rows: int
    moved: float
    unknown: float
    amber: float
    red: float

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise BadConfig(
                f"method is {self.method!r}", where="drift.toml [features]", mend=f"Use one of {', '.join(METHODS)}"
            )


@dataclass(frozen=True)
class ScoreSettings:
    """See configs/drift.toml."""

    amber: float
    red: float


@dataclass(frozen=True)
class CalibrationSettings:
    """See configs/drift.toml."""

    weeks: int
    cases: int
    draws: int
    band: float


@dataclass(frozen=True)
class LabelSettings:
    """See configs/drift.toml."""

    cases: int
    amber: float
    red: float


@dataclass(frozen=True)
class VolumeSettings:
    """See configs/drift.toml."""

    weeks: int
    least_weeks: int
    events: int
    amber: float
    red: float


@dataclass(frozen=True)
class RetrainSettings:
    """See configs/drift.toml."""

    on_red: list
    not_on_red: list
    days: int
    promote: bool


@dataclass(frozen=True)
class HealthSettings:
    """configs/drift.toml, table by table."""

    reference: ReferenceSettings
    features: FeatureSettings
    score: ScoreSettings
    calibration: CalibrationSettings
    labels: LabelSettings
    volume: VolumeSettings
    retrain: RetrainSettings

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> HealthSettings:
        """Reads them from the plain values of the file.

        Raises:
            BadConfig: a name is not known or missing, or a value is of the wrong kind.
        """
        kinds = (
            *(ReferenceSettings, FeatureSettings, ScoreSettings, CalibrationSettings),
            *(LabelSettings, VolumeSettings, RetrainSettings),
        )
        names = [one.name for one in fields(cls)]
        if unknown := set(config) - set(names):
            raise BadConfig(f"{sorted(unknown)[0]} is no table of it", where="drift.toml", mend=f"Use {names}")
        return cls(*(_table(kind, config.get(name, {}), name) for kind, name in zip(kinds, names, strict=True)))


def _table(kind: type[T], values: Mapping[str, Any], name: str) -> T:
    where = f"drift.toml [{name}]"
    wanted = {one.name: str(one.type) for one in fields(kind)}  # type: ignore[arg-type]
    for key, value in values.items():
        if key not in wanted:
            raise BadConfig(f"{key} is not a setting", where=where, mend=f"There are {', '.join(wanted)}")
        given = type(value).__name__
        if given != wanted[key] and (given, wanted[key]) != ("int", "float"):
            raise BadConfig(f"{key} is {value!r}", where=where, mend=f"It wants a value of the kind {wanted[key]}")
    if lacking := [key for key in wanted if key not in values]:
        raise BadConfig(f"{lacking[0]} is missing", where=where, mend=f"Name {', '.join(wanted)}")
    return kind(**values)
