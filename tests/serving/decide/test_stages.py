from __future__ import annotations

import re

import pytest

from features.errors import BadConfig
from serving.decide.stages import (
    LAPSED,
    NONE,
    RETURNED,
    STAGES,
    STOPPED,
    STUDY,
    TOO_MANY,
    TRANSITIONS,
    diagram,
)


def test_the_default_stages_switches_and_waits(policy) -> None:
    cascade = policy.gates.cascade
    told = {stage: [one for one in policy.catalogue if cascade.stage_of.get(one) == stage] for stage in STAGES}
    assert {"care_sms"} <= set(told["reminder"])
    assert {"micro_step", "advanced_materials"} <= set(told["simple_step"])
    assert {"mentor_call"} <= set(told["help"])
    assert {stage: wait.days for stage, wait in cascade.waits.items()} == dict(zip(STAGES, (3, 3, 7, 7), strict=True))
    assert [(one.name, one.action) for one in cascade.switches] == [
        ("failed_call", "channel_message"),
        ("unread_email", "care_sms"),
    ]
    assert cascade.look_back.days == 2 * 30 + 7 + 60


def test_what_a_student_is_owed_is_no_matter_of_the_cascade(policy) -> None:
    duties = {action for rule in policy.rules.values() if rule.duty for action in rule.actions}
    assert duties
    assert not duties & set(policy.gates.cascade.stage_of)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["stage"]["help"]["actions"].append("mentor_cal"), "'mentor_cal' is not an action"),
        (lambda c: c["stage"]["help"]["actions"].append("no_action"), "'no_action' is not an action that contacts"),
        (lambda c: c["stage"]["help"]["actions"].append("care_sms"), "care_sms is in reminder too"),
        (lambda c: c["stage"]["help"]["channels"].append("sms"), "sms is in reminder too"),
        (lambda c: c["stage"]["help"]["channels"].append("pigeon"), "has 'pigeon'"),
        (lambda c: c["stage"]["help"].update(wait_hours=0), "stage, help, wait_hours: is 0"),
        (lambda c: c["stage"].update(visit={}), "visit: is not a known key"),
        (lambda c: c.update(stop_after=0), "cascade, stop_after: is 0"),
        (lambda c: c.update(cool_down_after_stop_days=90), "contacts of 157 days ago; 150 are remembered"),
        (lambda c: c.update(stop_afer=2), "stop_afer: is not a known key"),
        (lambda c: c["switch"]["failed_call"].update(action="letter"), "'letter' is not an action"),
        (lambda c: c["switch"]["failed_call"].update(status="answered"), "status: is 'answered'"),
    ],
)
def test_what_cannot_be_used_is_told(make_policy, change, told) -> None:
    with pytest.raises(BadConfig) as caught:
        make_policy(lambda files: change(files["gates"]["cascade"]))
    assert told in str(caught.value)


def test_the_diagram_draws_the_transitions_and_no_others() -> None:
    """What is drawn at the frame holds for all stages in it; into the frame one comes at the stage of the contact."""
    inside, outside = diagram().split("    }\n")
    edges = re.compile(r"(\S+) --> (\w+)(?:: (.+))?")
    assert "    [*] --> none\n" in outside
    within = [(here, there, labels.split(", ")) for here, there, labels in edges.findall(inside)]
    entries = {there for here, there, _ in within if here == "[*]"}
    drawn = {(here, event, there) for here, there, events in within if here != "[*]" for event in events}
    for here, there, label in edges.findall(outside):
        if here == "episode":
            event = {RETURNED: STUDY, STOPPED: TOO_MANY, NONE: LAPSED}[there]
            drawn |= {(stage, event, there) for stage in STAGES}
        elif there == "episode":
            drawn |= {(here, stage, stage) for stage in entries}
        elif here != "[*]":
            events = [event for (one, event), to in TRANSITIONS.items() if (one, to) == (here, there)]
            assert label.count(",") + 1 == len(events)
            drawn |= {(here, event, there) for event in events}
    assert drawn == {(here, event, there) for (here, event), there in TRANSITIONS.items()}


def test_no_transition_leads_to_an_earlier_stage() -> None:
    within = [(here, there) for (here, _), there in TRANSITIONS.items() if here in STAGES and there in STAGES]
    assert all(STAGES.index(here) <= STAGES.index(there) for here, there in within)
