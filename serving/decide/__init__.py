"""What we decide: a student's case and a policy in, one recommended action out; pure, so that it can be made again."""

from serving.decide.actions import NO_ACTION, ROUTE_TO_HUMAN, Action, Catalogue
from serving.decide.book import PriceBook
from serving.decide.case import Case, Consent, Effect, EnrolmentCase, Flag, StaleSource, Touch, telling_days
from serving.decide.decision import Decision, Fired, FollowUp, decision_id
from serving.decide.gates import Blocked, Gates, judge
from serving.decide.menu import Menu, survey
from serving.decide.policy import FILES, RULES_DECIDE, Policy, decide, replay, settle
from serving.decide.rules import Rule, Rules
from serving.decide.worth import Margins, Offer, Worth, uses

__all__ = [
    "FILES",
    "NO_ACTION",
    "ROUTE_TO_HUMAN",
    "RULES_DECIDE",
    "Action",
    "Blocked",
    "Case",
    "Catalogue",
    "Consent",
    "Decision",
    "Effect",
    "EnrolmentCase",
    "Fired",
    "Flag",
    "FollowUp",
    "Gates",
    "Margins",
    "Menu",
    "Offer",
    "Policy",
    "PriceBook",
    "Rule",
    "Rules",
    "StaleSource",
    "Touch",
    "Worth",
    "decide",
    "decision_id",
    "judge",
    "replay",
    "settle",
    "survey",
    "telling_days",
    "uses",
]
