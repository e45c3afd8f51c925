"""Recognise the family of weights and the kind of network by the names of the tensors, never by the file's name."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from femb_cli.checkpoints.official.families import ARCFACE_TORCH, FAMILIES
from femb_cli.checkpoints.official.family import Family
from femb_cli.checkpoints.official.files.state_dict import StateDict, find_state_dict, refuse_unusual, without_prefix
from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.errors import FembError, UsageError
from femb_cli.progress import Say

SQUEEZE_AND_EXCITATION = re.compile(r".*(se_block|res_layer\.\d+\.fc1)\..*")


@dataclass(frozen=True)
class Recognised:
    """A network that was found among a file's tensors.

    Attributes:
        family: the project that it comes from.
        architecture: the kind of network.
        network: its tensors, without their prefix.
        others: the tensors beside it, under their full names.
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
    if len(matches) != 1:
        raise UsageError(f"unknown family {name!r}: known are {', '.join(FAMILIES)}")
    return matches[0]


def recognise(content: Any, family: Family | None, class_weights: str | None, where: Path, say: Say) -> Recognised:
    """Find the network in a file's contents.

    Args:
        content: what `read_plain` returned.
        family: the only family to try; None tries all.
        class_weights: the name of the tensor in the file of class weights beside it; None if there is no such file.
        where: the file, for messages.
        say: called with a warning where the tensors fit several families.

    Raises:
        FembError: no family has such tensors, `family` does not have them, or several families have them.
    """
    tensors = find_state_dict(content)
    architecture, prefix = _find_network(tensors) if tensors else (None, "")
    if tensors is None or architecture is None:
        holds = list(content)[:3] if isinstance(content, dict) else type(content).__name__
        known = family.name if family else ", ".join(FAMILIES)
        raise FembError(f"{where} is of no family that femb knows ({known}): it holds {holds}")
    refuse_unusual(tensors, str(where))
    if excitation := next((name for name in tensors if SQUEEZE_AND_EXCITATION.fullmatch(name)), None):
        raise FembError(f"{where} has squeeze-and-excitation layers ({excitation}), which femb's IResNet does not have")
    candidates = _candidates(architecture, prefix)
    if family is None and not candidates:
        raise FembError(f"{where} is of no family that femb knows: no {architecture.title} has the prefix {prefix!r}")
    if family is None:
        has_resume_keys = isinstance(content, dict) and "state_dict_backbone" in content
        family = _choose(candidates, class_weights, architecture, where, say, is_certain=has_resume_keys)
    elif family not in candidates:
        raise FembError(
            f"{where} is not of the family {family.name}: it holds an {architecture.title} under the prefix {prefix!r}"
        )
    return _split(tensors, family, architecture, prefix)


def _find_network(tensors: StateDict) -> tuple[Architecture | None, str]:
    """Find the architecture whose marker is among the tensors, and the prefix before the marker."""
    for architecture in dict.fromkeys(one for family in FAMILIES.values() for one in family.architectures):
        for name in tensors:
            if name == architecture.marker or name.endswith(f".{architecture.marker}"):
                return architecture, name.removesuffix(architecture.marker)
    return None, ""


def _candidates(architecture: Architecture, prefix: str) -> list[Family]:
    return [
        family for family in FAMILIES.values() if architecture in family.architectures and prefix in family.prefixes
    ]


def _choose(
    candidates: list[Family],
    class_weights: str | None,
    architecture: Architecture,
    where: Path,
    say: Say,
    *,
    is_certain: bool,
) -> Family:
    """Return the only candidate, or the one with this name of class weights; for a plain IResNet arcface_torch."""
    if class_weights is not None:
        fitting = [f for f in candidates if class_weights in (weights.name for weights in f.class_weights_beside)]
        candidates = fitting or candidates
    if len(candidates) == 1:
        return candidates[0]
    names = [family.name for family in candidates]
    if ARCFACE_TORCH not in candidates:
        raise FembError(
            f"{where} holds an {architecture.title} that can be of several families: {' or '.join(names)}",
            hint=f"name the family, because their colours differ: --from {' or --from '.join(names)}",
        )
    if not is_certain:
        say(
            f"assuming that {where} is of the family arcface_torch. ElasticFace's files have the same tensors and"
            " settings. Files of magface and seed without their prefixes have the same tensors, but other pixel values"
            " or another epsilon of batch norm: for one of these, pass --from magface or --from seed"
        )
    return ARCFACE_TORCH


def _split(tensors: StateDict, family: Family, architecture: Architecture, prefix: str) -> Recognised:
    """Separate the network's tensors from those beside it."""
    network = without_prefix(tensors, prefix)
    others = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    # Without a prefix, only the names show which tensors are not the network's.
    beside = {*family.ignored, *(weights.name for weights in family.class_weights)} & network.keys()
    others |= {name: network.pop(name) for name in beside}
    return Recognised(family, architecture, network, others)
