"""A released model: a folder of plain files that can be checked, read anywhere and served without the registry.

    booster.txt       the trees, LightGBM's own text
    calibration.json  the map from the trees' to the served log-odds
    features.json     the features in order, with family and monotone constraint
    meta.json         label, horizon, trained until, versions, data, figures and gates
    reference.json    quantiles of each feature in the rows it learnt from
    golden.json       made-up rows with the answers they must get
    MODEL_CARD.md     the model card
    MANIFEST.json     SHA-256 of every other file

A damaged booster can crash the process that reads it, loop for ever or load with wrong numbers. So every file is
hashed first, and the golden rows are answered in a bare child process with a time limit before this process reads it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import lightgbm
import numpy as np

from features.errors import BadInput, NotFound
from model.calibration import NONE, Calibration
from model.risk import RiskModel

if TYPE_CHECKING:
    from features.labels import Label
    from model.dataset import Dataset

FILES = (
    "MODEL_CARD.md",
    "booster.txt",
    "calibration.json",
    "features.json",
    "golden.json",
    "meta.json",
    "reference.json",
)
MANIFEST = "MANIFEST.json"
GOLDEN_ROWS = 32
TOLERANCE = 1e-9  # log-odds; the same numbers up to the last digits of another machine's exp and log
QUANTILES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
NO_MODEL = "no-model"

_checked: set[str] = set()  # manifests whose golden rows were answered rightly, in this process's life

_CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
sys.modules.update(dict.fromkeys(("pandas", "pyarrow", "sklearn", "mlflow")))
def no_pickle(event, _):
    if event == "pickle.find_class":
        raise RuntimeError("a bundle must not need pickle")
sys.addaudithook(no_pickle)
from model.bundle import answer
sys.exit(answer(sys.argv[2]))
"""


@dataclass(frozen=True)
class Bundle:
    """A released model in memory.

    Attributes:
        model: trees and calibration.
        families: feature -> family.
        monotone: feature -> -1, 0 or 1, as fitted.
        meta: what is known about it; plain values.
        reference: quantiles of each feature in the rows it learnt from.
        golden: made-up `rows` (g, f), their `scores` and `contributions`.
        version: name of its content, the first 12 digits of the manifest's SHA-256.
    """

    model: RiskModel
    families: Mapping[str, str]
    monotone: Mapping[str, int]
    meta: Mapping[str, Any]
    reference: Mapping[str, Any]
    golden: Mapping[str, np.ndarray]
    version: str

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the columns."""
        return self.model.features

    @property
    def label(self) -> str:
        """Name of the label."""
        return str(self.meta["label"])

    @property
    def label_version(self) -> int:
        """Version of the label."""
        return int(self.meta["label_version"])

    @property
    def horizon_days(self) -> int:
        """Days the risk looks ahead."""
        return int(self.meta["horizon_days"])

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        """Served log-odds; see `RiskModel.log_odds`."""
        return self.model.log_odds(x)

    def score(self, x: np.ndarray) -> np.ndarray:
        """Probability of the event within the horizon; see `RiskModel.score`."""
        return self.model.score(x)

    def contributions(self, x: np.ndarray) -> np.ndarray:
        """Exact TreeSHAP in served log-odds, base last; see `RiskModel.contributions`."""
        return self.model.contributions(x)


def without_model(label: Label) -> Bundle:
    """What stands where a model would while a school has not enough data for one: no risk for anybody, rules decide."""
    meta = {
        "label": label.name,
        "label_version": label.version,
        "horizon_days": label.horizon_days,
        "risk_percentiles": [1.0] * 101,
    }
    nothing = RiskModel(cast("lightgbm.Booster", None), (), NONE)  # without features it is never asked about a row
    return Bundle(nothing, {}, {}, meta, {}, {}, NO_MODEL)


def reference_of(part: Dataset) -> dict[str, Any]:
    """Quantiles and missing share of each feature, which golden rows are made of; no student's row among them."""
    found = {}
    for name, column in zip(part.features, part.x.T, strict=True):
        known = column[~np.isnan(column)]
        quantiles = np.quantile(known, QUANTILES).tolist() if len(known) else []
        found[name] = {"missing": float(1 - len(known) / len(column)), "quantiles": quantiles}
    return {"rows": len(part), "probabilities": list(QUANTILES), "features": found}


def golden_rows(features: tuple[str, ...], reference: Mapping[str, Any]) -> np.ndarray:
    """Made-up rows, (GOLDEN_ROWS, f): all unknown, all in the middle, then a mix of quantiles, a fifth unknown."""
    generator = np.random.default_rng(0)
    rows = np.full((GOLDEN_ROWS, len(features)), np.nan)
    for column, name in enumerate(features):
        quantiles = reference["features"][name]["quantiles"]
        if quantiles:
            rows[1:, column] = generator.choice(quantiles, GOLDEN_ROWS - 1)
            rows[1, column] = quantiles[len(quantiles) // 2]
    rows[2:][generator.random((GOLDEN_ROWS - 2, len(features))) < 0.2] = np.nan
    return rows


def save(
    model: RiskModel,
    folder: Path,
    *,
    meta: Mapping[str, Any],
    reference: Mapping[str, Any],
    families: Mapping[str, str],
    monotone: Mapping[str, int],
    card: str,
) -> str:
    """Writes a bundle into an empty or new folder; equal contents make equal bytes.

    Args:
        model: to release.
        folder: to write into.
        meta: plain values, at least `label`, `label_version`, `horizon_days`, `trained_until` (ISO date) and
            `risk_percentiles` (101 risks of later time, from the lowest to the highest).
        reference: from `reference_of`.
        families: feature -> family.
        monotone: feature -> -1, 0 or 1, as fitted.
        card: the model card, Markdown.

    Returns:
        The bundle's version.
    """
    rows = golden_rows(model.features, reference)
    golden = {
        "rows": [[None if np.isnan(value) else value for value in row] for row in rows.tolist()],
        "scores": model.score(rows).tolist(),
        "contributions": model.contributions(rows).tolist(),
    }
    order = [
        {"name": name, "family": families.get(name, ""), "monotone": int(monotone.get(name, 0))}
        for name in model.features
    ]
    contents = {
        "MODEL_CARD.md": card,
        "booster.txt": model.booster.model_to_string(),
        "calibration.json": _json(model.calibration.as_dict()),
        "features.json": _json(order),
        "golden.json": _json(golden),
        "meta.json": _json(meta),
        "reference.json": _json(reference),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (folder / name).write_bytes(text.encode())
    manifest = _json({name: hashlib.sha256(text.encode()).hexdigest() for name, text in contents.items()}).encode()
    (folder / MANIFEST).write_bytes(manifest)
    return _version(manifest)


def load(folder: Path, seconds: float = 60.0) -> Bundle:
    """Reads a bundle after checking it: hashes, names, then golden rows in a child process.

    The child is spared when this process has seen it pass the very same manifest before.

    Args:
        folder: of the bundle.
        seconds: the child's time limit.

    Raises:
        NotFound: there is no such folder.
        BadInput: the bundle is damaged, holds a file that is not of a bundle, or gives other answers than it must.
    """
    contents = _read(folder)
    name = hashlib.sha256(contents[MANIFEST]).hexdigest()
    if name not in _checked:
        golden_bytes_in_child(folder, seconds)
        _checked.add(name)
    return _open(contents, folder)


def version_of(folder: Path) -> str:
    """The version of the bundle in a folder, unchecked; empty when there is none."""
    path = folder / MANIFEST
    return _version(path.read_bytes()) if path.is_file() else ""


def golden_bytes(model: RiskModel, rows: np.ndarray) -> bytes:
    """Scores, then contributions of golden rows (g, f), as little-endian doubles."""
    return model.score(rows).astype("<f8").tobytes() + model.contributions(rows).astype("<f8").tobytes()


def golden_bytes_in_child(folder: Path, seconds: float) -> bytes:
    """`golden_bytes` from a bare process that checks the bundle and that refuses pickle.

    Raises:
        BadInput: it refused, crashed or did not finish in time.
    """
    rooms = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-I", "-c", _CHILD, str(rooms), str(folder.resolve())]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise _refusal(folder, f"reading it takes more than {seconds:g} s") from error
    if done.returncode == 0:
        return bytes.fromhex(done.stdout.decode().splitlines()[-1])
    said = done.stderr.decode(errors="replace").strip().splitlines()
    why = said[-1] if said and done.returncode == 1 else f"reading it crashes a process (exit {done.returncode})"
    raise _refusal(folder, why)


def answer(folder: str) -> int:
    """What the child does: reads the bundle, holds the golden rows against what they must get, prints the bytes."""
    path = Path(folder)
    try:
        bundle = _open(_read(path), path)
        for name, found in (("scores", bundle.score), ("contributions", bundle.contributions)):
            off = np.abs(found(bundle.golden["rows"]) - bundle.golden[name])
            if not (off <= TOLERANCE).all():
                raise BadInput(f"its golden rows get other {name} than they must")
    except (BadInput, lightgbm.basic.LightGBMError) as error:
        print(error.what if isinstance(error, BadInput) else f"LightGBM: {error}", file=sys.stderr)
        return 1
    print(golden_bytes(bundle.model, bundle.golden["rows"]).hex())
    return 0


def _read(folder: Path) -> dict[str, bytes]:
    """The bytes of every file, after holding them against the manifest."""
    if not folder.is_dir():
        raise NotFound("there is no such bundle", where=str(folder), mend="Train and promote a model first")
    for entry in sorted(folder.iterdir()):
        if entry.name not in (*FILES, MANIFEST) or entry.is_symlink() or not entry.is_file():
            raise _refusal(folder, f"{entry.name} is not a file of a bundle")
    try:
        contents = {name: (folder / name).read_bytes() for name in (*FILES, MANIFEST)}
        hashes = json.loads(contents[MANIFEST])
    except FileNotFoundError as error:
        raise _refusal(folder, f"{Path(error.filename).name} is missing") from error
    except ValueError as error:
        raise _refusal(folder, f"{MANIFEST} is not JSON") from error
    if not isinstance(hashes, dict) or sorted(hashes) != sorted(FILES):
        raise _refusal(folder, f"{MANIFEST} names other files than a bundle has")
    for name in FILES:
        if hashlib.sha256(contents[name]).hexdigest() != hashes[name]:
            raise _refusal(folder, f"{name} is damaged: its SHA-256 is not the one in {MANIFEST}")
    return contents


def _open(contents: Mapping[str, bytes], folder: Path) -> Bundle:
    try:
        plain = {name: json.loads(contents[name]) for name in FILES if name.endswith(".json")}
        names = tuple(str(feature["name"]) for feature in plain["features.json"])
        calibration = Calibration.of(plain["calibration.json"])
        golden = {key: np.array(values, "float64") for key, values in plain["golden.json"].items()}
        meta = plain["meta.json"]
        fits = (
            all(isinstance(meta[key], int) for key in ("label_version", "horizon_days"))
            and all(isinstance(meta[key], str) for key in ("label", "trained_until"))
            and _are_percentiles(np.array(meta["risk_percentiles"], "float64"))
            and golden["rows"].shape == (GOLDEN_ROWS, len(names))
            and golden["scores"].shape == (GOLDEN_ROWS,)
            and golden["contributions"].shape == (GOLDEN_ROWS, len(names) + 1)
        )
        families = {feature["name"]: str(feature["family"]) for feature in plain["features.json"]}
        monotone = {feature["name"]: int(feature["monotone"]) for feature in plain["features.json"]}
        booster_text = contents["booster.txt"].decode()
    except (ValueError, KeyError, TypeError, AttributeError, BadInput) as error:
        raise _refusal(folder, f"a file does not hold what it should ({type(error).__name__}: {error})") from error
    if not (fits and booster_text.startswith("tree\n")):
        raise _refusal(folder, "a file does not hold what it should")
    booster = lightgbm.Booster(model_str=booster_text)
    if tuple(booster.feature_name()) != names:
        raise _refusal(folder, "features.json has other features, or another order, than booster.txt")
    model = RiskModel(booster, names, calibration)
    return Bundle(model, families, monotone, meta, plain["reference.json"], golden, _version(contents[MANIFEST]))


def _are_percentiles(risks: np.ndarray) -> bool:
    return risks.shape == (101,) and bool((np.diff(risks, prepend=0.0, append=1.0) >= -1e-12).all())


def _refusal(folder: Path, what: str) -> BadInput:
    if not folder.name.isdigit():
        return BadInput(what, where=f"bundle {folder}", mend="Train anew, or fetch it again with `handrail promote`")
    again = f"handrail promote --label {folder.parent.name} --version {folder.name}"  # without them: the challenger
    mend = f"Fetch it again with `{again}` (and --shadow, where it is the shadow), or train anew"
    return BadInput(what, where=f"bundle {folder}", mend=mend)


def _version(manifest: bytes) -> str:
    return hashlib.sha256(manifest).hexdigest()[:12]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"
