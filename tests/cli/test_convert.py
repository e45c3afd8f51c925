"""`femb convert`: one command for every source, and counts that add up."""

import io
import json
import pickle
import shutil
from pathlib import Path

import parquets
import pytest
import records
from pictures import encode, people, tree
from PIL import Image
from tars import samples, write_tar

from femb_cli.data.conversion import batch_reader
from femb_cli.data.conversion.convert import convert as convert_source
from femb_cli.data.conversion.to_files import convert_to_files
from femb_cli.data.files.folder import FolderSource
from femb_cli.data.open import open_source

COUNTS = {"ann": 3, "bob": 2, "cleo": 4}
NUM_IMAGES = 9


def folder(path: Path) -> Path:
    return people(path / "faces", COUNTS)


def archive(path: Path) -> Path:
    return Path(shutil.make_archive(str(path / "faces"), "zip", folder(path)))


def tar(path: Path) -> Path:
    return Path(shutil.make_archive(str(path / "faces"), "tar", folder(path)))


def compressed_tar(path: Path) -> Path:
    return Path(shutil.make_archive(str(path / "faces"), "gztar", folder(path)))


def shards(path: Path) -> Path:
    return convert_to_files(FolderSource(folder(path)), path / "shards", format="webdataset").path


def record_directory(path: Path) -> Path:
    images = [
        records.image(label, encode(20 * label + number), 10 * label + number)
        for label, count in enumerate(COUNTS.values())
        for number in range(count)
    ]
    (path / "records").mkdir()
    records.write(path / "records", images, list(range(1, NUM_IMAGES + 1)))
    return path / "records"


def record_file(path: Path) -> Path:
    return record_directory(path) / "train.rec"


def dataset(path: Path) -> Path:
    return convert_source(FolderSource(folder(path)), path / "arrow").path


def parquet(path: Path) -> Path:
    return convert_source(FolderSource(folder(path)), path / "parquet", format="parquet").path


def verification_set(path: Path) -> Path:
    images = [encode(20 * number) for number in range(8)]
    (path / "tiny.bin").write_bytes(pickle.dumps((images, [True, False, True, False])))
    return path / "tiny.bin"


SOURCES = {
    "recordio": (record_directory, record_file),
    "folder": (folder,),
    "zip": (archive,),
    "tar": (tar, compressed_tar),
    "webdataset": (shards,),
    "dataset": (dataset,),
    "parquet": (parquet,),
}
KIND_AND_MAKER = [(kind, make) for kind, makers in SOURCES.items() for make in makers]


@pytest.mark.parametrize(("kind", "make"), KIND_AND_MAKER)
@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_every_source_is_converted(femb, tmp_path, kind, make, format):
    source = make(tmp_path)
    result = femb("convert", source, "out", "--format", format, "--json")
    assert result.code == 0, result.err
    counts = json.loads(result.out)
    images = open_source(source)
    assert images.kind == kind
    assert counts == {
        "num_images": NUM_IMAGES,
        "num_identities": 3,
        "num_skipped": 0,
        "num_unselected": 0,
        "unread": {},
        "bytes": sum(len(images.read(row)) for row in range(NUM_IMAGES)),
        "path": "out",
    }
    written = open_source(tmp_path / "out")
    assert written.kind == ("dataset" if format == "arrow" else "parquet")
    assert [written.read(row) for row in range(NUM_IMAGES)] == [images.read(row) for row in range(NUM_IMAGES)]


@pytest.mark.parametrize(("kind", "make"), KIND_AND_MAKER)
def test_a_dry_run_counts_and_writes_nothing(femb, tmp_path, kind, make):
    source = make(tmp_path)
    before = tree(tmp_path)
    result = femb("convert", source, "out", "--dry-run", "--min-images", "3", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out) == {
        "source_kind": kind,
        "num_images": 7,
        "num_identities": 2,
        "num_unlabeled": 0,
        "num_unselected": 2,
        "path": "out",
        "unread": {},
    }
    assert tree(tmp_path) == before


@pytest.mark.parametrize("format", ["folder", "webdataset"])
def test_a_dataset_goes_back_to_files(femb, tmp_path, format):
    result = femb("convert", dataset(tmp_path), "out", "--format", format, "--shard-size", "1", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["num_images"] == NUM_IMAGES
    assert "warning" not in result.err
    images, back = FolderSource(tmp_path / "faces"), open_source(tmp_path / "out")
    assert list(back.names) == images.names
    assert [back.read(row) for row in range(NUM_IMAGES)] == [images.read(row) for row in range(NUM_IMAGES)]


def test_a_verification_set_becomes_no_shards(femb, tmp_path):
    result = femb("convert", verification_set(tmp_path), "out", "--format", "webdataset")
    assert result.code == 2
    assert "images and pairs.csv" in result.err


def test_several_archives_are_one_dataset_and_unpacked_copies_are_removed(femb, tmp_path, monkeypatch):
    monkeypatch.setenv("FEMB_CACHE_DIR", str(tmp_path / "cache"))
    for number in range(2):
        write_tar(tmp_path / f"faces-{number}.tar.gz", samples(4, start=4 * number), "w:gz")
    result = femb("convert", "faces-0.tar.gz", "faces-1.tar.gz", "out", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["num_images"] == 8
    assert "unpacking 2 archives" in result.err
    assert not list((tmp_path / "cache").rglob("*.tar"))
    result = femb("convert", "faces-0.tar.gz", "absent.tar", "out2")
    assert (result.code, "absent.tar is not a file" in result.err) == (1, True)


def test_a_list_is_converted_with_its_images_elsewhere(femb, tmp_path):
    names = [path.relative_to(tmp_path / "faces").as_posix() for path in sorted(folder(tmp_path).rglob("*.jpg"))]
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "faces.txt").write_text("".join(f"{name} {name.split('/')[0]}\n" for name in names))
    lost = femb("convert", "lists/faces.txt", "out")
    assert lost.code == 1
    assert "--images DIR" in lost.err
    result = femb("convert", "lists/faces.txt", "out", "--images", "faces", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["num_images"] == NUM_IMAGES
    assert list(open_source(tmp_path / "out").names) == names


def test_a_verification_set_becomes_a_benchmark(femb, tmp_path):
    source = verification_set(tmp_path)
    planned = femb("convert", source, "out", "--dry-run", "--json")
    assert json.loads(planned.out) == {"source_kind": "bin", "num_pairs": 4, "num_genuine": 2, "path": "out"}
    assert not (tmp_path / "out").exists()
    result = femb("convert", source, "out", "--json")
    assert result.code == 0, result.err
    metrics = {"num_pairs": 4, "num_genuine": 2, "num_images": 8, "num_skipped": 0}
    assert json.loads(result.out) == {**metrics, "path": "out"}
    assert (tmp_path / "out" / "pairs.csv").is_file()
    assert result.err.endswith("next:\n  femb inspect out\n")  # there is no model to verify


@pytest.mark.parametrize("option", [("--limit", "3"), ("--min-images", "2"), ("--split", "test"), ("--images", ".")])
def test_a_verification_set_is_converted_whole_or_not_at_all(femb, tmp_path, option):
    result = femb("convert", verification_set(tmp_path), "out", *option)
    assert result.code == 2
    assert option[0] in result.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
@pytest.mark.parametrize("make", [folder, verification_set])
def test_what_exists_is_refused_even_in_a_dry_run(femb, tmp_path, make, dry_run):
    source = make(tmp_path)
    (tmp_path / "out").mkdir()
    result = femb("convert", source, "out", *dry_run)
    assert result.code == 1
    assert "out exists already" in result.err
    assert "--overwrite" in result.err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_a_set_is_overwritten_when_asked_for(femb, tmp_path, format):
    source = folder(tmp_path)
    assert femb("convert", source, "out", "--limit", "2", "--format", format).code == 0
    assert femb("convert", source, "out", "--overwrite", "--format", format).code == 0
    assert len(open_source(tmp_path / "out")) == NUM_IMAGES


def test_a_split_is_chosen(femb, tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        set_path = convert_source(FolderSource(folder(tmp_path)), tmp_path / split, limit=count, format="parquet").path
        (tmp_path / "hub" / "data").mkdir(parents=True, exist_ok=True)
        [file] = (set_path / "data").iterdir()
        shutil.copy(file, tmp_path / "hub" / "data" / f"{split}-00000-of-00001.parquet")
    unsure = femb("convert", "hub", "out")
    assert unsure.code == 1
    assert "--split" in unsure.err
    for split, count in (("train", 3), ("test", 2)):
        result = femb("convert", "hub", f"out_{split}", "--split", split, "--json")
        assert json.loads(result.out)["num_images"] == count


def test_an_arrow_set_of_several_splits_is_converted_one_by_one(femb, tmp_path):
    from datasets import DatasetDict, load_from_disk

    dataset(tmp_path)
    whole = load_from_disk(str(tmp_path / "arrow"))
    DatasetDict({"train": whole.select(range(5)), "test": whole.select(range(5, 9))}).save_to_disk(tmp_path / "both")
    assert "train, test" in femb("convert", "both", "out").err
    assert json.loads(femb("convert", "both", "out", "--split", "test", "--json").out)["num_images"] == 4


def test_every_image_is_written_skipped_or_not_selected(femb, tmp_path):
    source = folder(tmp_path)
    (source / "ann" / "1.jpg").write_bytes(b"<html>")
    (source / "bob" / "0.jpg").write_bytes(b"")
    (tmp_path / "people.txt").write_text("ann 3\ncleo 4\n")
    for options in ([], ["--limit", "4"], ["--min-images", "3"], ["--identities", "people.txt"], ["--verify"]):
        result = femb("convert", source, "out", "--on-error", "skip", "--overwrite", "--json", *options)
        counts = json.loads(result.out)
        assert counts["num_images"] + counts["num_skipped"] + counts["num_unselected"] == NUM_IMAGES
        assert len(open_source(tmp_path / "out")) == counts["num_images"]
        assert result.err.count("warning: left out") == counts["num_skipped"]
        planned = json.loads(femb("convert", source, "new", "--dry-run", "--json", *options).out)
        assert planned["num_images"] == counts["num_images"] + counts["num_skipped"]


def test_damaged_records_are_counted_as_skipped(femb, tmp_path):
    file = record_file(tmp_path)
    content = bytearray(file.read_bytes())
    content[:4] = b"\0\0\0\0"
    file.write_bytes(content)
    result = femb("convert", file, "out", "--on-error", "skip", "--json")
    counts = json.loads(result.out)
    assert (counts["num_images"], counts["num_skipped"], counts["num_unselected"]) == (8, 1, 0)
    assert "record 1 at offset 0" in result.err


def test_ten_warnings_are_enough(femb, tmp_path):
    source = people(tmp_path / "faces", {"ann": 3, "bob": 15})
    for number in range(15):
        (source / "bob" / f"{number}.jpg").write_bytes(b"<html>")
    result = femb("convert", source, "out", "--on-error", "skip")
    assert result.err.count("warning: left out bob/") == 10
    assert "warning: left out 5 more, see out/skipped.txt" in result.err
    assert len((tmp_path / "out" / "skipped.txt").read_text().splitlines()) == 15


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["faces", "out"], 1, ["ann/1.jpg", "--on-error skip"]),
        (["faces", "out", "--identities", "none.txt"], 1, ["none.txt"]),
        (["faces", "out", "--min-images", "99"], 1, ["no image", "--min-images"]),
        (["faces", "out", "--limit", "0"], 2, ["--limit"]),
        (["faces", "out", "--format", "csv"], 2, ["--format"]),
        (["faces", "out", "--shard-size", "0"], 2, ["--shard-size"]),
        (["faces", "faces/ann/0.jpg/out", "--on-error", "skip"], 1, ["faces/ann/0.jpg"]),
        (["faces/ann/0.jpg", "out"], 1, ["is a single image"]),
        (["nothing.rec", "out"], 1, ["nothing.rec does not exist"]),
    ],
)
def test_a_mistake_is_one_clear_message(femb, tmp_path, arguments, code, words):
    source = folder(tmp_path)
    (source / "ann" / "1.jpg").write_bytes(b"<html>")
    before = tree(tmp_path)
    result = femb("convert", *arguments)
    assert result.code == code, result.err
    for word in words:
        assert word in result.err
    assert "Traceback" not in result.err
    assert "Exception ignored" not in result.err
    assert result.out == ""
    assert tree(tmp_path) == before


def test_parquet_says_how_to_put_it_on_the_hub(femb, tmp_path):
    result = femb("convert", folder(tmp_path), "out", "--format", "parquet")
    assert "femb train --data out" in result.err
    assert "hf upload" in result.err
    assert result.out.splitlines()[0].split() == ["num_images", "9"]


def test_a_command_that_stopped_at_damage_goes_on_from_there(femb, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_reader, "BATCH_ROWS", 2)
    source = people(tmp_path / "faces", {"ann": 9, "bob": 9})
    for file in source.rglob("*.jpg"):
        file.write_bytes(file.read_bytes() + bytes(200_000) + b"\xff\xd9")
    (source / "bob" / "8.jpg").write_bytes(b"<html>")
    assert femb("convert", "faces", "out", "--shard-size", "1").code == 1
    result = femb("convert", "faces", "out", "--shard-size", "1", "--on-error", "skip")
    assert result.code == 0, result.err
    assert "resuming after 12 of 18 images" in result.err
    assert len(open_source(tmp_path / "out")) == 17


def test_a_name_that_is_too_long_is_one_error(femb, tmp_path):
    (tmp_path / "people").mkdir()
    for arguments in (("x" * 300, "set"), ("people", "x" * 300), ("people", f"a/{'x' * 300}")):
        result = femb("convert", *arguments)
        assert result.code == 1
        assert result.err.startswith("error: ")
        assert "Traceback" not in result.err


def test_files_that_are_not_read_are_named_and_counted(femb, tmp_path, without_heic):
    faces = folder(tmp_path)
    (faces / "ann" / "3").write_bytes(encode(99))
    for name in ("ann/4.HEIC", "bob/2.heic", "film.mp4"):
        (faces / name).write_bytes(b"")
    sentence = "warning: 3 files not read: 2 .HEIC (pip install pillow-heif reads them), 1 .mp4\n"
    for options in (["--dry-run"], []):
        result = femb("convert", faces, "out", "--json", "--quiet", *options)
        assert result.code == 0, result.err
        assert result.err.startswith(sentence)
        counts = json.loads(result.out)
        assert (counts["num_images"], counts["unread"]) == (NUM_IMAGES + 1, {".HEIC": 2, ".mp4": 1})


def test_images_of_every_format_keep_their_bytes(femb, tmp_path):
    forms = {
        "a.JPG": "JPEG",
        "b.jfif": "JPEG",
        "c": "PNG",
        "d.pgm": "PPM",
        "e.gif": "GIF",
        "f.avif": "AVIF",
        "g.bmp": "BMP",
    }
    for person in ("ann", "bob"):
        (tmp_path / "faces" / person).mkdir(parents=True)
        for shade, (name, form) in enumerate(forms.items()):
            (tmp_path / "faces" / person / name).write_bytes(encode(shade, form=form))
    result = femb("convert", "faces", "out", "--verify", "--quiet", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["num_images"] == 2 * len(forms)
    source = open_source("out")
    assert {source.names[row]: source.read(row) for row in range(len(source))} == tree(tmp_path / "faces")


def table(path: Path, columns: dict) -> Path:
    return parquets.write(path / "data.parquet", {"image": parquets.images(range(4)), **columns})


def test_what_is_taken_for_people_is_said_and_can_be_changed(femb, tmp_path):
    source = table(tmp_path, {"id": [0, 1, 2, 3], "name": list("aabb")})
    result = femb("convert", source, "out", "--dry-run")
    assert "num_identities   2\n" in result.out
    assert "people are the 2 values of the column name, not of id (another value in each row)" in result.err
    assert "warning" not in result.err
    result = femb("convert", source, "out", "--dry-run", "--label", "id", "--quiet")
    assert "num_identities   4\n" in result.out
    assert "warning: each of the 4 images has a person of its own: --label COLUMN" in result.err


def test_the_level_of_the_folders_that_are_people_is_said_and_can_be_changed(femb, tmp_path):
    for group in ("asian", "indian"):
        people(tmp_path / "faces" / group, {f"{group}{number}": 2 for number in range(2)})
    result = femb("convert", "faces", "out", "--dry-run")
    assert "num_identities   4\n" in result.out
    assert "people are the 4 names of folders at level 2, such as asian/asian0 (--person-folder 1" in result.err
    assert "num_identities   2\n" in femb("convert", "faces", "out", "--dry-run", "--person-folder", "1").out


@pytest.mark.parametrize(
    ("make", "option", "message"),
    [
        (folder, ("--label", "who"), "faces has no columns"),
        (record_directory, ("--person-folder", "1"), "has no folders of people"),
        (folder, ("--person-folder", "up"), "'up' is not a level"),
        (parquet, ("--label", "who"), "no column 'who'; its columns are image"),
    ],
)
def test_an_option_that_a_source_has_no_use_for_is_refused(femb, tmp_path, make, option, message):
    result = femb("convert", make(tmp_path), "out", *option)
    assert result.code in (1, 2)
    assert message in result.err
    assert "hint: " in result.err


def test_a_table_of_pairs_becomes_a_benchmark_for_each_split(femb, tmp_path):
    encoded = [{"bytes": encode(20 * number), "path": None} for number in range(4)]
    for split in ("lfw", "cplfw"):
        pairs = {"image1": encoded[:2], "image2": encoded[2:], "label": [1, 0]}
        parquets.write(tmp_path / "pairs" / "data" / f"{split}-00000-of-00001.parquet", pairs)
    result = femb("convert", "pairs", "out", "--json")
    assert result.code == 0, result.err
    assert [(found["path"], found["num_pairs"]) for found in json.loads(result.out)] == [
        ("out/cplfw", 2),
        ("out/lfw", 2),
    ]
    assert "pairs of image1 and image2, genuine as label says" in result.err
    assert (tmp_path / "out" / "lfw" / "pairs.csv").read_text().splitlines()[1:] == [
        "000001.jpg,000002.jpg,1,0",
        "000003.jpg,000004.jpg,0,1",
    ]
    assert femb("convert", "pairs", "one", "--split", "lfw", "--limit", "1").code == 2


def test_colours_that_look_swapped_are_warned_of_and_put_right(femb, tmp_path):
    for number in range(24):
        file = tmp_path / f"faces/person{number // 2}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (112, 112), (120, 150, 190 + number)).save(file)
    warned = femb("convert", "faces", "plain")
    assert "red and blue look swapped: mean red minus blue at the face centre is -82 over 24 images" in warned.err
    assert "--channels bgr puts them right" in warned.err
    assert "red and blue" not in femb("convert", "faces", "swapped", "--channels", "bgr").err
    assert "red and blue" not in femb("convert", "swapped", "again", "--format", "parquet").err
    assert open_source("again").read(0)[-3:] == bytes((190, 150, 120))
    training = ("train", "--dry-run", "--batch-size", "8", "--data")
    assert "--set data.channels=bgr puts them right" in femb(*training, "plain").err
    assert "red and blue" not in femb(*training, "again").err
    assert "red and blue" not in femb(*training, "plain", "--set", "data.channels=bgr").err


def test_a_verification_set_of_swapped_colours_is_warned_of(femb, tmp_path):
    images = [encode_colour((120, 150, 190 + number)) for number in range(24)]
    (tmp_path / "pairs.bin").write_bytes(pickle.dumps((images, [True, False] * 6)))
    assert "red and blue look swapped" in femb("convert", "pairs.bin", "plain", "--dry-run").err
    result = femb("convert", "pairs.bin", "swapped", "--channels", "bgr")
    assert "red and blue" not in result.err
    assert json.loads((tmp_path / "swapped/femb.json").read_text())["channels"] == "bgr"


def encode_colour(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (112, 112), colour).save(buffer, "PNG")
    return buffer.getvalue()
