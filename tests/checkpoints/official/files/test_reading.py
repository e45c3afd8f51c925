"""Files of torch.save and safetensors: read as plain values, refused when they are damaged or would run code."""

import io
import os
import struct
import zipfile

import pytest
import torch
from official_files import convert, iresnet
from safetensors.torch import save_file

from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.official.files.reading import read_plain
from femb_cli.errors import FembError


@pytest.mark.parametrize(
    "save",
    [
        lambda tensors, file: torch.save(tensors, file),
        lambda tensors, file: torch.save(tensors, file, _use_new_zipfile_serialization=False),
        lambda tensors, file: save_file(tensors, file),
    ],
    ids=["zip", "old", "safetensors"],
)
def test_every_format_is_known_by_its_first_bytes(save, tmp_path):
    save({"weight": torch.arange(3.0)}, tmp_path / "weights")
    assert torch.equal(read_plain(tmp_path / "weights")["weight"], torch.arange(3.0))


def test_a_damaged_byte_in_an_archive_is_noticed(tmp_path):
    torch.save(iresnet(), tmp_path / "bad.pth")
    content = bytearray((tmp_path / "bad.pth").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(FembError, match=r"bad\.pth is not a checkpoint: it is damaged"):
        convert_checkpoint(tmp_path / "bad.pth", tmp_path / "converted")


class MakesFolder:
    """Unpickling an instance makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_code_in_a_file_is_never_run(tmp_path):
    marker = tmp_path / "code_was_executed"
    with pytest.raises(FembError, match="not a checkpoint that can be loaded safely") as caught:
        convert(tmp_path, {"state_dict": iresnet(), "meta": MakesFolder(marker)})
    assert "never runs the code" in caught.value.hint
    assert not marker.exists()
    assert not (tmp_path / "converted").exists()


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"PK\x03\x04 cut short", (2**62).to_bytes(8, "little")])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(FembError, match=r"bad\.pth is not a checkpoint"):
        convert_checkpoint(tmp_path / "bad.pth", tmp_path / "converted")


@pytest.mark.parametrize(
    "name, content",
    [
        ("bad.safetensors", (2**62).to_bytes(8, "little") + b'{"a":'),
        ("bad.pth", b"\x80\x02e."),
    ],
)
def test_damage_with_an_error_of_its_own_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FembError, match=f"{name} is not a checkpoint"):
        convert_checkpoint(tmp_path / name, tmp_path / "converted")


def test_an_archive_that_unpacks_to_many_times_its_size_is_refused_unread(tmp_path):
    torch.save({**iresnet(), "beside": torch.zeros(10_000_000)}, tmp_path / "model.pt")
    with zipfile.ZipFile(tmp_path / "model.pt") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "model.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    with pytest.raises(FembError, match="it would unpack to 40"):
        convert_checkpoint(tmp_path / "model.pt", tmp_path / "converted")


def test_a_pickle_that_ends_within_a_number_is_refused(tmp_path):
    torch.save(iresnet(), tmp_path / "model.pt")
    buffer = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "model.pt") as archive, zipfile.ZipFile(buffer, "w") as changed:
        for name in archive.namelist():
            content = archive.read(name)
            # BINUNICODE, and half of the length that it needs.
            changed.writestr(name, content[:2] + b"X" + struct.pack("<H", 9) if name.endswith(".pkl") else content)
    (tmp_path / "model.pt").write_bytes(buffer.getvalue())
    with pytest.raises(FembError, match="it is damaged or cut short"):
        convert_checkpoint(tmp_path / "model.pt", tmp_path / "converted")
