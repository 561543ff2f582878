"""The notebooks on OULAD, a school without contacts and without an experiment: words instead of errors."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from handrail import journeys
from tests.conftest import settings_of
from tests.notebooks.kernel import coloured, run_all

DATA = os.environ.get("HANDRAIL_TEST_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="real data is not here: make test-real DATA=DIR")


def test_every_notebook_runs_on_oulad(tmp_path):
    settings = settings_of(tmp_path / "oulad")
    journeys.import_data(settings, "oulad", Path(str(DATA)) / "oulad", quiet=True)
    journeys.train(settings, "withdrawal_28d", date(2014, 6, 1), 1, quiet=True)
    journeys.promote(settings, "withdrawal_28d", None, "real data, in a test")
    journeys.nightly(settings, date(2014, 11, 5), quiet=True)

    ran = run_all(settings.home)

    assert [error for cells in ran.values() for cell in cells for error in cell.errors] == []
    for name, cells in ran.items():
        images = [image for cell in cells for image in cell.images]
        assert images, name
        assert all(coloured(image) > 0.001 for image in images), name
    assert "No experiment was run" in "".join(cell.words for cell in ran["05_readout"])
