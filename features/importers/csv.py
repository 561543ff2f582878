"""Any school's exports (CSV, JSON lines, Parquet), through a mapping file that says which heading is which column."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from features.config import School
from features.importers import mapping as mappings
from features.importers.inputs import Progress, digest, present, silent
from features.importers.intake import Intake
from features.importers.table_file import chunks, prove
from features.lake import ImportReport, Lake


def load(school: School, mapping: Path, progress: Progress | None = None) -> ImportReport:
    """Imports the exports that a mapping file names.

    Args:
        school: where to.
        mapping: TOML; `configs/csv-mapping.example.toml` shows all of it.
        progress: told how many bytes are read.

    Returns:
        What was read, kept and set aside.

    Raises:
        BadConfig: the mapping cannot be used; all its faults are named.
        BadInput: a file is missing, empty, in another encoding or without a heading, or every row of it fails for
            the same reason; then nothing is added.
    """
    blocks = mappings.read(mapping)
    files = [present(file) for block in blocks for file in block.files]
    settings = [{**asdict(block), "files": len(block.files)} for block in blocks]
    lake = Lake(school.lake, school.zone)
    name = digest("csv", {"blocks": settings, "zone": school.zone}, files)
    if lake.already_added(name):
        return ImportReport("csv", repeated=True)
    for block in blocks:
        for file in block.files:
            prove(file, block, mapping.name)
    total, done = sum(file.stat().st_size for file in files), 0
    tell = progress or silent
    with lake.adding("csv", name) as batch:
        for block in blocks:
            for file in block.files:
                one = Intake(batch, block, file.name, mapping.name)
                for chunk in chunks(file, block, mapping.name):
                    one.add(chunk)
                    tell(done + chunk.bytes_read, total, file.name)
                one.refuse_if_all_fail()
                done += file.stat().st_size
    return batch.report
