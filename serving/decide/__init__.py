"""What we decide: a student's case and a policy in, one recommended action out; pure, so that it can be made again."""

from serving.decide.actions import NO_ACTION, Action, Catalogue
from serving.decide.case import Case, Consent, EnrolmentCase, StaleSource, Touch
from serving.decide.decision import Decision, Fired, FollowUp, decision_id
from serving.decide.gates import Blocked, Gates, judge
from serving.decide.policy import Policy, decide, replay
from serving.decide.rules import Rule, Rules

__all__ = [
    "NO_ACTION",
    "Action",
    "Blocked",
    "Case",
    "Catalogue",
    "Consent",
    "Decision",
    "EnrolmentCase",
    "Fired",
    "FollowUp",
    "Gates",
    "Policy",
    "Rule",
    "Rules",
    "StaleSource",
    "Touch",
    "decide",
    "decision_id",
    "judge",
    "replay",
]
