"""Checkpoints on disk: exact, whole, and refused where they are not."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import LARGEST_INPUT, ModelCard
from femb_cli.checkpoints.checksums import CHECKSUMS
from femb_cli.checkpoints.fingerprint import fingerprint
from femb_cli.checkpoints.inspection import inspect_model
from femb_cli.checkpoints.runs import CLASSIFIER, CONFIG, MODEL, STATE
from femb_cli.checkpoints.store import assemble_backbone, load_strictly, open_checkpoint, read_metadata, save_checkpoint
from femb_cli.config.schema import IResNetConfig, MobileFaceNetConfig, ViTConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.inference import load_embedder

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
    """A checkpoint without checksums, so that each test finds its own change, not a checksum that differs."""
    save_checkpoint(tmp_path / "saved", network(), CARD)
    (tmp_path / "saved" / CHECKSUMS).unlink()
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


def test_equal_networks_are_equal_files_with_sorted_metadata(saved, tmp_path):
    checkpoint = open_checkpoint(saved)
    for number in range(8):  # the library's order of a few entries is another in each call
        save_checkpoint(tmp_path / str(number), checkpoint.load_backbone(), checkpoint.card)
    files = [(tmp_path / str(number) / MODEL).read_bytes() for number in range(8)]
    assert len(set(files)) == 1
    metadata = read_metadata(tmp_path / "0" / MODEL)
    assert len(metadata) > 3
    assert metadata == checkpoint.card.to_metadata()
    header = json.loads(files[0][8 : 8 + int.from_bytes(files[0][:8], "little")])
    assert next(iter(header)) == "__metadata__"
    assert list(header["__metadata__"]) == sorted(metadata)


def test_a_loaded_network_is_in_evaluation_mode_with_its_epsilon(saved):
    backbone = open_checkpoint(saved).load_backbone()
    assert not any(module.training for module in backbone.modules())
    assert backbone.features.eps == 2e-5


def test_the_card_comes_back_whole_and_with_a_fingerprint(tmp_path):
    written = save_checkpoint(tmp_path / "saved", network(), CARD)
    assert open_checkpoint(tmp_path / "saved").card == written
    assert written == replace(CARD, fingerprint=fingerprint(network(), CARD.preprocessing))


def test_a_single_file_is_enough(saved, tmp_path):
    (saved / MODEL).rename(tmp_path / "moved.safetensors")
    checkpoint = open_checkpoint(tmp_path / "moved.safetensors")
    assert checkpoint.card.source == CARD.source
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
    assert names == {MODEL, CLASSIFIER, CONFIG, CHECKSUMS, STATE, f"{STATE}/progress.json"}
    assert torch.equal(load_file(tmp_path / "full" / CLASSIFIER)["weight"], classifier["weight"])


def test_a_failure_half_way_leaves_nothing(tmp_path):
    def write_state(folder):
        (folder / "half").write_text("")
        raise OSError("no space left on device")

    with pytest.raises(FembError, match="cannot write .*checkpoint: no space"):
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
    with pytest.raises(FembError, match=f"{MODEL} is (no|a damaged) safetensors file"):
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


@pytest.mark.parametrize(
    "config", [SMALL, MobileFaceNetConfig(input_size=16), ViTConfig(input_size=18, mask_ratio=0.0)]
)
def test_an_assembled_network_takes_the_tensors_themselves_and_answers_as_the_original(config):
    torch.manual_seed(0)
    original = build_configured_backbone(config).eval()
    tensors = original.state_dict()
    assembled = assemble_backbone(config, tensors, where="here")
    assert not any(module.training for module in assembled.modules())
    for name, tensor in assembled.state_dict().items():
        assert tensor.data_ptr() == tensors[name].data_ptr(), name
    assert [p.requires_grad for p in assembled.parameters()] == [p.requires_grad for p in original.parameters()]
    images = torch.rand(2, 3, config.input_size, config.input_size)
    with torch.inference_mode():
        assert torch.equal(assembled(images), original(images))


def test_half_precision_tensors_make_a_network_of_single_precision():
    tensors = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in network().state_dict().items()
    }
    assembled = assemble_backbone(SMALL, tensors, where="here")
    assert {parameter.dtype for parameter in assembled.parameters()} == {torch.float32}
    assert assembled.bn1.num_batches_tracked.dtype == torch.int64


def test_an_existing_module_keeps_its_own_parameters():
    module = torch.nn.Linear(2, 3)
    weight, values = module.weight, torch.ones(3, 2)
    load_strictly(module, {"weight": values, "bias": torch.zeros(3)}, where="here")
    assert module.weight is weight
    assert torch.equal(weight, values)
    assert weight.data_ptr() != values.data_ptr()


def test_tensors_that_share_their_memory_are_stored_apart(tmp_path):
    both = torch.arange(4.0)
    save_checkpoint(tmp_path / "shared", network(), CARD, classifier={"weight": both, "copy": both})
    assert torch.equal(load_file(tmp_path / "shared" / CLASSIFIER)["copy"], both)


def test_a_network_in_training_stays_so_while_it_is_saved(tmp_path):
    backbone = network().train()
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    save_checkpoint(tmp_path / "saved", backbone, CARD)
    assert all(module.training for module in backbone.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())


def test_a_card_of_another_network_is_not_written(tmp_path):
    with pytest.raises(FembError, match="fit"):
        save_checkpoint(tmp_path / "saved", network(), replace(CARD, backbone=replace(SMALL, embedding_dim=9)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda metadata: metadata.update(backbone=metadata["backbone"].replace("2e-05", "1e-03")),
        lambda metadata: metadata.update(channel_order="RGB"),
        lambda metadata: metadata.update(mean="[0.0, 0.0, 0.0]"),
    ],
)
def test_settings_that_the_weights_were_not_made_with_are_refused_on_loading(saved, change):
    tensors, metadata = load_file(saved / MODEL), read_metadata(saved / MODEL)
    change(metadata)
    save_file(tensors, saved / MODEL, metadata=metadata)
    with pytest.raises(FembError, match=f"{MODEL} does not match its fingerprint"):
        open_checkpoint(saved).load_backbone()


def test_a_checkpoint_without_a_fingerprint_is_loaded_unchecked(saved):
    tensors, metadata = load_file(saved / MODEL), read_metadata(saved / MODEL)
    del metadata["fingerprint"]
    save_file(tensors, saved / MODEL, metadata=metadata | {"channel_order": "RGB"})
    assert open_checkpoint(saved).load_backbone().embedding_dim == 8


@pytest.fixture
def restate(saved):
    """Change numbers of the saved backbone's configuration, wherever the metadata has them."""

    def change(**changes):
        metadata, tensors = read_metadata(saved / MODEL), load_file(saved / MODEL)
        metadata |= {name: str(value) for name, value in changes.items()}
        metadata["backbone"] = json.dumps({**json.loads(metadata["backbone"]), **changes})
        save_file(tensors, saved / MODEL, metadata=metadata)
        return saved

    return change


@pytest.mark.parametrize(
    "name, value",
    [("width", 1e9), ("width", 1e300), ("embedding_dim", 2**62), ("embedding_dim", 2**63), ("embedding_dim", 10**40)],
)
@pytest.mark.parametrize("read", [load_embedder, inspect_model])
def test_a_network_larger_than_torch_can_count_is_refused(restate, read, name, value):
    with pytest.raises(FembError, match=r"model\.safetensors"):
        read(restate(**{name: value}))


def test_an_input_of_gigabytes_is_refused_with_the_file(restate):
    with pytest.raises(FembError, match=r"model\.safetensors has damaged metadata.*input_size.* 2049"):
        load_embedder(restate(input_size=LARGEST_INPUT + 1))


def test_a_header_with_shapes_beyond_torch_is_refused(saved):
    file = saved / MODEL
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["x"] = {"dtype": "F32", "shape": [0, 2**62, 2], "data_offsets": [0, 0]}
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    with pytest.raises(FembError, match=r"model\.safetensors is (no|a damaged) safetensors file"):
        load_embedder(saved)
