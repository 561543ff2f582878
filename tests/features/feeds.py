"""A feed that dies: rows of a table are taken out of a lake, as if they had never been delivered."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import date

import pandas as pd

from features.clock import day_number
from features.lake import Lake


def cut(lake: Lake, tables: Collection[str], since: date) -> None:
    """Takes out what some tables were told on a day or later; the files get other names, for a lake's never change."""
    path = lake.root / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    for entry in manifest["files"]:
        if entry["table"] in tables:
            rows = pd.read_parquet(lake.root / entry["path"])
            kept = rows[rows["known_day"] < day_number(since)]
            entry["path"] = entry["path"].replace(".parquet", "-cut.parquet")
            kept.to_parquet(lake.root / entry["path"], index=False)
            entry |= {"rows": len(kept), "last_known_day": int(kept["known_day"].max())}
    path.write_text(json.dumps(manifest), "utf-8")
