from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A database with the tables and nothing in them."""
    store = Store(f"sqlite:///{tmp_path / 'handrail.db'}")
    store.migrate()
    yield store
    store.close()
