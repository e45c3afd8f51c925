"""The class weights of an official checkpoint as one matrix (C, D): C identities, D the embedding dimension."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from femb_cli.checkpoints.official.family import ClassWeights, Family
from femb_cli.checkpoints.official.files.reading import read_plain
from femb_cli.checkpoints.official.files.state_dict import refuse_unusual
from femb_cli.errors import FembError

RESUME_KEY = "state_dict_softmax_fc"
"""The key of the class weights in arcface_torch's resume files."""

SAME_IN_ALL = ("epoch", "global_step")
"""Counters that must be equal in the resume files of all ranks."""

HINT = "to convert the network without class weights, copy only its file into a new directory"


def class_weights_inside(family: Family, others: Mapping[str, Tensor]) -> Tensor | None:
    """Return the class weights (C, D) from the other tensors in the network's file; None if there are none."""
    for weights in family.class_weights:
        if weights.name in others:
            return weights.transpose(others[weights.name])
    return None


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
    parts = [_read_part(file, content, known) for file, content in contents.items()]
    for file, part in zip(files.values(), parts, strict=True):
        if part.shape[1] != embedding_dim:
            raise FembError(
                f"{file} has class weights of {part.shape[1]} numbers for embeddings of {embedding_dim}", hint=HINT
            )
    _refuse_uneven_parts(list(files.values()), [len(part) for part in parts])
    return torch.cat([part.float() for part in parts]) if len(parts) > 1 else parts[0]


def name_beside(files: Mapping[int, Path]) -> str | None:
    """Return the tensor's name in the class weights' files: empty for a bare tensor, None without files."""
    if not files:
        return None
    content = read_plain(next(iter(files.values())))
    if isinstance(content, Tensor):
        return ""
    if isinstance(content, Mapping):
        content = content.get(RESUME_KEY, content)
    return next(iter(content), None) if isinstance(content, Mapping) else None


def _read_part(file: Path, content: Any, known: Sequence[ClassWeights]) -> Tensor:
    if isinstance(content, Mapping):
        content = content.get(RESUME_KEY, content)
    for weights in known:
        found = content.get(weights.name) if isinstance(content, Mapping) else content if not weights.name else None
        if isinstance(found, Tensor) and found.ndim == 2:
            refuse_unusual({weights.name or "the class weights": found}, str(file))
            return weights.transpose(found)
    names = " or ".join(weights.name or "a bare matrix" for weights in known) or "it has none in a separate file"
    raise FembError(f"{file} has no class weights of this family ({names})", hint=HINT)


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
