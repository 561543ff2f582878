"""Uplift: how much more probable each action makes it that a student stays, learnt from logged experiments.

trial       what is learnt from: one row per episode, with the propensities as they were logged
scores      cross-fitted doubly robust scores, and average effects from them
final       the final stage: how the share of leavers that an action keeps differs between students
ladder      which level the evidence supports, and why
effects     what is served: the effect of each action for one student, with its interval
files       effects as a folder of plain files, and which of them serve a label
"""

from model.uplift.effects import Effects
from model.uplift.files import load, save, serve, served
from model.uplift.learning import Learnt, learn
from model.uplift.trial import NO_ACTION, Trial

__all__ = ["NO_ACTION", "Effects", "Learnt", "Trial", "learn", "load", "save", "serve", "served"]
