"""Checkpoints on disk: exact, whole, and refused where they are not."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.layout import CLASSIFIER, CONFIG, MODEL, STATE
from femb_cli.checkpoints.store import load_strictly, open_checkpoint, read_metadata, save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.preprocess import Preprocessing
from femb_cli.errors import FembError

SMALL = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625, bn_eps=2e-5)
CARD = ModelCard(
    SMALL,
    Preprocessing(16, "BGR", mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)),
    flip="none",
    header={"name": "magface", "l_a": 10.0},
    num_identities=37,
    source={"repository": "https://example.org", "license": "MIT", "file": "gesichter äöü.pth"},
)


def network(seed=0):
    torch.manual_seed(seed)
    return build_configured_backbone(SMALL)


@pytest.fixture
def saved(tmp_path):
    save_checkpoint(tmp_path / "saved", network(), CARD)
    return tmp_path / "saved"


def damage(file, change):
    content = bytearray(file.read_bytes())
    file.write_bytes(change(content))


def test_weights_come_back_exactly(saved):
    loaded = open_checkpoint(saved).load_backbone()
    expected = network().state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == expected[name].dtype
        assert torch.equal(tensor, expected[name]), name


def test_a_loaded_network_is_in_evaluation_mode_with_its_epsilon(saved):
    backbone = open_checkpoint(saved).load_backbone()
    assert not any(module.training for module in backbone.modules())
    assert backbone.features.eps == 2e-5


def test_the_card_comes_back_whole(saved):
    assert open_checkpoint(saved).card == CARD


def test_a_single_file_is_enough(saved, tmp_path):
    (saved / MODEL).rename(tmp_path / "moved.safetensors")
    checkpoint = open_checkpoint(tmp_path / "moved.safetensors")
    assert checkpoint.card == CARD
    assert checkpoint.load_backbone().embedding_dim == 8


def test_a_run_opens_its_newest_checkpoint(tmp_path):
    for step in (900, 1000):
        save_checkpoint(tmp_path / f"checkpoints/step-{step}", network(step), CARD)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.path.name == "step-1000"
    assert torch.equal(checkpoint.load_backbone().conv1.weight, network(1000).conv1.weight)


def test_everything_that_is_given_is_written(tmp_path):
    classifier = {"weight": torch.arange(6.0).view(2, 3).T}
    save_checkpoint(
        tmp_path / "full",
        network(),
        CARD,
        classifier=classifier,
        config="steps: 3\n",
        write_state=lambda folder: (folder / "progress.json").write_text("{}"),
    )
    names = {str(path.relative_to(tmp_path / "full")) for path in (tmp_path / "full").rglob("*")}
    assert names == {MODEL, CLASSIFIER, CONFIG, STATE, f"{STATE}/progress.json"}
    assert torch.equal(load_file(tmp_path / "full" / CLASSIFIER)["weight"], classifier["weight"])


def test_a_failure_half_way_leaves_nothing(tmp_path):
    def write_state(folder):
        (folder / "half").write_text("")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        save_checkpoint(tmp_path / "checkpoint", network(), CARD, write_state=write_state)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_overwrite_keeps_the_old_checkpoint(saved):
    with pytest.raises(ZeroDivisionError):
        save_checkpoint(saved, network(1), CARD, write_state=lambda _: 1 / 0, overwrite=True)
    assert torch.equal(open_checkpoint(saved).load_backbone().conv1.weight, network().conv1.weight)


def test_an_existing_checkpoint_is_replaced_only_when_asked(saved):
    with pytest.raises(FembError, match="exists already"):
        save_checkpoint(saved, network(1), CARD)
    save_checkpoint(saved, network(1), CARD, overwrite=True)
    assert torch.equal(open_checkpoint(saved).load_backbone().conv1.weight, network(1).conv1.weight)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(FembError, match=r"no model at .*nowhere"):
        open_checkpoint(tmp_path / "nowhere")


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(FembError, match="neither a run nor a checkpoint"):
        open_checkpoint(tmp_path)


def test_a_run_without_a_checkpoint_says_how_to_go_on(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(FembError, match="no checkpoint yet") as caught:
        open_checkpoint(tmp_path)
    assert "--resume" in caught.value.hint


DAMAGES = {
    "cut short": lambda content: content[: len(content) * 6 // 10],
    "header cut short": lambda content: content[:100],
    "empty": lambda content: b"",
    "text": lambda content: b"<!DOCTYPE html>",
    "huge header": lambda content: (2**62).to_bytes(8, "little") + content[8:],
    "header of noise": lambda content: content[:8] + b"\xff" * 50 + content[58:],
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_file_is_refused_by_name(saved, kind):
    damage(saved / MODEL, DAMAGES[kind])
    with pytest.raises(FembError, match=f"{MODEL} is not a readable safetensors file"):
        open_checkpoint(saved)


def test_a_foreign_safetensors_file_points_to_the_converter(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(FembError, match="not a femb checkpoint") as caught:
        open_checkpoint(tmp_path / "foreign.safetensors")
    assert "convert-checkpoint" in caught.value.hint


MISFITS = {
    "1 missing .*fc.weight": lambda tensors: tensors.pop("fc.weight"),
    "1 left over .*extra": lambda tensors: tensors.update(extra=torch.zeros(3)),
    r"fc.bias \(7,\) for \(8,\)": lambda tensors: tensors.update({"fc.bias": torch.zeros(7)}),
}


@pytest.mark.parametrize("complaint", MISFITS)
def test_tensors_that_do_not_fit_are_named(saved, complaint):
    tensors, metadata = load_file(saved / MODEL), read_metadata(saved / MODEL)
    MISFITS[complaint](tensors)
    save_file(tensors, saved / MODEL, metadata=metadata)
    with pytest.raises(FembError, match=complaint):
        open_checkpoint(saved).load_backbone()


def test_a_misfit_changes_nothing_in_the_module():
    module = torch.nn.Linear(2, 3)
    before = module.weight.detach().clone()
    with pytest.raises(FembError, match=r"state\.pt"):
        load_strictly(module, {"weight": torch.ones(3, 2)}, where="state.pt")
    assert torch.equal(module.weight, before)
