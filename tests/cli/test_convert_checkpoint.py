"""What `femb convert-checkpoint` says."""

import json

import torch
from official_files import iresnet, magface


def test_the_checkpoint_its_source_and_the_next_commands_are_shown(femb):
    torch.save(magface("features.module.", "parallel_fc.weight"), "official.pth")
    result = femb("convert-checkpoint", "official.pth", "converted")
    assert result.code == 0, result.err
    shown = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert (shown["path"], shown["backbone"], shown["num_identities"]) == ("converted", "iresnet18", "5")
    assert (shown["family"], shown["file"]) == ("magface", "official.pth")
    assert (
        "the layout is magface's (https://github.com/IrvingMeng/MagFace): if the weights are its authors'" in result.err
    )
    assert "these weights keep their licence" not in result.err
    assert "femb inspect converted" in result.err


def test_json_is_one_document(femb):
    torch.save(iresnet(), "official.pth")
    result = femb("convert-checkpoint", "official.pth", "converted", "--from", "seed", "--json", "--quiet")
    assert json.loads(result.out)["family"] == "seed"
    assert result.err == ""


def test_an_unknown_family_is_a_wrong_option(femb):
    torch.save(iresnet(), "official.pth")
    result = femb("convert-checkpoint", "official.pth", "converted", "--from", "facenet")
    assert result.code == 2
    assert "did you mean 'tface'?" in result.err


def test_several_networks_are_named_and_an_option_chooses(femb):
    torch.save({"model": iresnet(), "ema": iresnet()}, "last.pth")
    refused = femb("convert-checkpoint", "last.pth", "converted")
    assert refused.code == 1
    assert "last.pth holds several networks: model, ema" in refused.err
    assert "--network model or --network ema" in refused.err
    assert femb("convert-checkpoint", "last.pth", "converted", "--network", "ema").code == 0
    wrong = femb("convert-checkpoint", "converted/model.safetensors", "again", "--network", "ema")
    assert wrong.code == 2
    assert "holds one network only" in wrong.err


def test_a_folder_whose_name_ends_in_onnx_is_a_folder(femb):
    torch.save(iresnet(), "official.pth")
    assert femb("convert-checkpoint", "official.pth", "a.onnx", "--quiet").code == 0
    shown = femb("inspect", "a.onnx")
    assert shown.code == 0, shown.err
    assert "iresnet18" in shown.out
