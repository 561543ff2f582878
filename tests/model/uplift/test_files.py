from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest

from features.errors import BadInput, NotFound
from model.uplift import learn, load, save, serve, served
from model.uplift.files import folder_of

LABEL = "withdrawal_28d"


@pytest.fixture
def folder(served_at, tmp_path):
    save(served_at["L3"], tmp_path / "effects", "# Card\n")
    return tmp_path / "effects"


@pytest.mark.parametrize("level", ["L1", "L2", "L3"])
def test_what_is_read_is_what_was_written(served_at, linear, level, tmp_path):
    saved = save(served_at[level], tmp_path / "one")
    again = load(tmp_path / "one")
    assert (again.version, again.level, again.actions) == (saved.version, level, saved.actions)
    x, risk = linear.trial.x[:100], linear.trial.risk[:100]
    assert all(np.array_equal(a, b) for a, b in zip(again.of(x, risk), saved.of(x, risk), strict=True))
    assert save(again, tmp_path / "two").version == saved.version


def test_the_same_rows_and_seed_make_the_same_bytes(linear, settings, served_at, tmp_path):
    again = learn(linear.trial, settings, seed=1, level="L3").effects
    assert save(again, tmp_path / "one").version == save(served_at["L3"], tmp_path / "two").version


def a_digit(folder):
    path = folder / "trees-care_sms.txt"
    path.write_text(path.read_text().replace("leaf_value=", "leaf_value=1", 1))


DAMAGE = {
    "trees-care_sms.txt is damaged": a_digit,
    "holds other files": lambda folder: (folder / "model.pkl").write_bytes(b"\x80\x04."),
    "than its manifest names": lambda folder: (folder / "golden.json").unlink(),
    "MANIFEST.json is missing": lambda folder: (folder / "MANIFEST.json").unlink(),
    "CARD.md is damaged": lambda folder: (folder / "CARD.md").write_text("better than all others"),
}


@pytest.mark.parametrize("said", DAMAGE)
def test_a_damaged_bundle_is_refused(folder, said):
    DAMAGE[said](folder)
    with pytest.raises(BadInput, match=said):
        load(folder)


def test_other_numbers_with_the_right_hashes_are_refused(folder):
    plain = json.loads((folder / "effects.json").read_text())
    plain["of_action"]["care_sms"]["kappa"] = 0.123
    (folder / "effects.json").write_text(json.dumps(plain))
    hashes = json.loads((folder / "MANIFEST.json").read_text())
    hashes["effects.json"] = hashlib.sha256((folder / "effects.json").read_bytes()).hexdigest()
    (folder / "MANIFEST.json").write_text(json.dumps(hashes))
    with pytest.raises(BadInput, match="made-up rows get other effects"):
        load(folder)


def test_what_is_not_there(tmp_path):
    with pytest.raises(NotFound):
        load(tmp_path / "nowhere")
    assert served(tmp_path, LABEL) is None


def test_the_pointer_follows_and_rules_come_back(tmp_path, served_at, settings, linear):
    put = serve(tmp_path, LABEL, served_at["L2"], "# Card\n")
    assert served(tmp_path, LABEL).version == put.version
    assert served(tmp_path, "inactivity_14d") is None
    nothing = learn(linear.trial, settings, seed=1, level="L0").effects
    down = serve(tmp_path, LABEL, nothing, "# Why not\n")
    assert served(tmp_path, LABEL) is None
    assert (folder_of(tmp_path, LABEL, down.version) / "CARD.md").read_text() == "# Why not\n"
    serve(tmp_path, LABEL, served_at["L2"], "# Card\n")
    shutil.rmtree(folder_of(tmp_path, LABEL, put.version))
    with pytest.raises(NotFound):
        served(tmp_path, LABEL)
