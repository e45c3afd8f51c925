"""Change the card of a checkpoint on disk, while its weights stay as they are, bit for bit."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.checksums import CHECKSUMS, restate_checksum
from femb_cli.checkpoints.runs import MODEL
from femb_cli.checkpoints.store import Checkpoint
from femb_cli.files import new_file, new_folder


def restate(checkpoint: Checkpoint, card: ModelCard) -> None:
    """Replace a checkpoint's card in one step: after a kill there is the old checkpoint or the new one.

    A directory is replaced as a whole, because its checksums change with the file. Its other files are not copied but
    linked, where the file system can.

    Args:
        checkpoint: the checkpoint, or a single file.
        card: the new card of the same network.

    Raises:
        FembError: the file is damaged, or it cannot be written.
    """
    checkpoint.refuse_damage(MODEL)
    path = checkpoint.path.resolve()  # a link, such as a run's `best`, goes on leading to it
    if path.is_file():
        with new_file(path, overwrite=True) as aside:
            _copy_with_metadata(path, aside, card.to_metadata())
        return
    with new_folder(path, overwrite=True) as aside:
        changed = (MODEL, CHECKSUMS)
        shutil.copytree(
            path,
            aside,
            symlinks=True,
            copy_function=_link_or_copy,
            dirs_exist_ok=True,
            ignore=lambda folder, names: [name for name in names if Path(folder) == path and name in changed],
        )
        _copy_with_metadata(path / MODEL, aside / MODEL, card.to_metadata())
        if (path / CHECKSUMS).exists():
            restate_checksum(path, aside, MODEL)


def _copy_with_metadata(source: Path, target: Path, metadata: Mapping[str, str]) -> None:
    """Copy a safetensors file with other metadata.

    The file begins with the length of its header, 8 bytes, and the header: JSON that is filled up with spaces to a
    multiple of 8 bytes. The tensors follow; their places count from the end of the header.
    """
    with source.open("rb") as old, target.open("wb") as new:
        header = json.loads(old.read(int.from_bytes(old.read(8), "little")))
        header.pop("__metadata__")
        header = {"__metadata__": dict(sorted(metadata.items())), **header}
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        text = text.ljust(-(-len(text) // 8) * 8)
        new.write(len(text).to_bytes(8, "little") + text)
        shutil.copyfileobj(old, new)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # some file systems have no links
        shutil.copy2(source, target)
