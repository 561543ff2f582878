"""The policy of a school: as its files have it, or the one before where they cannot be used."""

from __future__ import annotations

from features.catalogue import FEATURES
from features.config import School
from features.errors import BadConfig
from model.uplift import Effects
from serving.decide import FILES, RULES_DECIDE, Policy
from serving.store import Store


def policy_of(school: School, effects: Effects | None = None) -> Policy:
    """The school's policy, as its files have it now.

    Args:
        school: whose.
        effects: the measured effects; without them the rules decide.

    Raises:
        BadConfig: names every fault of actions.toml, rules.toml, gates.toml and value.toml.
    """
    files = {name: school.config(name) for name in FILES}
    level, version = _step(effects)
    return Policy.from_config(files, FEATURES, locate=school.where, level=level, effects_version=version)


def policy_in_force(school: School, store: Store, effects: Effects | None) -> tuple[Policy, str | None]:
    """The school's policy; where its files cannot be used, the one that was in force before, and the fault.

    Raises:
        BadConfig: the files cannot be used, and there was no policy before.
    """
    fault = None
    try:
        policy = policy_of(school, effects)
    except BadConfig as error:
        before = store.last_policy()
        if before is None:
            raise
        level, version = _step(effects)
        contents = {**before[1], "level": level, "effects_version": version}
        policy, fault = Policy.from_contents(contents, FEATURES), str(error)
    # The one before too: with other effects it is a policy of its own.
    store.keep_policy(policy.version, policy.contents)
    return policy, fault


def _step(effects: Effects | None) -> tuple[str, str]:
    """The step of the ladder, and the version of what decides there."""
    return (effects.level, effects.version) if effects and effects.level != RULES_DECIDE else (RULES_DECIDE, "")
