"""Any source becomes a training set with the same bytes."""

import io
import json
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from femb_cli.data.conversion.convert import convert
from femb_cli.data.conversion.plan import read_identity_list
from femb_cli.data.dataset_info import read_dataset_info
from femb_cli.data.files.folder import FolderSource
from femb_cli.data.huggingface.arrow import DatasetSource
from femb_cli.data.open import open_source
from femb_cli.data.source import ImageSource, check_identities
from femb_cli.errors import FembError


def encode(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), (shade, 255 - shade, 0)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def faces(tmp_path) -> FolderSource:
    """One image of a, two of b, three of c."""
    for number, name in enumerate(["a/1.jpg", "b/1.jpg", "b/2.jpg", "c/1.jpg", "c/2.jpg", "c/3.jpg"]):
        (tmp_path / "faces" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "faces" / name).write_bytes(encode(20 * number))
    return FolderSource(tmp_path / "faces")


def contents(source: ImageSource) -> dict[str, tuple[str, bytes]]:
    """Identity and bytes of each image by its name."""
    who = source.identities
    return {name: (who.names[who.labels_N[row]], source.read(row)) for row, name in enumerate(source.names)}


def test_everything_arrives_byte_for_byte(faces, tmp_path):
    result = convert(faces, tmp_path / "set")
    assert (result.num_images, result.num_identities, result.num_skipped) == (6, 3, 0)
    assert contents(DatasetSource(tmp_path / "set")) == contents(faces)
    assert result.bytes == sum(len(image) for _, image in contents(faces).values())


def test_a_dataset_converts_to_an_equal_one(faces, tmp_path):
    convert(faces, tmp_path / "one")
    convert(DatasetSource(tmp_path / "one"), tmp_path / "two")
    assert contents(DatasetSource(tmp_path / "two")) == contents(faces)
    assert read_dataset_info(tmp_path / "one").checksum == read_dataset_info(tmp_path / "two").checksum


def test_selected_identities_are_renumbered(faces, tmp_path):
    convert(faces, tmp_path / "set", identities={"c", "a"})
    source = DatasetSource(tmp_path / "set")
    assert source.identities.names == ["a", "c"]
    assert source.identities.labels_N.tolist() == [0, 1, 1, 1]


def test_identities_that_are_not_there_are_counted_and_named(faces, tmp_path):
    with pytest.raises(FembError, match=r"2 of 3 requested identities are not in .*: 'x', 'y'"):
        convert(faces, tmp_path / "set", identities=["x", "a", "y"])


def test_limit_keeps_the_first_images(faces, tmp_path):
    assert convert(faces, tmp_path / "set", limit=4).num_identities == 3
    assert list(DatasetSource(tmp_path / "set").names) == faces.names[:4]


def test_min_images_keeps_identities_with_enough(faces, tmp_path):
    convert(faces, tmp_path / "set", min_images=2)
    assert DatasetSource(tmp_path / "set").identities.names == ["b", "c"]


def test_an_empty_selection_is_refused(faces, tmp_path):
    for selection in ({"min_images": 9}, {"limit": 0}):
        with pytest.raises(FembError, match=r"no image of .* is selected"):
            convert(faces, tmp_path / "set", **selection)


def test_a_source_without_identities_is_refused_with_the_layout_that_is_wanted(faces, tmp_path):
    (faces.path / "loose.jpg").write_bytes(encode(0))
    with pytest.raises(FembError, match=r"'loose\.jpg'") as caught:
        convert(FolderSource(faces.path), tmp_path / "set")
    assert "--person-folder 1 --on-error skip" in caught.value.hint


def test_a_damaged_image_stops_the_conversion_and_leaves_nothing(faces, tmp_path):
    (faces.path / "b/1.jpg").write_bytes(encode(0)[:300])
    with pytest.raises(FembError, match=r"'b/1\.jpg' in .*faces is cut short") as caught:
        convert(faces, tmp_path / "set")
    assert "--on-error skip" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_a_skipped_image_is_listed_and_its_identity_may_go_with_it(faces, tmp_path):
    (faces.path / "a/1.jpg").write_bytes(b"<html>")
    result = convert(faces, tmp_path / "set", on_error="skip")
    assert (result.num_images, result.num_identities, result.num_skipped) == (5, 2, 1)
    [(name, reason)] = result.skipped
    assert (tmp_path / "set/skipped.txt").read_text() == f"{name}\t{reason}\n"
    assert "is a web page" in reason
    check_identities(DatasetSource(tmp_path / "set"))


def test_an_image_whose_pixels_are_damaged_is_found_by_verifying(faces, tmp_path):
    image = bytearray(encode(0))
    image[-300:-2] = b""
    (faces.path / "b/1.jpg").write_bytes(image)
    assert convert(faces, tmp_path / "one", on_error="skip").num_skipped == 0
    assert convert(faces, tmp_path / "two", on_error="skip", verify=True).num_skipped == 1


def test_nothing_but_damage_is_an_error_even_when_skipping(faces, tmp_path):
    for name in faces.names:
        (faces.path / name).write_bytes(b"")
    with pytest.raises(FembError, match="none of the 6 images"):
        convert(faces, tmp_path / "set", on_error="skip")


def test_nothing_but_damage_in_parquet_with_further_columns_is_the_same_error(tmp_path):
    pq.write_table(pa.table({"image": [b"none", b"at all"], "label": [0, 1], "age": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(FembError, match="none of the 2 images"):
        convert(open_source(tmp_path / "a.parquet"), tmp_path / "set", on_error="skip")


def test_an_image_that_claims_absurd_pixels_is_not_decoded(faces, tmp_path):
    header = struct.pack(">II", 60000, 60000) + b"\x08\x02\0\0\0"
    (faces.path / "a/1.jpg").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + header + b"\0\0\0\0\0\0\0\0IEND\xaeB`\x82")
    with pytest.raises(FembError, match="claims 60000 x 60000 pixels"):
        convert(faces, tmp_path / "set")


def test_progress_counts_to_the_end(faces, tmp_path):
    steps = []
    convert(faces, tmp_path / "set", progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (6, 6)
    assert steps == sorted(steps)


def test_lfw_restricted_to_its_development_people(shared, tmp_path):
    from datasets import load_from_disk

    source = open_source(shared / "data/lfw_aligned_112.zip")
    people = read_identity_list(shared / "data/protocols/peopleDevTrain.txt")
    result = convert(source, tmp_path / "set", identities=people)
    assert (result.num_images, result.num_identities, result.num_skipped) == (9525, 4038, 0)
    written = DatasetSource(tmp_path / "set")
    row_of = {name: row for row, name in enumerate(source.names)}
    assert all(written.read(row) == source.read(row_of[written.names[row]]) for row in range(0, 9525, 500))
    opened = load_from_disk(str(tmp_path / "set"))
    assert opened.features["label"].names == sorted(people)
    assert opened[9000]["image"].size == read_dataset_info(tmp_path / "set").image_size == (112, 112)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_golden_damaged_record_sets_stop_or_lose_the_damaged_images_alone(shared, tmp_path):
    for file in sorted(shared.glob("golden/formats/recordio/l_*/expected.json")):
        expected = json.loads(file.read_text())
        try:
            source = open_source(file.parent)
        except FembError:
            continue
        lost = expected["skip"]["by_index"]["lost_keys"] or ([13] if expected["case"] == "l_truncated_padding" else [])
        result = convert(source, tmp_path / expected["case"], on_error="skip")
        written = set(DatasetSource(result.path).names)
        assert written == {str(each["key"]) for each in expected["images"]} - set(map(str, lost)), expected["case"]
        if result.num_skipped:
            with pytest.raises(FembError):
                convert(source, tmp_path / "stopped")


def test_golden_broken_images_in_folders_are_skipped(shared, tmp_path):
    source = open_source(shared / "golden/formats/folders/broken_image.zip")
    result = convert(source, tmp_path / "set", on_error="skip")
    assert [name for name, _ in result.skipped] == [f"broken/{name}" for name in ("A/2.jpg", "B/1.jpg", "B/3.jpg")]
    assert result.num_images == 2
