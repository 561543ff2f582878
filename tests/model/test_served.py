from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from features.errors import BadInput
from model import served

LABEL = "withdrawal_28d"


def test_serving_and_shadow_are_pointed_apart_and_by_label(tmp_path: Path, made_bundle: Path) -> None:
    for label, version in ((LABEL, 1), (LABEL, 2), ("refund_14d", 1)):
        shutil.copytree(made_bundle, served.folder_of(tmp_path, label, version))
    served.point(tmp_path, served.SERVED, LABEL, 1)
    served.point(tmp_path, served.SHADOW, LABEL, 2)
    served.point(tmp_path, served.SHADOW, "refund_14d", 1)
    assert served.served_bundle(tmp_path, LABEL).name == "1"
    assert served.shadow_bundle(tmp_path, LABEL) == tmp_path / "bundles" / LABEL / "2"
    served.point(tmp_path, served.SHADOW, LABEL, None)
    assert served.shadow_bundle(tmp_path, LABEL) is None
    assert served.shadow_bundle(tmp_path, "refund_14d") is not None
    assert json.loads((tmp_path / "bundles" / "served.json").read_text())[LABEL]["version"] == 1
    assert {one.name for one in (tmp_path / "bundles").iterdir() if one.is_file()} == {"served.json", "shadow.json"}


def test_a_broken_pointer_to_the_shadow_is_told(tmp_path: Path) -> None:
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles" / "shadow.json").write_text("{")
    with pytest.raises(BadInput, match="is not JSON"):
        served.shadow_bundle(tmp_path, LABEL)
