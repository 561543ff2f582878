from __future__ import annotations

import pytest

from features.errors import BadInput, Refused
from handrail import shadowing

LABEL = "withdrawal_28d"


def test_the_only_model_cannot_run_beside_itself(made_home) -> None:
    with pytest.raises(Refused, match="cannot run beside itself"):
        shadowing.promote(made_home.settings, None, None, None, shadow=True, off=False)


@pytest.mark.parametrize(
    ("how", "where"),
    [
        ({"shadow": False, "off": True}, "--off"),
        ({"shadow": True, "off": False, "override": "why"}, "--override"),
        ({"shadow": True, "off": True, "version": "2"}, "--version"),
        ({"shadow": True, "off": False, "version": "two"}, "--version"),
    ],
)
def test_options_that_do_not_go_together_are_refused(made_home, how: dict, where: str) -> None:
    with pytest.raises(BadInput) as refusal:
        shadowing.promote(made_home.settings, None, **{"version": None, "override": None, **how})
    assert refusal.value.where == where


def test_a_shadow_that_is_not_there_can_be_taken_away(made_home) -> None:
    done = shadowing.promote(made_home.settings, None, None, None, shadow=True, off=True)
    assert (done.version, done.changed, done.words()) == (None, False, f"{LABEL} had no shadow")
