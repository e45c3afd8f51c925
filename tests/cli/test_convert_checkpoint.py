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
    assert "these weights keep their licence: Apache-2.0" in result.err
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
    assert "known are arcface_torch" in result.err
