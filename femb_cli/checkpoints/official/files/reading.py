"""Read a file of official weights as plain values (tensors, numbers, texts), without running any code in it."""

import pickle
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from femb_cli.checkpoints.official.files.mxnet_params import MAGIC, read_mxnet_params
from femb_cli.checkpoints.official.files.other_kinds import other_kind, refuse_other_archives
from femb_cli.checkpoints.official.files.pickle_stubs import pickle_stubs
from femb_cli.errors import FembError

MOST_UNPACKED = 20
"""How many times larger than its file an archive may unpack to; real weights hardly compress."""

UNREADABLE = (
    *(pickle.UnpicklingError, SafetensorError, zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(RuntimeError, ValueError, LookupError, TypeError, AssertionError, AttributeError, ArithmeticError, MemoryError),
)
"""Exceptions of torch.load and safetensors for a damaged file, or for a file that would run code."""


def read_plain(file: Path) -> Any:
    """Read a file of torch.save (also of its old format), of safetensors or of MXNet.

    Where the format allows it, tensors are mapped from the file, so that unused ones, such as an optimizer's, take no
    memory. All tensors are on the CPU.

    Raises:
        FembError: the file is missing, damaged, not a checkpoint, or holds more than tensors and plain values.
    """
    if not file.is_file():
        raise FembError(f"no file at {file}")
    with file.open("rb") as stream:
        head = stream.read(16)
    if head == MAGIC:
        return read_mxnet_params(file)
    try:
        if head[8:9] == b"{":
            return load_file(file)
        if head.startswith(b"PK"):
            refuse_other_archives(file)
            mmap = _check_archive(file)
            with torch.serialization.safe_globals(pickle_stubs(file)):
                return torch.load(file, map_location="cpu", weights_only=True, mmap=mmap)
        if head.startswith(pickle.PROTO):
            return torch.load(file, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise _refusal(file, error) from error
    raise other_kind(file)


class _Damaged(zipfile.BadZipFile):
    """An archive is damaged; the message is in femb's words, as those of other errors here are not."""


def _check_archive(file: Path) -> bool:
    """Check the archive's checksums, and return whether no entry is compressed, so that tensors can be mapped."""
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MOST_UNPACKED * file.stat().st_size:
            raise _Damaged(f"it would unpack to {unpacked} bytes")
        if damaged := archive.testzip():
            raise _Damaged(f"the checksum of {damaged} is wrong")
        return all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())


def _refusal(file: Path, error: Exception) -> FembError:
    """Shorten torch's page-long error to one sentence."""
    if refused := re.search(r"GLOBAL (\S+)", str(error)):
        return FembError(
            f"{file} is not a checkpoint that can be loaded safely: it refers to {refused[1]}, and femb loads only"
            " tensors and plain values",
            hint="femb reads state dicts and never runs the code of a file. If it is a whole network, load it with the"
            " program that saved it and save its state dict: torch.save(network.state_dict(), 'weights.pth')",
        )
    reason = f"it is damaged ({error})" if isinstance(error, _Damaged) else "it is damaged or cut short"
    return FembError(
        f"{file} is not a checkpoint: {reason}",
        hint="download it again; femb never runs the code that a pickled file may hold",
    )
