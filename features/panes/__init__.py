"""Panes: raw events reduced to one row per enrolment and day of additive measures, kept for the folds to read."""

from features.panes.fresh import FreshEvents
from features.panes.kept import Pane, Panes
from features.panes.school import of_school

__all__ = ["FreshEvents", "Pane", "Panes", "of_school"]
