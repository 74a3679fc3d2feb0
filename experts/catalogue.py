"""The catalogue of experts: the folders `<env>/<tier>/` shipped here, and those that the user registered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genrl.demonstration_checks import check_env_id
from genrl.errors import InputError
from genrl.policies.actor import Actor
from genrl.training.atomic_files import replace_folder, write_json

from .cards import cache_folder, read_card

__all__ = ["available", "expert_card", "expert_folder", "load_expert", "register"]

SHIPPED = Path(__file__).parent


def available() -> dict[str, list[str]]:
    """The tiers of experts at hand for each task, shipped and registered.

    Example:
        >>> "expert" in available()["Ant-v4"]
        True
    """
    tiers: dict[str, set[str]] = {}
    for root in (SHIPPED, _registered()):
        for card in root.glob("*/*/card.json"):
            env_id = card.parent.parent.name.replace("__", "/")
            tiers.setdefault(env_id, set()).add(card.parent.name)
    return {env_id: sorted(tiers[env_id]) for env_id in sorted(tiers)}


def expert_folder(env_id: str, tier: str = "expert") -> Path:
    """The folder that holds an expert's actor and card.

    Raises:
        InputError: there is no expert for this task, or not of this tier.
    """
    known = available()
    if env_id not in known:
        raise InputError(
            f"no expert for {env_id}: there are {', '.join(known)}; train one with scripts/train_expert.py "
            f"--env {env_id}, or record your own with scripts/collect_demonstrations.py --env {env_id} --policy PATH"
        )
    if tier not in known[env_id]:
        raise InputError(f"no {tier!r} expert for {env_id}: its tiers are {', '.join(known[env_id])}")
    places = [root / _folder_name(env_id) / tier for root in (SHIPPED, _registered())]
    return next(place for place in places if (place / "card.json").is_file())


def expert_card(env_id: str, tier: str = "expert") -> dict[str, Any]:
    """What is known of an expert: how it was trained, its evaluation, its demonstrations, versions and licence.

    Raises:
        InputError: there is no such expert.
    """
    return read_card(expert_folder(env_id, tier))


def load_expert(env_id: str, tier: str = "expert") -> Actor:
    """The policy of an expert.

    Raises:
        InputError: there is no such expert, or its files are damaged.

    Example:
        >>> load_expert("Hopper-v4").config.act_dim
        3
    """
    return Actor.load(expert_folder(env_id, tier))


def register(actor: Actor, card: Mapping[str, Any], *, replace: bool = False) -> Path:
    """Add an expert to the user's part of the catalogue, in the cache folder.

    Args:
        actor: the policy.
        card: at least `env_id` and `tier`; `evaluation` with `return_mean` where it is known.
        replace: whether an expert registered before may be replaced; a shipped one never is.

    Returns:
        The expert's folder.

    Raises:
        InputError: the card names no task or tier, or the place is taken.
    """
    env_id, tier = card.get("env_id"), card.get("tier")
    check_env_id(env_id)
    assert isinstance(env_id, str)
    if not isinstance(tier, str) or not re.fullmatch(r"\w[\w.-]*", tier):
        raise InputError("the card of an expert needs a tier (letters, digits, '.', '-', '_')")
    if (SHIPPED / _folder_name(env_id) / tier).exists():
        raise InputError(f"the tier {tier!r} of {env_id} is shipped and stays: choose another name")
    folder = _registered() / _folder_name(env_id) / tier
    if folder.exists() and not replace:
        raise InputError(f"{env_id} has a registered {tier!r} expert: choose another name, or ask to replace it")

    def fill(empty: Path) -> None:
        actor.save(empty)
        write_json(empty / "card.json", card)

    replace_folder(folder, fill)
    return folder


def _registered() -> Path:
    return cache_folder() / "experts"


def _folder_name(env_id: str) -> str:
    return env_id.replace("/", "__")
