"""Writes docs/reference: the tables and the features, from the code that holds them. `make docs` runs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from features.catalogue import FEATURES
from features.config import DEFAULTS, read_toml
from features.contracts import TABLES
from features.contracts.tables import Column
from features.labels import LABELS
from serving.decide.actions import Catalogue
from serving.decide.cascade import REASONS
from serving.decide.config import Faults, Table
from serving.decide.stages import STAGES, Cascade, diagram
from tests.spec.features_drawn import DRAWN

REFERENCE = Path(__file__).parent / "reference"


def contracts() -> str:
    """The tables that data comes in by."""
    lines = [
        "# Tables",
        "",
        "What the lake holds, and what a mapping of `handrail import csv` may fill. Every row has `known_at`: when the",
        "school could have known it. Students, courses, enrolments and assignments are kept as versions.",
    ]
    for table in TABLES.values():
        lines += ["", f"## {table.name}", "", f"One row: {table.text}. Named by `{', '.join(table.key)}`.", ""]
        lines += ["| column | kind | needed | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{name}` | {_kind(column)} | {_needed(column)} | {column.text} |"
            for name, column in table.columns.items()
        ]
    return "\n".join(lines) + "\n"


def _kind(column: Column) -> str:
    if column.choices:
        return "one of " + ", ".join(f"`{choice}`" for choice in column.choices)
    bounds = [f"{text} {bound:g}" for text, bound in (("from", column.low), ("to", column.high)) if bound is not None]
    return " ".join([column.kind, *bounds])


def _needed(column: Column) -> str:
    if column.default is not None:
        return f"no; then `{str(column.default).lower()}`"
    return "yes" if column.required else "no"


def features() -> str:
    """The catalogue, with the drawn tables that are its evidence."""
    lines = [
        "# Features and labels",
        "",
        "All of them are as known at the start of the cut-off day, in the school's own zone. A window is",
        "[cut-off - days, cut-off). The tables are tests, run for a whole school, for one student and with",
        "fresh events. In them a date alone is noon of that day, a row is known when it happened unless it has a",
        "`known_at`, and `-` is unknown. Unless it is drawn, the course goes from 1 March to 1 June 2026 and everybody",
        "enrolled on 20 February.",
        "",
        "## Labels",
        "",
        "| label | version | horizon | definition |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{one.name}` | {one.version} | {one.horizon_days} days | {one.text} |" for one in LABELS.values()]
    for family in dict.fromkeys(feature.family for feature in FEATURES.values()):
        lines += ["", f"## {family}"]
        for feature in FEATURES.values():
            if feature.family == family:
                window = f"{feature.window_days} days" if feature.window_days else "the whole enrolment"
                words = feature.meaning
                lines += ["", f"### {feature.name}", "", f"{words['en']} · {words['ru']} · {words['zh']}", ""]
                lines += [f"Unit: {feature.unit}; window: {window}; from: {', '.join(feature.tables)}."]
                lines += list(_drawn(feature.name))
    return "\n".join(lines) + "\n"


def _drawn(name: str) -> Iterator[str]:
    for drawn in DRAWN:
        if drawn.feature == name:
            yield from ("", f"As of {drawn.as_of}: {drawn.says}.", "", "```")
            for table, text in drawn.tables.items():
                yield from (f"{table}:", text.strip(), "")
            yield from (f"{name}:", drawn.expect.strip(), "```")


def cascade() -> str:
    """The cascade: its diagram, its steps and why it says no."""
    settings = read_toml(DEFAULTS / "gates.toml")
    with Faults() as faults:
        catalogue = Catalogue.from_config(read_toml(DEFAULTS / "actions.toml"), FEATURES, faults)
        found = Cascade.read(Table("gates.toml", settings, faults), catalogue)
    lines = [
        "# The cascade",
        "",
        "Gate G4: reminder, simple step, help of a person, suggestion of a pause. Where a student stands is worked",
        "out anew from the contacts and the days of study whenever somebody asks; nothing of it is stored. Settings:",
        "`[cascade]` in configs/gates.toml.",
        "",
        "```mermaid",
        *diagram().splitlines(),
        "```",
        "",
        "An arrow with the name of a stage is a contact of that stage, whoever made it. Whoever asked not to be",
        "contacted at all is left alone in every state: that is the matter of G1 and G2.",
        "",
        "| stage | actions | other contacts, by channel | may work for |",
        "|---|---|---|---|",
        *(_stage(found, stage) for stage in STAGES),
        "",
        "| change of channel | after | status | hours after it | proposes |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{one.name}` | {one.after_channel} | `{one.status}` | {_hours(one.after)} | `{one.action}` |"
        for one in found.switches
    ]
    lines += ["", "| setting | default |", "|---|---|"]
    lines += [f"| `{key}` | {value} |" for key, value in settings["cascade"].items() if not isinstance(value, dict)]
    lines += ["", "| reason of the record | meaning |", "|---|---|"]
    lines += [f"| `{reason}` | {text} |" for reason, text in REASONS.items()]
    return "\n".join(lines) + "\n"


def _stage(found: Cascade, stage: str) -> str:
    actions = ", ".join(f"`{action}`" for action, of in found.stage_of.items() if of == stage)
    channels = ", ".join(channel for channel, of in found.by_channel.items() if of == stage)
    return f"| `{stage}` | {actions} | {channels or '-'} | {_hours(found.waits[stage])} hours |"


def _hours(length: timedelta) -> str:
    return f"{length.total_seconds() / 3600:g}"


PAGES = {"contracts.md": contracts, "features.md": features, "cascade.md": cascade}

if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), "utf-8")
