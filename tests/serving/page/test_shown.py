"""What is left of a decision for curators: never its arm, whatever the record holds."""

from __future__ import annotations

from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from experiments.assign import in_holdout
from features.catalogue import FEATURES
from features.config import DEFAULTS, read_toml
from serving.decide import FILES, Case, EnrolmentCase, Policy, decide
from serving.page.shown import shown
from tests.serving.page import made_list

POLICY = Policy.from_config({name: read_toml(DEFAULTS / f"{name}.toml") for name in FILES}, FEATURES)


@given(
    number=st.integers(0, 5000),
    values=st.fixed_dictionaries(
        {name: st.sampled_from([None, 0.0, 1.0, 9.0]) for name in sorted(POLICY.rules.features)}
    ),
    band=st.sampled_from(["high", "medium", "low"]),
)
def test_no_visible_field_depends_on_the_arm(number: int, values: dict[str, float | None], band: str) -> None:
    student = f"s{number}"
    case = Case(
        student, made_list.AS_OF, "Europe/Moscow", (EnrolmentCase("e1", "c1", 0.5, band, values),), (), (), "m1"
    )
    seen = shown(decide(case, POLICY, made_list.AT).to_record())
    assert not {"arm", "holdout", "propensities", "eligible", "fired"} & asdict(seen).keys()
    assert all(blocked["gate"] != "G8" for blocked in seen.blocked)
    if in_holdout(student, POLICY.gates.holdout_salt, POLICY.gates.holdout_share) and not seen.acts:
        assert (seen.rule, seen.enrolment_id, seen.not_before, seen.follow_ups) == (None, None, None, ())
