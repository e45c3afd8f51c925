"""Official weights on the Hub, with a folder in the Hub's place."""

import pytest
import torch
from official_files import iresnet

from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.official.files.hub import download_weights, find_hub_id
from femb_cli.errors import FembError
from femb_cli.hub import HubId


@pytest.mark.parametrize(
    "text, expected",
    [
        ("owner/name", HubId("owner/name", None, is_dataset_address=False)),
        ("owner/name@v1", HubId("owner/name", "v1", is_dataset_address=False)),
        ("owner/weights.pth", None),
        ("hf://datasets/owner/name", None),
        ("name", None),
        ("./owner/name", None),
    ],
)
def test_an_id_is_told_from_a_path(text, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_hub_id(text) == expected


def test_a_local_path_goes_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner/name").mkdir(parents=True)
    assert find_hub_id("owner/name") is None


def test_an_id_on_the_hub_is_fetched_as_weights_and_settings_only(tmp_path, monkeypatch):
    asked = []

    def snapshot(name, *, revision, allow_patterns, tqdm_class):
        asked.extend([name, revision, *allow_patterns])
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    torch.save(iresnet(), tmp_path / "model.pt")
    (tmp_path / "model.safetensors").touch()
    assert download_weights(HubId("owner/name", "v1", is_dataset_address=False), lambda _: None) == tmp_path
    assert asked == ["owner/name", "v1", "*.safetensors", "model.yaml", "config.json"]


def test_an_id_that_cannot_be_fetched_is_explained(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(FembError, match="cannot get owner/name from the Hugging Face Hub: no network") as caught:
        convert_checkpoint("owner/name", tmp_path / "converted", say=lambda _: None)
    assert "path here" in caught.value.hint
