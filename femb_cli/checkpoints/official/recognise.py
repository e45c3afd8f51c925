"""Recognise the family of weights by the names of the tensors, never by the file's name."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from torch import Tensor

from femb_cli.checkpoints.official.families import ARCFACE_TORCH, FAMILIES
from femb_cli.checkpoints.official.family import Family
from femb_cli.checkpoints.official.files.sidecar import read_channel_order
from femb_cli.checkpoints.official.files.state_dict import find_state_dicts, refuse_unusual
from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.checkpoints.official.networks_in_file import NetworkInFile, choose_network, find_networks
from femb_cli.errors import FembError, UsageError
from femb_cli.progress import Say

RESUME_KEY = "state_dict_backbone"
"""The key of the network in arcface_torch's resume files."""


@dataclass(frozen=True)
class Signs:
    """What the files beside a network's say about its family.

    Attributes:
        class_weights: names of the tensors in the file of class weights; None if there is no such file.
        settings: a settings file, which may be CVLface's and state the colour order; None if there is none.
    """

    class_weights: Sequence[str] | None = None
    settings: Path | None = None


@dataclass(frozen=True)
class Recognised:
    """A network that was found among a file's tensors.

    Attributes:
        family: the project that it comes from.
        architecture: the kind of network.
        network: its tensors, without their prefix.
        others: the tensors beside it.
    """

    family: Family
    architecture: Architecture
    network: dict[str, Tensor]
    others: dict[str, Tensor]


def family_named(name: str) -> Family:
    """Return the family that `--from` names: its name or the beginning of it, in upper or lower case.

    Raises:
        UsageError: there is no such family, or there are several.
    """
    matches = [family for key, family in FAMILIES.items() if key.lower().startswith(name.lower())]
    exact = [family for family in matches if family.name.lower() == name.lower()]
    if len(exact or matches) != 1:
        nearest = get_close_matches(name, FAMILIES, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else "femb list families shows them"
        raise UsageError(f"unknown family {name!r}", hint=hint)
    return (exact or matches)[0]


def recognise(
    content: Any, family: Family | None, network: str | None, signs: Signs, where: Path, say: Say
) -> Recognised:
    """Find the network in a file's contents, and its family.

    Args:
        content: what `read_plain` returned.
        family: the family that the user names; None to recognise it.
        network: the network that the user names, for a file of several; None for the only one.
        signs: what other files say about the family.
        where: the file, for messages.
        say: called with a remark where the family is only likely.

    Raises:
        FembError: no family has such tensors, `family` does not have them, or several families have them.
        UsageError: there is no network of this name.
    """
    networks = find_networks(content)
    if not networks:
        raise FembError(
            f"{where} is of no known family: it holds {_describe(content)}",
            hint="femb list families lists the families whose networks femb reads",
        )
    found = choose_network(networks, network, where)
    own = {f"{found.prefix}{name}": tensor for name, tensor in found.tensors.items()}
    refuse_unusual({**found.elsewhere, **found.beside, **own}, str(where))
    candidates = [candidate for candidate in FAMILIES.values() if found.architecture in candidate.architectures]
    if family is None:
        family = _choose(candidates, found, signs, where, say)
    elif family not in candidates:
        raise FembError(
            f"{where} is not of the family {family.name}: it holds {found.architecture.with_article}"
            + (f" under the prefix {found.prefix!r}" if found.prefix else ""),
            hint=f"such networks are of {', '.join(candidate.name for candidate in candidates)}",
        )
    return _split(found, family)


def _describe(content: Any) -> str:
    """Describe what a file holds, for a message: its first tensors' names, its keys or its type."""
    groups = find_state_dicts(content)
    if groups:
        keys, tensors = max(groups.items(), key=lambda group: len(group[1]))
        under = f" under {'.'.join(keys)}" if keys else ""
        return f"{list(tensors)[:3]}{under}"
    return str(list(content)[:3]) if isinstance(content, dict) else type(content).__name__


def _choose(candidates: list[Family], found: NetworkInFile, signs: Signs, where: Path, say: Say) -> Family:
    """Return the only family, or the one that the files prove, or else the likeliest one with a remark."""
    proven = candidates if len(candidates) == 1 else [one for one in candidates if _is_proven(one, found, signs)]
    if len(proven) == 1:
        return proven[0]
    guesses = {
        "class weights": [family for family in candidates if _has_class_weights(family, found)],
        "own prefix": [family for family in candidates if _has_prefix(found, family.prefixes)],
        "": [family for family in candidates if family.name == found.architecture.usual_family],
        "likely prefix": [family for family in candidates if _has_prefix(found, family.likely_prefixes)],
    }
    reason, chosen = next(((why, guess[0]) for why, guess in guesses.items() if len(guess) == 1), ("", None))
    if chosen is None:
        names = [family.name for family in candidates]
        pixels = "; ".join(f"{family.name} {family.pixels}" for family in candidates)
        raise FembError(
            f"{where} holds {found.architecture.with_article} that can be of several families: {' or '.join(names)}",
            hint=f"name the family, because their pixels differ ({pixels}): --from {' or --from '.join(names)}",
        )
    has_prefix = _has_prefix(found, (*chosen.prefixes, *chosen.likely_prefixes))
    if reason != "class weights" or not has_prefix:  # both together are the family's own layout
        say(_remark(chosen, candidates, reason, found, where))
    return chosen


def _is_proven(family: Family, found: NetworkInFile, signs: Signs) -> bool:
    """Whether a file of class weights, CVLface's settings or the key of a resume file say that it is this family."""
    if family is ARCFACE_TORCH and found.keys == (RESUME_KEY,):
        return True
    is_likely = _has_prefix(found, family.likely_prefixes)
    if family.has_colour_settings and is_likely and read_channel_order(signs.settings) is not None:
        return True
    beside = signs.class_weights or ()
    return any(weights.is_at(name) for weights in family.class_weights_beside for name in beside)


def _has_class_weights(family: Family, found: NetworkInFile) -> bool:
    """Whether the family's class weights are in the same state dict as the network."""
    names = [*found.beside, *found.tensors]
    return any(weights.is_at(name) for weights in family.class_weights for name in names)


def _has_prefix(found: NetworkInFile, prefixes: Sequence[str]) -> bool:
    """Whether the network's prefix is one of these, or ends in one."""
    return any(prefix and f".{found.prefix}".endswith(f".{prefix}") for prefix in prefixes)


def _remark(chosen: Family, candidates: Sequence[Family], reason: str, found: NetworkInFile, where: Path) -> str:
    """Say which family is assumed and why, and how to name another one."""
    if chosen is ARCFACE_TORCH:
        return (
            f"assuming that {where} is of the family arcface_torch. ElasticFace's files have the same tensors and"
            " settings. Files of magface and seed without their prefixes have the same tensors, but other pixel values"
            " or another epsilon of batch norm: for one of these, pass --from magface or --from seed"
        )
    assumed = f"assuming that {where} is of the family {chosen.name} ({chosen.pixels})"
    if reason == "class weights":
        assumed += f" because of its class weights, {' or '.join(one.name for one in chosen.class_weights)}"
    elif reason:
        assumed += f" because of the prefix {found.prefix!r}"
    if reason == "own prefix":
        return f"{assumed}; --from names another one"
    others = [family for family in candidates if family.conventions != chosen.conventions]
    return (
        f"{assumed}. The same tensors can be of"
        f" {', '.join(f'{family.name} ({family.pixels})' for family in others)}: for one of these, pass"
        f" {' or '.join(f'--from {family.name}' for family in others)}"
    )


def _split(found: NetworkInFile, family: Family) -> Recognised:
    """Move the family's class weights, and the tensors that femb ignores, from the network to the others."""
    network, others = dict(found.tensors), {**found.beside, **found.elsewhere}
    beside = {*family.ignored, *(weights.name for weights in family.class_weights)} & network.keys()
    others |= {name: network.pop(name) for name in beside}
    return Recognised(family, found.architecture, network, others)
