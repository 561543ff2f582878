"""The journey of uplift: what each action does, how much of that may decide, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from features.config import School
from features.lake import Lake
from handrail import journeys
from handrail.progress import shown
from handrail.settings import Settings
from handrail.trials import trial_of

if TYPE_CHECKING:
    from experiments.qini import Qini
    from model.uplift import Learnt, Trial


@dataclass(frozen=True)
class UpliftReport:
    """What a learning of effects came to.

    Attributes:
        label: its name.
        rows, randomised: of the trial.
        learnt: the effects, at the level that the evidence supports.
        left_out: decisions that nothing could be learnt from, by reason.
        qini: what choosing by the effects gains in students not seen; None where nothing is measured.
        run_id: of the MLflow run.
        version: of the effects that are in force now.
    """

    label: str
    rows: int
    randomised: int
    learnt: Learnt
    left_out: Mapping[str, int]
    qini: Qini | None
    run_id: str
    version: str

    def words(self) -> str:
        """For people: the level, why, and the average effects."""
        from model.uplift.card import LEVELS_IN_WORDS, in_words

        level = self.learnt.level
        marks = {True: "taken", False: "not taken", None: "not asked"}
        lines = [
            f"{self.label}: level {level}, {LEVELS_IN_WORDS[level]} (effects {self.version}, run {self.run_id})",
            f"learnt from {self.rows:,} first decisions of episodes; chance had a part in {self.randomised:,}",
            *(f"  left out: {count:,} x {reason}" for reason, count in sorted(self.left_out.items()) if count),
            "average effect on being retained:",
            *(f"  {name:<22} {in_words(one)}" for name, one in self.learnt.ate.items()),
            "the ladder:",
            *(f"  {step.level} {marks[step.taken]}: {step.why}" for step in self.learnt.ladder),
        ]
        if self.qini:
            low, high = self.qini.gain.interval()
            lines.append(
                f"chosen by these effects, at our capacity: {self.qini.gain.value:+.2%} ({low:+.2%} to {high:+.2%})"
            )
        lines.append("Next: handrail nightly" if level != "L0" else "The rules go on deciding")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "label": self.label,
            "level": self.learnt.level,
            "version": self.version,
            "run_id": self.run_id,
            "rows": self.rows,
            "randomised_rows": self.randomised,
            "left_out": dict(self.left_out),
            "average_effects": {name: one.as_dict() for name, one in self.learnt.ate.items() if one.rows},
            "ladder": [step.as_dict() for step in self.learnt.ladder],
        }


def train(settings: Settings, name: str | None, until: date | None, seed: int, *, quiet: bool = False) -> UpliftReport:
    """Learns what each action does, and lets as much of it decide as the evidence supports.

    Args:
        settings: of the school.
        name: of the label; None is the one served.
        until: only what was known before this day is used; None is all.
        seed: the same seed and data make the same effects.
        quiet: show no progress.

    Raises:
        NotReady: there is no decision with a known outcome that chance had a part in.
        BadConfig: uplift.toml cannot be used.
    """
    from dataclasses import replace

    from model.uplift import learn, serve
    from model.uplift.card import effects_card

    school, definition = settings.school, journeys.served_label(settings.school, name)
    wanted = uplift_settings(school)
    trial, left_out = trial_of(settings, definition, until, seed, quiet=quiet)
    with shown("effects", quiet=quiet):
        learnt = learn(trial, wanted, seed=seed)
    meta = {**learnt.effects.meta, "label": definition.name, "label_version": definition.version}
    learnt = replace(learnt, effects=replace(learnt.effects, meta=meta))
    card = effects_card(learnt, trial, definition.name, definition.horizon_days, left_out)
    qini = _qini(trial, learnt, wanted)
    run_id = _written_down(settings, trial, learnt, card, qini, wanted, seed)
    version = serve(settings.home, definition.name, learnt.effects, card).version
    return UpliftReport(definition.name, len(trial), trial.randomised, learnt, dict(left_out), qini, run_id, version)


def uplift_settings(school: School) -> dict[str, Any]:
    """configs/uplift.toml, with what staying is worth and what actions cost taken from value.toml and actions.toml."""
    value, actions = school.config("value"), school.config("actions")["action"]
    minute = value["effort"]["minute_minor"]
    costs = {name: one["unit_cost_minor"] + minute * one["minutes"] for name, one in actions.items()}
    return {**school.config("uplift"), "value": {"margin_minor": value["margin"]["minor"], "cost_minor": costs}}


def _qini(trial: Trial, learnt: Learnt, config: Mapping[str, Any]) -> Qini | None:
    """What a ranking by the effects gains, where everything was possible for everybody."""
    import numpy as np

    from experiments.qini import Judge
    from model.uplift.settings import UpliftSettings

    places = [trial.actions.index(name) for name in learnt.effects.actions[1:]]
    gains = learnt.gamma[:, places] - learnt.gamma[:, :1]
    judged = np.isfinite(gains).all(axis=1)
    if not places or not judged.any():
        return None
    share = UpliftSettings.of(config).capacity.share
    judge = Judge(gains[judged], np.ones(len(places)), trial.student[judged], share, 1.0)
    return judge.qini(learnt.tau[learnt.level][judged])


def _written_down(
    settings: Settings,
    trial: Trial,
    learnt: Learnt,
    card: str,
    qini: Qini | None,
    config: Mapping[str, Any],
    seed: int,
) -> str:
    """An MLflow run with settings, figures, words and files."""
    from model.registry import Registry
    from model.uplift import save

    lake = Lake(settings.school.lake, settings.school.zone)
    label = str(learnt.effects.meta["label"])
    params = {f"{table}.{key}": value for table, row in config.items() for key, value in row.items()}
    tags = {"level": learnt.level, **{f"ladder.{step.level}": step.why for step in learnt.ladder}}
    with TemporaryDirectory() as folder:
        saved = save(learnt.effects, Path(folder, "effects"), card)
        return Registry(settings.home, settings.mlflow_uri, {"lake": lake.version}).log_effects(
            label,
            Path(folder, "effects"),
            params={**params, "seed": seed, "features": len(trial.features)},
            metrics=_figures(trial, learnt, qini),
            tags={**tags, "effects": saved.version},
            card=card,
        )


def _figures(trial: Trial, learnt: Learnt, qini: Qini | None) -> dict[str, float]:
    figures: dict[str, float] = {"rows": len(trial), "randomised_rows": trial.randomised}
    for name, one in learnt.ate.items():
        figures |= {f"ate.{name}.{key}": value for key, value in one.as_dict().items()}
    for step in learnt.ladder:
        figures |= {f"{step.level}.{key}": value for key, value in step.figures.items()}
    for name, effect in learnt.effects.of_action.items():
        figures |= {f"kept.{name}": effect.kept.share, f"kappa.{name}": effect.kappa}
    if qini:
        figures |= {"qini.area": qini.area.value, "qini.gain": qini.gain.value}
    return figures
