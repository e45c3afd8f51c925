"""The tutorial's commands and the notebook's cells run on real photos, one after the other."""

import json
import shutil
import zipfile
from itertools import combinations

import pytest
from documents import ROOT, commands_of

TUTORIAL, NOTEBOOK = ROOT / "docs/tutorial.md", ROOT / "docs/notebook.ipynb"
SHORT = ("--steps", "3", "--set", "backbone.width=0.125", "--set", "batch_size=8")


@pytest.fixture
def home(shared, tmp_path, monkeypatch):
    """A directory with the photos, the people, the pairs and the weights that the tutorial names."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(shared / "data/weights/mobilefacenet_foamliu.pt", tmp_path)
    with zipfile.ZipFile(shared / "data/lfw_raw_250_sample.zip") as archive:
        photos = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        (tmp_path / "photos").mkdir()
        for name, member in zip(("anna.jpg", "ben.jpg", *photos[2:12]), photos, strict=False):
            target = tmp_path / "photos" / name.rsplit("/", 1)[-1]
            target.write_bytes(archive.read(member))
    with zipfile.ZipFile(shared / "data/lfw_aligned_112.zip") as archive:
        by_person = {}
        for name in sorted(name for name in archive.namelist() if name.endswith(".jpg")):
            by_person.setdefault(name.split("/")[-2], []).append(name)
        people = [(person, names[:4]) for person, names in by_person.items() if len(names) >= 4][:8]
        for person, names in people:
            (tmp_path / "people" / person).mkdir(parents=True)
            for name in names:
                (tmp_path / "people" / person / name.split("/")[-1]).write_bytes(archive.read(name))
    write_pairs(
        tmp_path / "pairs.csv",
        [[f"{person}/{name.split('/')[-1]}" for name in names] for person, names in people],
    )
    return tmp_path


def write_pairs(file, people):
    """Write all genuine and impostor pairs of the images of some people."""
    images = [(number, name) for number, names in enumerate(people) for name in names]
    pairs = [f"{one},{other},{int(a == b)}" for (a, one), (b, other) in combinations(images, 2)]
    file.write_text("\n".join(["ref,probe,mated", *pairs]) + "\n")


@pytest.mark.slow
def test_every_command_of_the_tutorial_runs(femb, home):
    for command in commands_of(TUTORIAL):
        done = femb(*command, *(SHORT if command[0] == "train" else ()))
        assert done.code == 0, f"femb {' '.join(command)}: {done.err}"
    for made in ("people.html", "comparison/report.html", "mobilefacenet.onnx", "runs/people"):
        assert (home / made).exists(), made


@pytest.mark.slow
def test_every_cell_of_the_notebook_runs(femb, home):
    assert femb("convert-checkpoint", "mobilefacenet_foamliu.pt", "mobilefacenet").code == 0
    names = {}
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "notebook.ipynb", "exec"), names)
    assert len(names["groups"]) <= len(names["paths"]) == 12


def test_the_notebook_is_stored_without_output():
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None
