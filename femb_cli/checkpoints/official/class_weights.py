"""The class weights of an official checkpoint as one matrix (C, D): C identities, D the embedding dimension."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from femb_cli.checkpoints.official.family import ClassWeights, Family
from femb_cli.checkpoints.official.files.reading import read_plain
from femb_cli.checkpoints.official.files.state_dict import find_state_dicts, refuse_unusual
from femb_cli.errors import FembError
from femb_cli.progress import Say

RESUME_KEY = "state_dict_softmax_fc"
"""The key of the class weights in arcface_torch's resume files."""

SAME_IN_ALL = ("epoch", "global_step")
"""Counters that must be equal in the resume files of all ranks."""

HINT = "to convert the network without class weights, copy only its file into a new directory"


def class_weights_inside(
    others: Mapping[str, Tensor], family: Family, embedding_dim: int, where: Path, say: Say
) -> Tensor | None:
    """Return the class weights (C, D) among the tensors beside the network in its file; None if there are none.

    They are the tensor of the family's name, or else the only matrix with D rows or columns.

    Args:
        others: the tensors beside the network.
        family: the family of the network.
        embedding_dim: D.
        where: the file, for messages.
        say: called with a remark about class weights under a name that the family does not have, and about tensors
            that are not converted.

    Raises:
        FembError: the family's tensor does not have D rows or columns.
    """
    stated = {name: one for name in others for one in family.class_weights if one.is_at(name)}
    matrices = {name: tensor for name, tensor in others.items() if is_like_class_weights(tensor, embedding_dim)}
    name = next(iter(stated or (matrices if len(matrices) == 1 else {})), None)
    left = [key for key, tensor in others.items() if key != name and key not in family.ignored and tensor.ndim]
    if left:
        shown = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        say(f"not converted, because they are beside the network in {where}: {shown}")
    if name is None:
        return None
    if name in stated and name not in matrices and others[name].shape != (embedding_dim,) * 2:
        raise FembError(
            f"{where} has class weights of the shape {tuple(others[name].shape)}: expected (identities,"
            f" {embedding_dim})"
        )
    weights = _oriented(others[name], embedding_dim, stated.get(name))
    if name not in stated:
        say(f"taking {name} {tuple(others[name].shape)} in {where} for the class weights of {len(weights)} identities")
    return weights


def is_like_class_weights(tensor: Tensor, embedding_dim: int) -> bool:
    """Whether this is a matrix of floating-point numbers with D rows or D columns, but not both."""
    return (
        tensor.is_floating_point()
        and tensor.ndim == 2
        and (tensor.shape[0] == embedding_dim) != (tensor.shape[1] == embedding_dim)
    )


def _oriented(weights: Tensor, embedding_dim: int, stated: ClassWeights | None) -> Tensor:
    """Return class weights as (C, D): by their shape, or by the family's order where they are square."""
    if is_like_class_weights(weights, embedding_dim):
        return weights if weights.shape[1] == embedding_dim else weights.T
    return stated.transpose(weights) if stated else weights


def class_weights_beside(files: Mapping[int, Path], embedding_dim: int, known: Sequence[ClassWeights]) -> Tensor:
    """Read the class weights (C, D) from separate files, and concatenate the shards in the order of the ranks.

    Args:
        files: the files by rank; at least one.
        embedding_dim: D.
        known: the tensor names that the family uses.

    Raises:
        FembError: a rank is missing, or the shards differ in step, size or embedding dimension.
    """
    directory = next(iter(files.values())).parent
    if missing := [str(rank) for rank in range(max(files) + 1) if rank not in files]:
        present = ", ".join(file.name for file in files.values())
        raise FembError(
            f"the class weights of rank {', '.join(missing)} are missing in {directory}: it has {present}", hint=HINT
        )
    contents = {file: read_plain(file) for file in files.values()}
    _refuse_different_steps(contents)
    parts = [_read_part(file, content, embedding_dim, known) for file, content in contents.items()]
    for file, part in zip(files.values(), parts, strict=True):
        if part.shape[1] != embedding_dim:
            raise FembError(
                f"{file} has class weights of {part.shape[1]} numbers for embeddings of {embedding_dim}", hint=HINT
            )
    _refuse_uneven_parts(list(files.values()), [len(part) for part in parts])
    return torch.cat([part.float() for part in parts]) if len(parts) > 1 else parts[0]


def names_beside(files: Mapping[int, Path]) -> list[str] | None:
    """Return the tensors' names in the class weights' files; None without files."""
    return list(_named(read_plain(next(iter(files.values()))))) if files else None


def _named(content: Any) -> dict[str, Tensor]:
    """Return the tensors in a file of class weights by their names: an empty one for a bare tensor."""
    if isinstance(content, Tensor):
        return {"": content}
    if isinstance(content, Mapping):
        content = content.get(RESUME_KEY, content)
    groups = find_state_dicts(content)
    return {".".join((*keys, name)): tensor for keys, group in groups.items() for name, tensor in group.items()}


def _read_part(file: Path, content: Any, embedding_dim: int, known: Sequence[ClassWeights]) -> Tensor:
    """Return a file's class weights (C, D): the family's tensor, or the only matrix."""
    matrices = {name: tensor for name, tensor in _named(content).items() if tensor.ndim == 2}
    stated = {name: weights for name in matrices for weights in known if weights.is_at(name)}
    name = next(iter(stated or (matrices if len(matrices) == 1 else {})), None)
    if name is None:
        names = ", ".join(repr(weights.name) for weights in known if weights.name)
        expected = f"a matrix {names}, or only one" if names else "one matrix"
        raise FembError(f"{file} has no class weights of this family ({expected})", hint=HINT)
    refuse_unusual({name or "the class weights": matrices[name]}, str(file))
    return _oriented(matrices[name], embedding_dim, stated.get(name))


def _refuse_different_steps(contents: Mapping[Path, Any]) -> None:
    for key in SAME_IN_ALL:
        states = {file.name: content for file, content in contents.items() if isinstance(content, Mapping)}
        values = {name: state[key] for name, state in states.items() if isinstance(state.get(key), int)}
        if len(set(values.values())) > 1:
            raise FembError(f"these files have different values of {key}: {values}", hint=HINT)


def _refuse_uneven_parts(files: list[Path], rows: list[int]) -> None:
    """Check that the identities are split evenly: the first ranks may have one more than the others."""
    share, rest = divmod(sum(rows), len(rows))
    for rank, (file, found) in enumerate(zip(files, rows, strict=True)):
        expected = share + (rank < rest)
        if found != expected:
            raise FembError(
                f"{file} has {found} class weights, but rank {rank} of {len(rows)} needs {expected} of the"
                f" {sum(rows)}: some are missing",
                hint=HINT,
            )
