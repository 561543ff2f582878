"""A policy whose files are broken gives way to the one before, and what is decided by that can be made again."""

from __future__ import annotations

from types import SimpleNamespace

from features.config import School
from serving.decide import Margins
from serving.policies import policy_in_force


def test_effects_that_come_while_the_files_are_broken_are_kept_with_their_policy(tmp_path, store) -> None:
    school = School(tmp_path)
    before, fault = policy_in_force(school, store, None)
    assert fault is None
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "gates.toml").write_text("[holdout]\nshare = 2\n")
    effects = SimpleNamespace(level="L2", version="effects of today")
    now, fault = policy_in_force(school, store, effects)
    assert "holdout" in fault
    assert (now.level, now.gates) == ("L2", before.gates)
    assert store.policy_contents(now.version) is not None, "its decisions could not be made again"
    margin = Margins.from_config(store.policy_contents(now.version)["value"]).of("c1", 0.5)
    assert margin > 0
