from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from features.errors import BadInput, NotFound
from model import bundle
from model.dataset import Split
from model.risk import RiskModel

Harm = Callable[[Path], None]


def text_of(name: str, change: Callable[[str], str]) -> Harm:
    def harm(folder: Path) -> None:
        before = (folder / name).read_text("utf-8")
        after = change(before)
        assert after != before
        (folder / name).write_text(after, "utf-8")

    return harm


def json_of(name: str, change: Callable[[dict], object]) -> Harm:
    def edited(text: str) -> str:
        value = json.loads(text)
        change(value)
        return json.dumps(value)

    return text_of(name, edited)


def next_digit(text: str, pattern: str) -> str:
    at = re.search(pattern, text).end()
    return text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]


class Booby:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.marker),)


def pickled(folder: Path) -> None:
    (folder / "booster.txt").write_bytes(pickle.dumps(Booby(folder.parent / "marker")))


def linked(folder: Path) -> None:
    outside = folder.parent / "outside.json"
    shutil.move(folder / "meta.json", outside)
    (folder / "meta.json").symlink_to(outside)


DAMAGED: dict[str, tuple[Harm, str]] = {
    "booster cut": (text_of("booster.txt", lambda text: text[:5000]), "booster.txt is damaged"),
    "booster empty": (text_of("booster.txt", lambda _: ""), "booster.txt is damaged"),
    "a digit of a leaf": (text_of("booster.txt", lambda text: next_digit(text, r"leaf_value=-?0\.0")), "is damaged"),
    "calibration": (
        json_of("calibration.json", lambda value: value.update(kind="beta")),
        "calibration.json is damaged",
    ),
    "features swapped": (json_of("features.json", lambda value: value.reverse()), "features.json is damaged"),
    "golden rows": (json_of("golden.json", lambda value: value["scores"].reverse()), "golden.json is damaged"),
    "the card": (text_of("MODEL_CARD.md", lambda text: text + "better than all others"), "MODEL_CARD.md is damaged"),
    "a file more": (lambda folder: (folder / "model.pkl").write_bytes(b"\x80\x04."), "model.pkl is not a file"),
    "python beside": (lambda folder: (folder / "loader.py").write_text("import os"), "loader.py is not a file"),
    "a folder more": (lambda folder: (folder / "code").mkdir(), "code is not a file of a bundle"),
    "a file less": (lambda folder: (folder / "reference.json").unlink(), "reference.json is missing"),
    "no manifest": (lambda folder: (folder / "MANIFEST.json").unlink(), "MANIFEST.json is missing"),
    "manifest cut": (text_of("MANIFEST.json", lambda text: text[:100]), "MANIFEST.json is not JSON"),
    "manifest a list": (text_of("MANIFEST.json", lambda _: "[]"), "names other files"),
    "manifest less": (json_of("MANIFEST.json", lambda value: value.pop("golden.json")), "names other files"),
    "manifest outside": (json_of("MANIFEST.json", lambda value: value.update({"../x": "0"})), "names other files"),
    "a link": (linked, "meta.json is not a file of a bundle"),
    "a pickle": (pickled, "booster.txt is damaged"),
}

# The same harm with a manifest made again to match: hashes pass, what is inside has to be refused.
ENDLESS = "a child that points back"
REMADE: dict[str, tuple[Harm, str]] = {
    "a digit of a leaf": (
        text_of("booster.txt", lambda text: next_digit(text, r"leaf_value=-?0\.0")),
        "golden rows get other",
    ),
    "a split": (text_of("booster.txt", lambda text: next_digit(text, r"split_feature=")), "golden rows get other"),
    "booster cut": (text_of("booster.txt", lambda text: text[: len(text) // 2]), "reading it "),
    "booster header only": (text_of("booster.txt", lambda text: text[:200]), "LightGBM: "),
    ENDLESS: (
        text_of("booster.txt", lambda text: re.sub(r"left_child=\S+", "left_child=0", text)),
        "reading it ",
    ),
    "a pickle": (pickled, "does not hold what it should"),
    "calibration": (json_of("calibration.json", lambda value: value["numbers"].reverse()), "golden rows get other"),
    "a slope that turns": (json_of("calibration.json", lambda value: value.update(numbers=[-1, 0])), "does not hold"),
    "features swapped": (json_of("features.json", lambda value: value.reverse()), "another order, than booster.txt"),
    "features gone": (json_of("features.json", lambda value: value.pop()), "does not hold what it should"),
    "golden rows gone": (json_of("golden.json", lambda value: value.pop("rows")), "does not hold what it should"),
    "no label": (json_of("meta.json", lambda value: value.pop("label")), "does not hold what it should"),
    "percentiles upside down": (
        json_of("meta.json", lambda value: value["risk_percentiles"].reverse()),
        "does not hold what it should",
    ),
    "percentiles not numbers": (
        json_of("meta.json", lambda value: value.update(risk_percentiles=["high"])),
        "does not hold what it should",
    ),
    "meta a list": (text_of("meta.json", lambda _: "[]"), "does not hold what it should"),
}


def remake_manifest(folder: Path) -> None:
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in bundle.FILES}
    (folder / bundle.MANIFEST).write_text(json.dumps(hashes))


def test_what_is_loaded_is_what_was_saved(made_bundle: Path, risk_model: RiskModel, parts: Split) -> None:
    loaded, rows = bundle.load(made_bundle), parts.test.x[:300]
    assert np.array_equal(loaded.score(rows), risk_model.score(rows))
    assert np.array_equal(loaded.contributions(rows), risk_model.contributions(rows))
    assert (loaded.features, loaded.label, loaded.label_version) == (parts.test.features, "withdrawal_28d", 1)
    assert (loaded.horizon_days, loaded.families["clicks_7d"]) == (28, "activity")
    assert loaded.version == bundle.version_of(made_bundle) != ""


def test_golden_rows_are_made_up_and_have_unknown_values(made_bundle: Path, parts: Split) -> None:
    golden = bundle.load(made_bundle).golden["rows"]
    assert np.isnan(golden[0]).all()
    assert np.isnan(golden[2:]).any()
    assert not np.isnan(golden[1]).any()
    students = {row.tobytes() for row in parts.fit.x}
    assert not any(row.tobytes() in students for row in golden)


def test_equal_models_make_equal_bytes(
    made_bundle: Path, tmp_path: Path, risk_model: RiskModel, parts: Split, families: Mapping, monotone: Mapping
) -> None:
    meta = json.loads((made_bundle / "meta.json").read_text())
    again = bundle.save(
        risk_model,
        tmp_path / "again",
        meta=meta,
        reference=bundle.reference_of(parts.fit),
        families=families,
        monotone=monotone,
        card="# Model card\n",
    )
    assert again == bundle.version_of(made_bundle)
    for name in (*bundle.FILES, bundle.MANIFEST):
        assert (tmp_path / "again" / name).read_bytes() == (made_bundle / name).read_bytes()


@pytest.mark.parametrize("harm", DAMAGED)
def test_a_damaged_bundle_is_refused_before_it_is_read(bundle_copy: Path, harm: str) -> None:
    change, words = DAMAGED[harm]
    change(bundle_copy)
    with pytest.raises(BadInput, match=re.escape(words)) as refusal:
        bundle.load(bundle_copy)
    assert "handrail promote" in refusal.value.mend
    assert not (bundle_copy.parent / "marker").exists()


@pytest.mark.parametrize("harm", REMADE)
def test_harm_behind_a_matching_manifest_is_refused_in_a_child(bundle_copy: Path, harm: str) -> None:
    change, words = REMADE[harm]
    change(bundle_copy)
    remake_manifest(bundle_copy)
    with pytest.raises(BadInput, match=re.escape(words)):
        bundle.load(bundle_copy, seconds=3 if harm == ENDLESS else 60)
    assert not (bundle_copy.parent / "marker").exists()


def test_a_bundle_harmed_after_it_was_checked_is_refused(bundle_copy: Path) -> None:
    bundle.load(bundle_copy)
    text_of("booster.txt", lambda text: next_digit(text, r"leaf_value=-?0\.0"))(bundle_copy)
    with pytest.raises(BadInput, match=r"booster.txt is damaged"):
        bundle.load(bundle_copy)


def test_a_child_that_takes_too_long_is_ended(made_bundle: Path) -> None:
    with pytest.raises(BadInput, match=re.escape("takes more than 0.01 s")):
        bundle.golden_bytes_in_child(made_bundle, 0.01)


def test_there_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no such bundle"):
        bundle.load(tmp_path / "nowhere")
