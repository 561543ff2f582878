"""Shadowing: which model runs beside the champion, so that it can be watched for some nights before it is promoted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from features.errors import BadInput
from handrail import journeys
from handrail.settings import Settings


@dataclass(frozen=True)
class Shadowing:
    """What `handrail promote --shadow` did.

    Attributes:
        version: the shadow; None when it was taken away.
        changed: whether there was one to take away.
    """

    label: str
    version: int | None
    changed: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def words(self) -> str:
        """For people."""
        if self.version is None:
            return f"{self.label} has no shadow any more" if self.changed else f"{self.label} had no shadow"
        return (
            f"{self.label} version {self.version} is the shadow: it decides nothing; "
            "handrail nightly says how far it is from the champion"
        )


def promote(
    settings: Settings, name: str | None, version: str | None, override: str | None, *, shadow: bool, off: bool
) -> Shadowing:
    """Makes a version the shadow, or takes the shadow away.

    Raises:
        BadInput: the options do not go together.
        Refused: it is the champion itself.
    """
    from model.registry import Registry

    if not shadow:
        raise BadInput("takes the shadow away", where="--off", mend="Write --shadow --off")
    if override is not None:
        raise BadInput("a shadow needs none: its gates may be red", where="--override", mend="Leave it out")
    if off and version is not None:
        raise BadInput("there is one shadow at most", where="--version", mend="With --off leave it out")
    label = journeys.served_label(settings.school, name).name
    registry = Registry(settings.home, settings.mlflow_uri)
    if off:
        return Shadowing(label, None, registry.drop_shadow(label))
    return Shadowing(label, registry.set_shadow(label, journeys.version_number(version)))
