"""A dry run writes nothing, and refuses what the real run refuses."""

import json

import numpy as np
import pytest
import typer
from pictures import people, tree

from femb_cli.cli.app import build_app


@pytest.fixture
def home(tmp_path, monkeypatch, trained):
    """A directory with what the commands read, and outputs that exist."""
    monkeypatch.chdir(tmp_path)
    people(tmp_path / "people", {"a": 3, "b": 3})
    (tmp_path / "model").symlink_to(trained)
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "faces.npy", np.eye(4, dtype=np.float32))
    (tmp_path / "faces.txt").write_text("a/1.jpg\na/2.jpg\nb/1.jpg\nb/2.jpg\n")
    for name in ("out.csv", "page.html", "weights.pt", "m.onnx", "damaged.bin"):
        (tmp_path / name).write_text("mine")
    genuine = "a/1,a/2,1\nb/1,b/2,1\n"
    lists = {"genuine": genuine, "pairs": f"{genuine}a/1,b/1,0\na/2,b/2,0\n", "missing": "a/1,c/1,1\na/1,b/1,0\n"}
    for name, lines in {**lists, "itself": f"{genuine}a/1,a/1,0\n"}.items():
        (tmp_path / f"{name}.csv").write_text(f"left,right,mated\n{lines}")
    return tmp_path


REFUSED = """\
align nowhere out
align people people
align people out --detector mtcm
align people out --device cuda:99
embed nowhere -o e.npy
embed empty -o e.npy --model model
embed people -o faces.npy --model model
embed people -o e.npy --model nowhere
embed people -o e.npy --model weights.pt
embed people -o e.npy --model model --gpus 99
embed people -o e.npy --model model --device cuda:99
embed people -o e.npy --model model --detector mtcm
search faces.npy nowhere.npy
search faces.npy faces.npy -o out.csv
search faces.npy faces.npy --show page.html --images people
search people faces.npy --model nowhere
search people faces.npy --model model --detector mtcm
search faces.npy faces.npy --detector mtcm
group nowhere
group faces.npy -o out.csv
group faces.npy --move people --images people
group people --link people --model model
group people --model model --device cuda:99
identify faces.npy nowhere.npy
identify faces.npy faces.npy -o out.csv
convert nowhere out
convert people people
convert people people --overwrite
convert people people --overwrite --format folder
convert people out --min-images 9
convert people out --align auto --detector mtcm
convert nowhere/hub out --detector mtcm
convert people out --align auto --device cuda:99
convert people out --device cpu
convert people out --identities nowhere
convert people empty out
train --data nowhere
train --data people --out people --steps 1 --batch-size 2
train --data people --init nowhere
train --data people --steps 1 --batch-size 2 --gpus 99
train --data people --steps 1 --batch-size 2 --device cuda:99
train --steps 1 --batch-size 16 --set precision=fp16 --device cpu
train --steps 1 --batch-size 16 --set validation.benchmarks=[lwf]
train --steps 1 --batch-size 16 --set validation.benchmarks=[lfw]
train --steps 1 --batch-size 16 --set checkpoint.best=lfw
report nowhere
report model -o page.html
convert-checkpoint nowhere.pth out
convert-checkpoint weights.pt out
convert-checkpoint model/checkpoints/step-000008/model.safetensors people
convert-checkpoint r100-glint360k_arcface out --from nobody
verify --dataset nowhere --model model
verify --dataset lfw --model model
verify --suite --model model
verify --dataset synthetic --model nowhere
verify --dataset synthetic --model weights.pt
verify --dataset synthetic --model model --device cuda:99
verify --dataset synthetic --model model --gpus 99
verify --dataset synthetic --model model --detector mtcm
verify --dataset synthetic --model model --report people
verify --dataset synthetic --model model --leaderboard page.html
verify --dataset synthetic --model model --min-accuracy 99
verify --dataset synthetic --model model --max-fnmr much
verify --dataset damaged.bin --model model
verify --pairs nowhere --images people --model model
verify --pairs pairs.csv --images people --model nowhere
verify --pairs page.html --images people --model model
verify --pairs pairs.csv --images nowhere --model model
verify --pairs pairs.csv --images empty --model model
verify --pairs missing.csv --images people --model model
verify --pairs itself.csv --images people --model model
verify --pairs genuine.csv --images people --model model
verify --pairs pairs.csv --images people --model model --quality nowhere
verify --pairs pairs.csv --images people --model model --store-threshold 1e-3
verify --pairs pairs.csv --images people --model model --write-scores out.csv
verify --pairs pairs.csv --embeddings nowhere.npy
verify --pairs missing.csv --embeddings faces.npy
verify --scores nowhere
verify --scores page.html
verify --scores genuine.csv
verify --templates nowhere --model model
verify --templates empty --model model
export nowhere -o e.safetensors
export model -o m.onnx
export model -o e.onnx --int8 --calibration empty
export model -o e.onnx --half --int8
export model -o e.pth --format magface
"""


def refusal(ended):
    """The error and its hint; the real run may have said more about its images."""
    return ended.err[ended.err.index("error: ") :]


@pytest.mark.parametrize("command", REFUSED.splitlines())
def test_what_the_real_run_refuses_is_refused_in_the_same_words(femb, home, command):
    before = tree(home)
    real, dry = femb(*command.split()), femb(*command.split(), "--dry-run")
    assert real.code in (1, 2), command
    assert (dry.code, refusal(dry)) == (real.code, refusal(real))
    assert dry.out == ""
    assert tree(home) == before


DONE = {
    "align": "people crops",
    "embed": "people -o e.npy --model model",
    "search": "faces.npy people --model model -o hits.csv --show hits.html --images people",
    "group": "people --model model --move moved",
    "identify": "faces.npy faces.npy -o matches.csv",
    "convert": "people out",
    "train": "--data people --steps 1 --batch-size 2 --out run",
    "report": "model -o new.html",
    "convert-checkpoint": "model/checkpoints/step-000008/model.safetensors out",
    "verify": "--pairs pairs.csv --images people --model model --report report --write-scores scores.csv",
    "export": "model -o e.onnx",
}


def test_every_command_with_a_dry_run_is_tried_here():
    commands = typer.main.get_command(build_app()).commands.items()
    assert {name for name, one in commands if any("--dry-run" in each.opts for each in one.params)} == set(DONE)


@pytest.mark.parametrize("command", DONE)
def test_a_dry_run_prints_what_would_be_done_and_writes_nothing(femb, home, command):
    before = tree(home)
    done = femb(command, *DONE[command].split(), "--dry-run", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)
    assert tree(home) == before
    assert "next:" not in done.err and "wrote" not in done.err


@pytest.mark.parametrize(
    ("options", "reads", "writes"),
    [
        ("--pairs pairs.csv --images people --model model", {"num_pairs": 4, "num_images": 4, "num_photos": 0}, {}),
        ("--pairs pairs.csv --embeddings faces.npy", {"num_genuine": 2, "num_embeddings": 4}, {}),
        ("--scores scores.txt --report page", {"path": "scores.txt", "num_pairs": 4}, {"report": "page"}),
        ("--dataset synthetic --model one=model", {"first": "its faces are drawn", "model": "one"}, {}),
        ("--dataset xqlfw --model model", {"first": "xqlfw_aligned_112.zip and xqlfw_pairs.txt are downloaded"}, {}),
    ],
)
def test_a_dry_run_of_verify_says_what_is_read_fetched_and_written(femb, home, monkeypatch, options, reads, writes):
    monkeypatch.setenv("FEMB_CACHE_DIR", str(home / "cache"))
    (home / "scores.txt").write_text("score,mated\n0.9,1\n0.8,1\n0.1,0\n0.2,0\n")
    done = femb("verify", *options.split(), "--dry-run", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    (read,) = document["reads"]
    assert reads.items() <= read.items()
    assert document["writes"] == writes
    assert not (home / "cache").exists()
