"""The whole chain through the command line: data, training, verification, embedding, export."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny import TINY
from under_launcher import run_femb

from femb_cli.data.synthetic.faces import photograph

TRAIN = ("train", *TINY)


def test_a_run_is_verified_embedded_and_exported_without_naming_it(femb, tmp_path):
    trained = femb(*TRAIN, "--json")
    assert trained.code == 0, trained.err
    summary = json.loads(trained.out)
    assert summary["steps"] == 8
    assert np.isfinite(summary["loss"])
    assert "femb verify --dataset synthetic\n" in trained.err

    verified = json.loads(femb("verify", "--dataset", "synthetic", "--json").out)
    for key in ("benchmark", "num_pairs", "accuracy", "accuracy_std", "threshold", "eer", "auc", "model", "flip"):
        assert verified[key] == summary["verification"][key], key
    assert list(verified["tar_at_far"]) == list(verified["fnmr_at_fmr"]) == ["1e-1", "1e-2", "1e-3", "1e-4"]

    samples = Path(summary["run"]) / "samples"
    embedded = json.loads(femb("embed", samples, "-o", "embeddings.npy", "--json").out)
    names = (tmp_path / "embeddings.txt").read_text().splitlines()
    rows = np.load(tmp_path / "embeddings.npy")
    assert names == sorted(path.name for path in samples.iterdir())
    assert rows.shape == (embedded["num_images"], embedded["embedding_dim"]) == (6, 128)
    assert rows.dtype == np.float32

    assert femb("export", "-o", "model.safetensors").code == 0
    assert femb("export").code == 0
    again = json.loads(femb("verify", "--dataset", "synthetic", "--model", "model.safetensors", "--json").out)
    assert again["accuracy"] == verified["accuracy"]


def test_an_onnx_file_embeds_as_the_run_does(femb, trained, trained_onnx, tmp_path):
    for model, out in ((trained, "a.npy"), (trained_onnx, "b.npy")):
        assert femb("embed", trained / "samples", "-o", out, "--model", model, "--flip", "sum").code == 0
    a, b = np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy")
    assert np.abs(a - b).max() <= 1e-4 * np.abs(a).max()


def test_an_official_layout_comes_back_with_the_same_tensors(femb, trained, tmp_path):
    assert femb("export", trained, "-o", "weights.pth", "--format", "arcface").code == 0
    assert femb("convert-checkpoint", "weights.pth", "back").code == 0
    ours = load_file(next(trained.glob("checkpoints/step-000008/model.safetensors")))
    back = load_file(tmp_path / "back" / "model.safetensors")
    assert ours.keys() == back.keys()
    assert all(np.array_equal(ours[name], back[name]) for name in ours)


def test_a_layout_whose_program_would_embed_wrongly_is_refused(femb, trained, tmp_path):
    refused = femb("export", trained, "-o", "weights.pth", "--format", "magface")
    assert refused.code == 1
    assert "MagFace would embed wrongly" in refused.err
    assert "--format arcface fits" in refused.err
    assert list(tmp_path.iterdir()) == []


def test_a_torchscript_file_is_a_program_that_femb_writes_and_does_not_run(femb, trained):
    assert femb("export", trained, "-o", "model.ts").code == 0
    refused = femb("embed", trained / "samples", "-o", "e.npy", "--model", "model.ts")
    assert refused.code == 1
    assert "model.ts is a TorchScript or torch.export file" in refused.err


def test_a_folder_of_people_is_converted_trained_and_verified(femb, tmp_path):
    for identity in range(6):
        folder = tmp_path / "people" / f"person_{identity}"
        folder.mkdir(parents=True)
        for index in range(4):
            (folder / f"person_{identity}_{index + 1:04d}.jpg").write_bytes(photograph(1, identity, index).jpeg)
    converted = json.loads(femb("convert", "people", "people_set", "--json").out)
    assert {key: converted[key] for key in ("num_images", "num_identities", "num_skipped", "path")} == {
        "num_images": 24,
        "num_identities": 6,
        "num_skipped": 0,
        "path": "people_set",
    }
    trained = femb(
        *("train", "--data", "people_set", "--steps", "3", "--batch-size", "8", "--set", "workers=1"),
        *("--set", "backbone.width=0.125", "--set", "log_every=1", "--json", "--header", "magface"),
    )
    assert trained.code == 0, trained.err
    assert json.loads(trained.out)["verification"] is None
    pairs = ["ref,probe,mated"]
    pairs += [f"person_{i}/person_{i}_0001.jpg,person_{i}/person_{i}_0002.jpg,1" for i in range(6)]
    pairs += [f"person_{i}/person_{i}_0001.jpg,person_{(i + 1) % 6}/person_{(i + 1) % 6}_0003.jpg,0" for i in range(6)]
    (tmp_path / "pairs.csv").write_text("\n".join(pairs) + "\n")
    from_images = json.loads(
        femb("verify", "--pairs", "pairs.csv", "--images", "people", "--flip", "none", "--json").out
    )
    assert femb("embed", "people_set", "-o", "people.npy").code == 0
    from_file = json.loads(femb("verify", "--pairs", "pairs.csv", "--embeddings", "people.npy", "--json").out)
    for key in ("num_pairs", "accuracy", "eer", "auc", "tar_at_far"):
        assert from_images[key] == from_file[key], key


def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(femb, trained, tmp_path):
    shutil.copytree(trained, "run")
    shutil.rmtree("run/checkpoints/step-000008")
    Path("run/summary.json").unlink()
    resumed = femb("train", "--resume", "run", "--json")
    assert resumed.code == 0, resumed.err
    for file in ("model.safetensors", "classifier.safetensors"):
        ours = load_file(tmp_path / "run/checkpoints/step-000008" / file)
        theirs = load_file(trained / "checkpoints/step-000008" / file)
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    steps = [json.loads(line)["step"] for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert steps == [4, 8, 8]  # the last is the verification


def test_a_bare_resume_goes_on_with_the_newest_unfinished_run(femb, trained):
    shutil.copytree(trained, "runs/a")
    Path("runs/a/summary.json").unlink()
    shutil.rmtree("runs/a/checkpoints/step-000008")
    assert femb("train", "--resume").code == 0
    assert Path("runs/a/checkpoints/step-000008").is_dir()


def test_two_processes_of_a_launcher_train_verify_and_embed_together(femb, processes, trained, tmp_path):
    def together(*arguments: str) -> dict:
        (code, out, err), (other_code, other_out, _) = processes(2).run(run_femb, tmp_path, *arguments, "--json")
        assert (code, other_code, other_out) == (0, 0, ""), err
        return json.loads(out)

    summary = together(*TRAIN)
    assert (summary["processes"], summary["steps"]) == (2, 8)
    assert summary["verification"]["num_pairs"] == 1200
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [Path(summary["run"]).name]
    verify = ("verify", "--dataset", "synthetic", "-m", summary["run"])
    alone = json.loads(femb(*verify, "--no-cache", "--json").out)
    for other in (together(*verify), alone):
        assert other["auc"] == pytest.approx(summary["verification"]["auc"], abs=1e-6)
    embed = ("embed", str(trained / "samples"), "--model", str(trained), "-o")
    assert together(*embed, "two.npy")["num_images"] == 6
    assert femb(*embed, "one.npy").code == 0
    np.testing.assert_allclose(np.load(tmp_path / "two.npy"), np.load(tmp_path / "one.npy"), rtol=0, atol=1e-4)
    assert (tmp_path / "two.txt").read_text() == (tmp_path / "one.txt").read_text()


@pytest.mark.slow
def test_two_processes_train_and_embed(tmp_path, trained):
    def run(*arguments: str) -> dict:
        command = [sys.executable, "-m", "femb_cli", *arguments, "--processes", "2", "--json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    summary = run(*TRAIN, "--out", "run")
    assert (summary["steps"], summary["processes"]) == (8, 2)
    assert summary["verification"]["num_pairs"] == 1200
    verify = ["verify", "--dataset", "synthetic", "-m", "run"]
    assert run(*verify)["auc"] == pytest.approx(summary["verification"]["auc"], abs=1e-6)
    command = [sys.executable, "-m", "femb_cli", *verify, "--no-cache", "--json"]
    alone = json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout)
    assert alone["auc"] == pytest.approx(summary["verification"]["auc"], abs=1e-6)
    embedded = run("embed", str(trained / "samples"), "-o", "two.npy", "--model", str(trained))
    assert embedded["num_images"] == 6
    command = [sys.executable, "-m", "femb_cli", "embed", str(trained / "samples"), "-o", "one.npy", "-m", str(trained)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "two.npy"), np.load(tmp_path / "one.npy"), rtol=0, atol=1e-4)
    assert (tmp_path / "two.txt").read_text() == (tmp_path / "one.txt").read_text()


@pytest.mark.slow
def test_under_torchrun_every_process_joins_one_run(tmp_path):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "femb_cli"]
    done = subprocess.run([*launcher, *TRAIN, "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["processes"], summary["steps"]) == (2, 8)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [Path(summary["run"]).name]
    verify = ["verify", "--dataset", "synthetic", "-m", summary["run"], "--json"]
    done = subprocess.run([*launcher, *verify], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["auc"] == pytest.approx(summary["verification"]["auc"], abs=1e-6)
