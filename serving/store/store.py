"""The store: one object with everything that must not be lost."""

from __future__ import annotations

from serving.store.books import Books
from serving.store.capacity import Capacity
from serving.store.decisions import Decisions
from serving.store.health import Healths
from serving.store.nights import Nights
from serving.store.people import People
from serving.store.policies import Policies
from serving.store.reports import Reports


class Store(Decisions, Policies, Books, Capacity, Nights, Healths, Reports, People):
    """Everything that must not be lost, in one database.

    Call `migrate` once after opening; `check` says whether that was done.
    """
