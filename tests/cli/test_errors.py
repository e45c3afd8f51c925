"""Bad input gets one clear error and the right exit code, and leaves nothing half-written."""

import struct
from pathlib import Path

import pytest
from tiny import TINY

from femb_cli.data.synthetic.faces import photograph


@pytest.fixture
def people(tmp_path) -> Path:
    """Three people with two images each."""
    for identity in range(3):
        for index in range(2):
            file = tmp_path / "people" / f"p{identity}" / f"p{identity}_{index + 1:04d}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(photograph(2, identity, index).jpeg)
    return tmp_path / "people"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["train", "--header", "arcfase"], 2, ["arcfase", "did you mean 'arcface'"]),
        (["train", "--backbone", "resnet50"], 2, ["resnet50", "iresnet50"]),
        (["train", "--set", "header.margn=0.3"], 2, ["header.margn", "did you mean 'header.margin'"]),
        (["train", "--set", "optimizer.lr=fast"], 2, ["optimizer.lr", "'fast'"]),
        (["train", "missing.yaml"], 2, ["missing.yaml"]),
        (["train", "--data", "missing"], 1, ["missing"]),
        (["train", "--set", "batch_size=100000"], 1, ["100000", "larger than the dataset of 4000", "--batch-size"]),
        (["train", "--batch-size", "15", "--processes", "2"], 2, ["15", "--batch-size 16"]),
        (["train", "--resume", "nowhere"], 1, ["nowhere"]),
        (["train", "--resume"], 1, ["no unfinished run"]),
        (["train", "--steps", "0"], 2, ["steps"]),
        (["train", "--device", "cuda:99"], 1, ["cuda:99"]),
        (["train", "--device", "cpu", "--set", "precision=fp16"], 2, ["fp16", "CUDA", "precision=bf16"]),
        (["verify", "--dataset", "synthetic"], 1, ["no finished run", "femb train"]),
        (["verify", "--dataset", "lfv"], 2, ["lfv", "lfw"]),
        (["verify", "--pairs", "p.txt"], 2, ["--images"]),
        (["verify", "--dataset", "lfw"], 1, ["lfw_aligned_112.zip", "pairs.txt", "--data-dir"]),
        (["embed", "missing.jpg", "-o", "e.npy"], 1, ["missing.jpg"]),
        (["embed", ".", "-o", "e.npy", "--gpus", "99"], 2, ["99 GPUs", "--processes"]),
        (["verify", "--dataset", "synthetic", "--gpus", "99"], 2, ["99 GPUs", "--processes"]),
        (["verify", "--dataset", "synthetic", "--processes", "2", "--no-cache"], 2, ["--no-cache"]),
        (["export"], 1, ["no finished run"]),
        (["inspect", "nowhere"], 1, ["nowhere"]),
        (["convert", "missing", "out"], 1, ["missing"]),
        (["convert-checkpoint", "missing.pth", "out"], 1, ["missing.pth"]),
    ],
)
def test_a_mistake_is_named_with_a_way_out(femb, tmp_path, arguments, code, words):
    result = femb(*arguments)
    assert result.code == code, result.err
    for word in words:
        assert word in result.err
    assert "Traceback" not in result.err
    assert result.out == ""
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_refused(femb, tmp_path, trained):
    (tmp_path / "empty").mkdir()
    for arguments in (["convert", "empty", "out"], ["embed", "empty", "-o", "e.npy", "-m", trained]):
        result = femb(*arguments)
        assert result.code == 1
        assert "empty" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_file_that_is_no_checkpoint_is_refused(femb, tmp_path):
    Path("model.pth").write_bytes(b"<html>not found</html>")
    Path("model.safetensors").write_bytes(b"<html>not found</html>")
    for arguments in (
        ["convert-checkpoint", "model.pth", "out"],
        ["verify", "--dataset", "synthetic", "-m", "model.safetensors"],
        ["inspect", "model.safetensors"],
        ["export", "model.safetensors", "-o", "x.pth"],
    ):
        result = femb(*arguments)
        assert result.code == 1, result.err
        assert "model." in result.err
        assert "Traceback" not in result.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pth", "model.safetensors"]


def test_identities_with_a_gap_are_refused(femb, tmp_path):
    from datasets import ClassLabel, Dataset, Features, Image

    features = Features({"image": Image(), "label": ClassLabel(names=["a", "b", "c"])})
    rows = [{"image": {"bytes": photograph(2, i, 0).jpeg, "path": None}, "label": i} for i in (0, 2)] * 8
    Dataset.from_list(rows, features=features).save_to_disk(tmp_path / "gap")
    result = femb("train", "--data", "gap", "--steps", "1", "--batch-size", "4")
    assert result.code == 1
    assert "1 ('b')" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["gap"]


def test_a_truncated_record_is_named(femb, tmp_path):
    image = photograph(2, 0, 0).jpeg
    payload = struct.pack("<IfQQ", 0, 0.0, 0, 0) + image
    record = struct.pack("<II", 0xCED7230A, len(payload)) + payload
    record += b"\0" * (-len(record) % 4)
    Path("train.rec").write_bytes(record + record[: len(record) // 2])
    Path("train.idx").write_text(f"0\t0\n1\t{len(record)}\n")
    result = femb("convert", "train.rec", "out")
    assert result.code == 1
    assert "train.rec" in result.err
    assert str(len(record)) in result.err
    assert not Path("out").exists()
    skipped = femb("convert", "train.rec", "out", "--on-error", "skip")
    assert skipped.code == 0
    assert "num_skipped      1" in skipped.out


def test_a_pair_that_names_a_missing_image_is_refused(femb, people, trained, tmp_path):
    Path("pairs.csv").write_text("ref,probe,mated\np0/p0_0001.jpg,p0/p0_0002.jpg,1\np0/p0_0001.jpg,p9/p9_0001.jpg,0\n")
    result = femb("verify", "--pairs", "pairs.csv", "--images", people, "-m", trained)
    assert result.code == 1
    assert "p9/p9_0001.jpg" in result.err
    assert "line 3" in result.err


def test_what_exists_is_not_overwritten_unless_asked(femb, people, trained):
    train = ["train", *TINY, "--steps", "1", "--set", "backbone.input_size=16", "--set", "validation.benchmarks=[]"]
    commands = {
        "set": ["convert", people, "set"],
        "e.npy": ["embed", people, "-o", "e.npy", "-m", trained],
        "m.safetensors": ["export", trained, "-o", "m.safetensors"],
        "run": [*train, "--out", "run"],
    }
    for target, arguments in commands.items():
        assert femb(*arguments).code == 0
        again = femb(*arguments)
        assert again.code == 1
        assert target in again.err
        assert "--overwrite" in again.err
        assert femb(*arguments, "--overwrite").code == 0


def test_a_gate_that_is_missed_ends_with_1(femb, trained):
    arguments = ["verify", "--dataset", "synthetic", "-m", trained, "--json"]
    assert femb(*arguments, "--min-accuracy", "0.3").code == 0
    missed = femb(*arguments, "--min-accuracy", "0.999")
    assert missed.code == 1
    assert missed.out.startswith("{")


def test_control_characters_in_arguments_do_not_reach_the_terminal(femb):
    for arguments in (["inspect", "a\x1b[31m\nb\u202e"], ["train", "--set", "\x1b[2J=1"], ["train", "a\x07.yaml"]):
        result = femb(*arguments)
        assert result.code
        assert not {"\x1b", "\x07", "\u202e"} & set(result.err)
        assert result.err.startswith("error: ")
    assert "a\\x1b[31m\\nb\\u202e" in femb("inspect", "a\x1b[31m\nb\u202e").err.splitlines()[0]
