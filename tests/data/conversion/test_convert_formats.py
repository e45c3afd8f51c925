"""Hugging Face's library reads what a conversion writes: images, names and extra columns."""

import io
import json
from pathlib import Path

import pytest
from pictures import encode, people

from femb_cli.data.conversion.convert import convert
from femb_cli.data.files.folder import FolderSource
from femb_cli.data.files.list_file import ListFileSource
from femb_cli.data.open import open_source
from femb_cli.data.source import ImageSource, check_identities
from femb_cli.errors import FembError

COUNTS = {"zoë": 3, "adam": 2, "eve": 4}
FORMATS = ("arrow", "parquet")


@pytest.fixture(autouse=True)
def _own_hub_cache(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


@pytest.fixture
def faces(tmp_path) -> FolderSource:
    return FolderSource(people(tmp_path / "faces", COUNTS))


@pytest.fixture
def table_of_faces(faces, tmp_path) -> ListFileSource:
    """A list with extra columns."""
    rows = [f"{name},{name.split('/')[0]},{number},{'ÄB'[number % 2]}\n" for number, name in enumerate(faces.names)]
    (tmp_path / "faces.csv").write_text("path,identity,age,ethnicity\n" + "".join(rows), encoding="utf-8")
    return ListFileSource(tmp_path / "faces.csv", faces.path)


def hugging_face_set(age_of_row: range = range(6)):
    """A dataset as others make it, with a second column of named classes."""
    from datasets import ClassLabel, Dataset, Features, Image, Value

    features = Features(
        {
            "image": Image(),
            "age": Value("int32"),
            "sex": ClassLabel(names=["female", "male"]),
            "label": ClassLabel(names=["x", "y", "z"]),
        }
    )
    columns = {
        "image": [{"bytes": encode(30 * row), "path": f"{row}.jpg"} for row in age_of_row],
        "age": list(age_of_row),
        "sex": [row % 2 for row in age_of_row],
        "label": [row % 3 for row in age_of_row],
    }
    return Dataset.from_dict(columns, features=features)


def load(path: Path, format: str):
    """Open a converted set with Hugging Face's library."""
    from datasets import load_dataset, load_from_disk

    return load_from_disk(str(path)) if format == "arrow" else load_dataset(str(path), split="train")


def contents(source: ImageSource) -> dict[str, tuple[str, bytes]]:
    """Identity and bytes of each image by its name."""
    who = source.identities
    return {name: (who.names[who.labels_N[row]], source.read(row)) for row, name in enumerate(source.names)}


@pytest.mark.parametrize("format", FORMATS)
def test_hugging_face_shows_images_and_names(faces, tmp_path, format):
    from datasets import ClassLabel, Image

    convert(faces, tmp_path / "set", format=format)
    opened = load(tmp_path / "set", format)
    assert opened.features == {"image": Image(), "label": ClassLabel(names=sorted(COUNTS))}
    assert len(opened) == 9
    assert opened[0]["image"].size == (40, 40)
    assert opened[0]["image"].mode == "RGB"
    names = opened.features["label"].int2str(opened["label"][:])
    assert names == [name.split("/")[0] for name in faces.names]


def test_parquet_files_open_by_their_names_alone(faces, tmp_path):
    from datasets import load_dataset

    convert(faces, tmp_path / "set", format="parquet", shard_bytes=1)
    files = sorted(map(str, (tmp_path / "set" / "data").iterdir()))
    opened = load_dataset("parquet", data_files=files, split="train")
    assert opened.features["label"].names == sorted(COUNTS)
    assert [image.size for image in opened["image"][:]] == [(40, 40)] * 9


def test_hugging_face_gets_the_very_bytes(faces, tmp_path):
    from datasets import Image

    for format in FORMATS:
        convert(faces, tmp_path / format, format=format)
        rows = load(tmp_path / format, format).cast_column("image", Image(decode=False))["image"][:]
        assert [row["bytes"] for row in rows] == [faces.read(row) for row in range(len(faces))]
        assert [row["path"] for row in rows] == faces.names


@pytest.mark.parametrize("format", FORMATS)
def test_extra_columns_of_a_list_are_kept(table_of_faces, tmp_path, format):
    convert(table_of_faces, tmp_path / "set", format=format)
    opened = load(tmp_path / "set", format)
    assert opened.column_names == ["image", "label", "age", "ethnicity"]
    assert opened["age"][:] == list(range(9))
    assert opened["ethnicity"][:] == ["ÄB"[row % 2] for row in range(9)]
    assert "`ethnicity`" in (tmp_path / "set" / "README.md").read_text(encoding="utf-8")


def test_extra_columns_go_with_their_images(table_of_faces, tmp_path):
    convert(table_of_faces, tmp_path / "set", identities=["eve"])
    opened = load(tmp_path / "set", "arrow")
    eves = [row for row, name in enumerate(table_of_faces.names) if name.startswith("eve/")]
    assert opened["age"][:] == eves


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("saved_as", FORMATS)
def test_the_classes_of_a_extra_column_keep_their_names(tmp_path, saved_as, format):
    from datasets import ClassLabel, Value

    if saved_as == "arrow":
        hugging_face_set().save_to_disk(tmp_path / "source")
    else:
        (tmp_path / "source").mkdir()
        hugging_face_set().to_parquet(tmp_path / "source" / "train-00000-of-00001.parquet")
    convert(open_source(tmp_path / "source"), tmp_path / "set", format=format, shard_bytes=1)
    opened = load(tmp_path / "set", format)
    assert opened.features["sex"] == ClassLabel(names=["female", "male"])
    assert opened.features["age"] == Value("int32")
    assert opened.features["label"] == ClassLabel(names=["x", "y", "z"])
    assert (opened["sex"][:], opened["age"][:]) == ([0, 1] * 3, list(range(6)))


def test_there_and_back_nothing_is_lost(table_of_faces, tmp_path):
    source: ImageSource = table_of_faces
    checksums = set()
    for number, format in enumerate(("parquet", "arrow", "parquet", "parquet", "arrow")):
        convert(source, tmp_path / str(number), format=format, shard_bytes=1500)
        source = open_source(tmp_path / str(number))
        assert contents(source) == contents(table_of_faces)
        assert source.identities.names == table_of_faces.identities.names
        assert load(tmp_path / str(number), format)["ethnicity"][:] == ["ÄB"[row % 2] for row in range(9)]
        checksums.add(json.loads((tmp_path / str(number) / "femb.json").read_text())["checksum"])
    assert len(checksums) == 1


@pytest.mark.parametrize("format", FORMATS)
def test_labels_have_no_gap_if_all_images_of_an_identity_are_damaged(table_of_faces, tmp_path, format):
    for name in table_of_faces.names:
        if name.startswith("adam/"):
            (tmp_path / "faces" / name).write_bytes(b"<html>")
    result = convert(table_of_faces, tmp_path / "set", format=format, on_error="skip", shard_bytes=1500)
    assert (result.num_images, result.num_identities, result.num_skipped) == (7, 2, 2)
    source = open_source(tmp_path / "set")
    check_identities(source)
    kept = {name: who for name, who in contents(table_of_faces).items() if not name.startswith("adam/")}
    assert contents(source) == kept
    opened = load(tmp_path / "set", format)
    assert opened.features["label"].names == ["eve", "zoë"]
    assert opened.column_names == ["image", "label", "age", "ethnicity"]
    assert len((tmp_path / "set" / "skipped.txt").read_text().splitlines()) == 2


@pytest.mark.parametrize("format", FORMATS)
def test_the_dataset_info_is_that_of_the_source(faces, tmp_path, format):
    convert(faces, tmp_path / "set", format=format)
    info = json.loads((tmp_path / "set" / "femb.json").read_text())
    assert (info["num_images"], info["num_identities"], info["image_size"]) == (9, 3, [40, 40])
    assert (info["source"], info["source_kind"]) == ("faces", "folder")


@pytest.mark.parametrize("name", ["image", "label"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_extra_column_that_is_called_like_one_of_the_sets_own_is_refused(faces, tmp_path, name, format):
    rows = "".join(f"{image},{image.split('/')[0]},7\n" for image in faces.names)
    (tmp_path / "faces.csv").write_text(f"path,identity,{name}\n{rows}", encoding="utf-8")
    source = ListFileSource(tmp_path / "faces.csv", faces.path)
    with pytest.raises(FembError, match=rf"extra column of faces\.csv is called '{name}'") as caught:
        convert(source, tmp_path / "set", format=format)
    assert "rename" in caught.value.hint
    assert {path.name for path in tmp_path.iterdir()} == {"faces", "faces.csv"}


def test_what_push_to_hub_would_make_is_converted(tmp_path):
    (tmp_path / "hub" / "data").mkdir(parents=True)
    hugging_face_set().to_parquet(tmp_path / "hub" / "data" / "train-00000-of-00001.parquet")
    (tmp_path / "hub" / "README.md").write_text("---\nlicense: mit\n---\n")
    source = open_source(tmp_path / "hub")
    assert source.kind == "parquet"
    convert(source, tmp_path / "set")
    assert contents(open_source(tmp_path / "set")) == contents(source)


def test_what_push_to_hub_would_make_is_trained_on(femb, tmp_path):
    (tmp_path / "hub" / "data").mkdir(parents=True)
    hugging_face_set(range(24)).to_parquet(tmp_path / "hub" / "data" / "train-00000-of-00001.parquet")
    result = femb(
        *("train", "--data", "hub", "--steps", "2", "--batch-size", "8", "--set", "workers=0", "--out", "run"),
        *("--set", "backbone.width=0.125", "--set", "log_every=1", "--json"),
    )
    assert result.code == 0, result.err
    assert json.loads(result.out)


def test_images_of_both_formats_are_the_same_pictures(faces, tmp_path):
    from PIL import Image

    for format in FORMATS:
        convert(faces, tmp_path / format, format=format)
        shown = load(tmp_path / format, format)["image"][:]
        wanted = [Image.open(io.BytesIO(faces.read(row))) for row in range(len(faces))]
        assert [image.tobytes() for image in shown] == [image.tobytes() for image in wanted]
