"""Find the networks in a file by the names of its tensors, under any keys and any prefix, and choose one."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from femb_cli.checkpoints.official.families import ARCHITECTURES
from femb_cli.checkpoints.official.files.state_dict import StateDict, find_state_dicts, without_prefix
from femb_cli.checkpoints.official.networks.architecture import Architecture
from femb_cli.errors import FembError, UsageError

MOST_NETWORKS = 20
"""How many networks of a file are looked at; a hostile file could name a million."""

Place = tuple[tuple[str, ...], str]
"""Where a network is: the keys that lead to its state dict, and the prefix of its tensors there."""


@dataclass(frozen=True)
class NetworkInFile:
    """A network among a file's tensors.

    Attributes:
        keys: the keys that lead to the state dict with its tensors.
        prefix: what stands before each of its tensors' names there.
        architecture: the kind of network.
        tensors: its tensors, without the prefix.
        beside: the tensors in the same state dict that belong to no network.
        elsewhere: the tensors in other state dicts that belong to no network, by their keys and their names.
    """

    keys: tuple[str, ...]
    prefix: str
    architecture: Architecture
    tensors: Mapping[str, Tensor]
    beside: Mapping[str, Tensor]
    elsewhere: Mapping[str, Tensor]

    @property
    def parts(self) -> tuple[str, ...]:
        """The keys and the parts of the prefix."""
        return (*self.keys, *self.prefix.split(".")[:-1])

    @property
    def name(self) -> str:
        """The keys and the prefix, by which a user can choose it; a point for a network without both."""
        return ".".join(self.parts) or "."


def find_networks(content: Any) -> list[NetworkInFile]:
    """Return the networks among a file's tensors, in the file's order, up to `MOST_NETWORKS`.

    Args:
        content: what `read_plain` returned.
    """
    groups = find_state_dicts(content)
    found = (
        ((keys, prefix), architecture)
        for keys, tensors in groups.items()
        for prefix, architecture in _find_prefixes(tensors).items()
    )
    places = dict(itertools.islice(found, MOST_NETWORKS))
    beside = {keys: _of_no_network(tensors, keys, places) for keys, tensors in groups.items()}
    return [
        NetworkInFile(
            *(keys, prefix, architecture),
            tensors=_own(groups[keys], prefix, places),
            beside=beside[keys],
            elsewhere={
                ".".join((*others, name)): tensor
                for others, tensors in beside.items()
                if others != keys
                for name, tensor in tensors.items()
            },
        )
        for (keys, prefix), architecture in places.items()
    ]


def choose_network(networks: Sequence[NetworkInFile], name: str | None, where: Path) -> NetworkInFile:
    """Return the only network, or the one that the user names: in full, or by a part of its name that no other has.

    Raises:
        FembError: there are several, and the user names none.
        UsageError: no network, or more than one, has the name.
    """
    names = _short_names(networks)
    if name is None and len(networks) == 1:
        return networks[0]
    listed = ", ".join(names)
    if name is None:
        raise FembError(
            f"{where} holds several networks: {listed}",
            hint=f"choose one: {' or '.join(f'--network {short}' for short in names)}",
        )
    matches = [one for one, short in zip(networks, names, strict=True) if name in (one.name, short)]
    matches = matches or [one for one in networks if name in one.parts]
    if len(matches) != 1:
        what = "no network" if not matches else "several networks"
        is_named = any(one.strip(".") for one in names)
        hint = f"it holds {listed}" if is_named else "it holds one, without a name: leave out --network"
        raise UsageError(f"{where} holds {what} of the name {name!r}", hint=hint)
    return matches[0]


def _find_prefixes(tensors: StateDict) -> dict[str, Architecture]:
    """Return the architecture under each prefix that stands before the marker of one."""
    found: dict[str, Architecture] = {}
    for architecture in ARCHITECTURES:
        for name in tensors:
            prefix = name.removesuffix(architecture.marker)
            if name == prefix or (prefix and not prefix.endswith(".")) or prefix in found:
                continue
            if len(found) < MOST_NETWORKS and architecture.fits(without_prefix(tensors, prefix)):
                found[prefix] = architecture
    return found


def _own(tensors: StateDict, prefix: str, places: Mapping[Place, Architecture]) -> dict[str, Tensor]:
    """Return the tensors under a prefix that are not under the longer prefix of another network."""
    longer = tuple(other for _, other in places if other != prefix and other.startswith(prefix))
    return without_prefix({name: one for name, one in tensors.items() if not name.startswith(longer)}, prefix)


def _of_no_network(
    tensors: StateDict, keys: tuple[str, ...], places: Mapping[Place, Architecture]
) -> dict[str, Tensor]:
    """Return the tensors of one state dict that are under no network's prefix."""
    prefixes = tuple(prefix for group, prefix in places if group == keys)
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(prefixes)}


def _short_names(networks: Sequence[NetworkInFile]) -> list[str]:
    """Return the networks' names without the parts at both ends that all of them share."""
    parts = [network.parts for network in networks]
    shortest = min(map(len, parts), default=0)
    first = next((at for at in range(shortest) if len({own[at] for own in parts}) > 1), shortest)
    last = next((at for at in range(shortest - first) if len({own[-1 - at] for own in parts}) > 1), shortest - first)
    short = [".".join(own[first : len(own) - last]) for own in parts]
    return short if all(short) else [network.name for network in networks]
