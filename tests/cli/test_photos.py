"""Photos as people have them, through the commands that align them."""

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from femb_cli.data.dataset_info import read_dataset_info
from femb_cli.data.images.decode import decode_photo
from femb_cli.data.open import open_source
from femb_cli.data.source import read_or_error
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.read import read_embeddings
from femb_cli.faces.aligned_source import AlignedFaces

PEOPLE = ("Abel_Pacheco_0001", "Abel_Pacheco_0002", "Gene_Robinson_0003")


@pytest.fixture
def photos(shared, tmp_path):
    """A folder `photos` with three photos of two people."""
    with zipfile.ZipFile(shared / "data/lfw_raw_250_sample.zip") as archive:
        for name in PEOPLE:
            path = tmp_path / "photos" / name[:-5] / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(f"lfw_raw_250/{name[:-5]}/{name}.jpg"))
    return tmp_path / "photos"


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_every_photo_is_accounted_for(femb, trained, photos):
    upright = Image.open(photos / f"Abel_Pacheco/{PEOPLE[0]}.jpg")
    exif = Image.Exif()
    exif[274] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(photos / "Abel_Pacheco/turned.jpg", quality=95, exif=exif)
    Image.new("RGB", (300, 200), (120, 90, 80)).save(photos / "wall.png")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    refused = femb("embed", photos, "-o", "e.npy", "-m", trained)
    assert refused.code == 1
    assert "broken.jpg" in refused.err
    result = femb("embed", photos, "-o", "e.npy", "-m", trained, "--skip-bad", "--json")
    assert "5 of 6 images are photos, not aligned faces of 112 x 112 pixels: finding faces with mtcnn" in result.err
    summary = json.loads(result.out)
    assert (summary["num_images"], summary["without_face"]) == (4, ["wall.png"])
    assert summary["failed"][0][0] == "broken.jpg"
    assert "no face in 1 of 5 photos, left out: wall.png" in result.err
    stored = read_embeddings(Path("e.npy"))
    rows = dict(zip(stored.names, stored.rows_ND / np.linalg.norm(stored.rows_ND, axis=1, keepdims=True), strict=True))
    assert rows[f"Abel_Pacheco/{PEOPLE[0]}.jpg"] @ rows["Abel_Pacheco/turned.jpg"] > 0.99
    assert stored.description.alignment == "femb: mtcnn-1, main"


def test_crops_of_femb_align_have_the_same_embeddings(femb, trained, photos):
    assert femb("align", photos, "faces").code == 0
    table = list(csv.DictReader(Path("faces.csv").read_text().splitlines()))
    assert [row["file"] for row in table] == [f"{name[:-5]}/{name}.png" for name in PEOPLE]
    assert float(table[0]["box_left"]) < float(table[0]["left_eye_x"]) < float(table[0]["right_eye_x"])
    assert pixels(Path("faces", table[0]["file"])).shape == (112, 112, 3)
    for source in ("photos", "faces"):
        assert femb("embed", source, "-o", f"{source}.npy", "-m", trained).code == 0
    assert (np.load("photos.npy") == np.load("faces.npy")).all()
    assert "faces exists" in femb("align", photos, "faces").err


def test_every_face_of_a_group_gets_a_row_and_its_place(femb, trained, photos):
    group = np.concatenate([pixels(photos / name[:-5] / f"{name}.jpg") for name in PEOPLE[:2]], axis=1)
    Image.fromarray(group).save("group.png")
    femb("embed", "group.png", "-o", "e.parquet", "-m", trained, "--faces", "all")
    table = parquet.read_table("e.parquet").to_pydict()
    assert table["name"] == ["group.png#1", "group.png#2"]
    assert table["face"] == [1, 2]
    assert sorted(x > 250 for x in table["nose_x"]) == [False, True]
    magnitudes = np.linalg.norm(np.array(table["embedding"]), axis=1)
    np.testing.assert_allclose(table["magnitude"], magnitudes, rtol=1e-6)
    main = femb("embed", "group.png", "-o", "main.csv", "-m", trained)
    assert "several faces in 1 of 1 photo, the main one is taken" in main.err
    row = list(csv.DictReader(Path("main.csv").read_text().splitlines()))
    assert (len(row), row[0]["image"], row[0]["detector"]) == (1, "group.png", "mtcnn-1")


def test_an_aligned_face_among_photos_passes_unchanged(femb, trained, photos):
    face = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    Image.fromarray(face).save("noise.png")
    femb("embed", "noise.png", "-o", "alone.npy", "-m", trained)
    Image.fromarray(face).save(photos / "noise.png")
    femb("embed", photos, "-o", "e.parquet", "-m", trained)
    table = parquet.read_table("e.parquet").to_pydict()
    place = table["name"].index("noise.png")
    np.testing.assert_allclose(table["embedding"][place], np.load("alone.npy")[0], rtol=1e-4, atol=1e-5)
    assert (table["face"][place], table["detector"][place]) == (0, "")
    assert np.isnan(table["nose_x"][place])


def test_a_face_never_has_the_name_of_another_image(femb, trained, photos):
    face = photos / f"Abel_Pacheco/{PEOPLE[0]}.jpg#1"
    Image.new("RGB", (112, 112)).save(face, "JPEG")
    arguments = ("embed", photos, "-m", trained)
    refused = femb(*arguments, "-o", "e.npy", "--faces", "all")
    assert refused.code == 1
    assert f"'{face.relative_to(photos)}' is the name of an image in {photos}, and of a face" in refused.err
    assert femb(*arguments, "-o", "main.npy").code == 0


def test_align_copies_no_damaged_image(femb, photos):
    (photos / "text.jpg").write_text("no picture")
    (photos / "film.mp4").write_bytes(b"")
    refused = femb("align", photos, "faces")
    assert refused.code == 1
    assert "text.jpg is not an image: it starts with b'no picture'" in refused.err
    summary = json.loads(femb("align", photos, "faces", "--skip-bad", "--json").out)
    assert (summary["num_faces"], summary["num_failed"], summary["unread"]) == (3, 1, {".mp4": 1})
    assert sorted(path.name for path in Path("faces").rglob("*.*")) == sorted(f"{name}.png" for name in PEOPLE)
    assert "--align" not in refused.err  # femb align has no such option
    refused = femb("align", photos / "text.jpg", "none", "--skip-bad")
    assert refused.code == 1
    assert "none of the 1 images can be read" in refused.err
    assert not Path("none").exists()


def test_align_writes_nothing_outside_of_its_folder(femb, photos):
    image = {"bytes": io.BytesIO(), "path": "../outside.jpg"}
    Image.new("RGB", (112, 112)).save(image["bytes"], "JPEG")
    image["bytes"] = image["bytes"].getvalue()
    parquet.write_table(pa.table({"image": [image]}), "images.parquet")
    refused = femb("align", "images.parquet", "faces")
    assert refused.code == 1
    assert "'../outside.jpg' has a name that leads out of the folder" in refused.err
    assert not Path("outside.jpg").exists()


def test_a_conversion_accounts_for_every_photo(femb, photos):
    folder = photos / "Abel_Pacheco"
    Image.new("RGB", (300, 200)).save(folder / "wall.png")
    (folder / "cut.jpg").write_bytes((folder / f"{PEOPLE[0]}.jpg").read_bytes()[:4000])
    (folder / "text.jpg").write_text("no picture")
    arguments = ("convert", photos, "people", "--align", "auto", "--on-error", "skip", "--json")
    counts = json.loads(femb(*arguments).out)
    assert [counts[f"num_{what}"] for what in ("images", "skipped", "unselected", "without_face")] == [3, 3, 0, 1]
    skipped = Path("people/skipped.txt").read_text()
    assert [line.partition("\t")[0] for line in skipped.splitlines()] == [
        f"Abel_Pacheco/{name}" for name in ("cut.jpg", "wall.png", "text.jpg")
    ]
    counts = json.loads(femb(*arguments, "--overwrite", "--limit", "2").out)
    assert [counts[f"num_{what}"] for what in ("images", "skipped", "unselected")] == [2, 0, 4]


def test_an_interrupted_embedding_continues_with_the_same_alignment_only(femb, trained, photos, monkeypatch):
    monkeypatch.setattr("femb_cli.inference.embed_to_file.CHUNK", 1)
    femb("embed", photos, "-o", "whole.npy", "-m", trained)
    read = AlignedFaces.read

    def fails_late(self, index):
        if index == 2:
            raise FembError("the disk is gone")
        return read(self, index)

    with monkeypatch.context() as patched:
        patched.setattr(AlignedFaces, "read", fails_late)
        assert "keeps 2 of 3 images" in femb("embed", photos, "-o", "e.npy", "-m", trained).err
    refused = femb("embed", photos, "-o", "e.npy", "-m", trained, "--resume", "--faces", "center")
    assert "alignment of the faces differs" in refused.err
    assert femb("embed", photos, "-o", "e.npy", "-m", trained, "--resume").code == 0
    assert Path("e.npy").read_bytes() == Path("whole.npy").read_bytes()


def test_a_training_set_of_aligned_faces(femb, photos):
    assert "3 of 3 images are photos" in femb("convert", photos, "raw").err
    result = femb("convert", photos, "people", "--align", "auto", "--json")
    assert json.loads(result.out)["num_identities"] == 2
    source = open_source("people")
    assert source.identities.names == ["Abel_Pacheco", "Gene_Robinson"]
    assert femb("align", photos, "faces").code == 0
    stored = decode_photo(read_or_error(source, 2))
    assert (stored == pixels(Path("faces/Gene_Robinson") / f"{PEOPLE[2]}.png")).all()
    assert "nose_x" in source.extra(np.arange(3)).column_names
    assert read_dataset_info("people").alignment == "femb: mtcnn-1, main"
    assert "byte for byte" not in Path("people/README.md").read_text()
    assert read_dataset_info("raw").alignment is None


def test_the_hint_for_an_unreadable_photo_names_an_option_of_convert(femb, photos):
    (photos / "Abel_Pacheco/broken.jpg").write_bytes((photos / f"Abel_Pacheco/{PEOPLE[0]}.jpg").read_bytes()[:3000])
    refused = femb("convert", photos, "people", "--align", "always")
    assert refused.code == 1
    assert "--on-error skip" in refused.err
    assert "--skip-bad" not in refused.err


def test_verification_aligns_photos_and_says_so(femb, trained, photos):
    one, other, third = (
        f"Abel_Pacheco/{PEOPLE[0]}.jpg",
        f"Abel_Pacheco/{PEOPLE[1]}.jpg",
        f"Gene_Robinson/{PEOPLE[2]}.jpg",
    )
    pairs = [f"{one},{other},1", f"{one},{third},0", f"{other},{one},1", f"{third},{other},0"] * 5
    Path("pairs.csv").write_text("\n".join(["ref,probe,mated", *pairs]))
    femb("align", photos, "faces")
    arguments = ("verify", "--pairs", "pairs.csv", "-m", trained, "--json", "--protocol", "exact")
    by_hand = femb(*arguments, "--images", "faces")
    aligned = femb(*arguments, "--images", photos)
    assert "pairs.csv: 3 of 3 images are photos" in aligned.err
    assert json.loads(aligned.out)["auc"] == json.loads(by_hand.out)["auc"]
    unaligned = femb(*arguments, "--images", photos, "--align", "never")
    assert "warning: pairs.csv: 3 of 3 images are photos" in unaligned.err
    Image.new("RGB", (250, 250)).save(photos / "Gene_Robinson" / f"{PEOPLE[2]}.jpg")
    refused = femb(*arguments, "--images", photos)
    assert refused.code == 1
    assert f"no face was found in 1 of 3 photos of pairs.csv, the first is {third!r}" in refused.err


def test_a_large_photo_is_decoded_small_and_its_crop_is_the_same(femb, photos):
    small = Image.open(photos / f"Abel_Pacheco/{PEOPLE[0]}.jpg")
    large = small.resize((1600, 1600), Image.Resampling.BICUBIC)
    encoded = io.BytesIO()
    large.save(encoded, "JPEG", quality=95)
    Path("large.jpg").write_bytes(encoded.getvalue())
    large.save("large.png", compress_level=1)
    femb("align", "large.jpg", "large.png", "faces")
    jpeg, png = (pixels(Path("faces") / f"large.{ending}.png").astype(float) for ending in ("jpg", "png"))
    assert abs(jpeg - png).mean() < 1.5
