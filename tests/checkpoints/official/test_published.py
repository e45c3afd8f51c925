"""Published networks by name: fetched where that is possible, and else a hint what to download."""

import pytest
import torch
from official_files import magface

from femb_cli.checkpoints.official import FAMILIES, convert_checkpoint
from femb_cli.checkpoints.official import published as module
from femb_cli.checkpoints.official.published import PUBLISHED, PublishedModel, find_published
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.config.schema import BackboneConfig
from femb_cli.config.section import choices
from femb_cli.errors import FembError
from femb_cli.files import file_sha256
from femb_cli.hub import HubId


@pytest.mark.parametrize("model", PUBLISHED.values(), ids=PUBLISHED)
def test_every_entry_names_what_exists(model):
    assert PUBLISHED[model.name] is model
    assert model.network in choices(BackboneConfig)
    assert model.family is FAMILIES[model.family_name]
    assert not model.family.architectures or model.family.architecture_of(model.network) is not None
    assert not model.hub or HubId.parse(model.hub).name == model.hub
    assert not model.url or model.sha256, "what femb downloads has a checksum"
    assert all(figure is None or 30 < figure < 100 for figure in (model.lfw, model.ijbc))


def test_a_path_of_the_same_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_published("magface_r100") is PUBLISHED["magface_r100"]
    (tmp_path / "magface_r100").mkdir()
    assert find_published("magface_r100") is None


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A published network that lies on this disk."""
    monkeypatch.setenv("FEMB_CACHE_DIR", str(tmp_path / "cache"))
    file = tmp_path / "published.pth"
    torch.save(magface("features.module.", "parallel_fc.weight"), file)
    entries = {"family_name": "magface", "network": "iresnet18", "training_data": "MS1MV2", "file": file.name}
    model = PublishedModel("small", **entries, url=file.as_uri(), sha256=file_sha256(file))
    monkeypatch.setitem(module.PUBLISHED, "small", model)
    return file


def test_a_name_is_fetched_once_and_converted_with_its_licence(small, tmp_path):
    said = []
    card = convert_checkpoint("small", tmp_path / "small", say=said.append)
    assert said == [
        "small has the licence: Apache-2.0 (the code); the training images' terms",
        f"fetching {small.as_uri()}",
    ]
    assert (card.source["family"], card.source["training_data"]) == ("magface", "MS1MV2")
    assert card.source["file"] == "published.pth"
    assert open_checkpoint(tmp_path / "small").card == card
    small.unlink()
    convert_checkpoint("small", tmp_path / "again", say=said.append)
    assert len(said) == 3


def test_a_failed_download_says_what_to_download_by_hand(small, tmp_path):
    small.unlink()
    with pytest.raises(FembError, match="cannot download") as error:
        convert_checkpoint("small", tmp_path / "small", say=lambda text: None)
    assert "femb convert-checkpoint published.pth small --from magface" in error.value.hint


def test_another_file_at_the_address_is_refused(small, tmp_path):
    torch.save({}, small)
    with pytest.raises(FembError, match="is not the published file"):
        convert_checkpoint("small", tmp_path / "small", say=lambda text: None)
    assert not (tmp_path / "small").exists()


def test_a_file_on_a_cloud_drive_is_for_the_user_to_download(tmp_path):
    said = []
    with pytest.raises(FembError, match="femb cannot fetch magface_r100") as error:
        convert_checkpoint("magface_r100", tmp_path / "magface", say=said.append)
    assert "magface_epoch_00025.pth: https://github.com/IrvingMeng/MagFace" in said[-1]
    assert "femb convert-checkpoint magface_epoch_00025.pth magface_r100" in error.value.hint


def test_the_checksum_is_that_of_the_real_file(shared):
    assert PUBLISHED["mobilefacenet_foamliu"].sha256 == file_sha256(shared / "data/weights/mobilefacenet_foamliu.pt")
