"""Contacts: what was sent, opened and answered, and what a person did rather than a program."""

from __future__ import annotations

from typing import Any

from features.panes.relations import Tables, of_enrolments, ones, per_day, with_take_backs


def touches(tables: Tables) -> Any:
    """Contacts by how they went, as far as that was known."""
    rows = with_take_backs(of_enrolments(tables["touches"], tables["enrolments"]))
    went_out = rows.status != "failed"
    kinds = {
        "touches": went_out,
        "calls": went_out & (rows.channel == "call"),
        "personal": went_out & (rows.by.notnull() | (rows.channel == "call")),
        "touches_opened": rows.status.isin(["opened", "answered"]),
        "touches_answered": rows.status == "answered",
    }
    return per_day(rows, **{name: (rows.sign * ones(held)).sum() for name, held in kinds.items()})
