"""Datasets on the Hugging Face Hub, with a folder in the Hub's place."""

import shutil
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import errors
from pictures import encode
from tars import samples, write_tar

from femb_cli.data.channels import channels_of
from femb_cli.data.dataset_info import DatasetInfo, write_dataset_info
from femb_cli.data.huggingface.hub import (
    CONVERTED,
    Download,
    download_dataset,
    find_download,
    is_hub_id,
    stream_dataset,
)
from femb_cli.data.huggingface.parquet import ParquetSource
from femb_cli.data.images.decode import decode_image
from femb_cli.data.open import open_source
from femb_cli.errors import FembError


def write_faces(path: Path, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": f"face {row}".encode(), "path": None} for row in range(count)]
    pq.write_table(pa.table({"image": images, "label": list(range(count))}), path)


def refusal(kind: type[Exception]) -> Exception:
    """An error as the Hub's client raises it, whichever library it talks HTTP with."""
    error = kind.__new__(kind)
    error.args = ("no",)
    error.response = SimpleNamespace(status_code=404)
    return error


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """A folder that stands for the Hub: datasets/OWNER/NAME@REVISION/FILE; nothing else can be reached."""
    from fsspec.implementations.dirfs import DirFileSystem
    from fsspec.implementations.local import LocalFileSystem

    folder, cache = tmp_path / "hub", tmp_path / "cache"
    hub = folder / "datasets"

    def snapshot_download(
        name, *, repo_type, revision, allow_patterns=(), ignore_patterns=None, tqdm_class=None, local_files_only=False
    ):
        assert repo_type == "dataset"
        if local_files_only and not (cache / name / revision).is_dir():
            raise FileNotFoundError("not in the cache")
        there = hub / f"{name}@{revision}"
        if not there.is_dir():
            missing = errors.RevisionNotFoundError if list(hub.glob(f"{name}@*")) else errors.RepositoryNotFoundError
            raise refusal(missing)
        target = cache / name / revision
        for file in filter(Path.is_file, there.rglob("*")):
            inside = file.relative_to(there)
            name_inside = inside.as_posix()
            ignored = ignore_patterns is not None and fnmatch(name_inside, ignore_patterns)
            if not ignored and any(fnmatch(name_inside, pattern) for pattern in allow_patterns):
                (target / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, target / inside)
        return str(target)

    class Api:
        def dataset_info(self, name, *, revision, files_metadata):
            assert files_metadata
            there = hub / f"{name}@{revision}"
            if not there.is_dir():
                raise refusal(errors.RevisionNotFoundError)
            files = [file for file in there.rglob("*") if file.is_file()]
            siblings = [
                SimpleNamespace(rfilename=file.relative_to(there).as_posix(), size=file.stat().st_size)
                for file in files
            ]
            return SimpleNamespace(sha=revision, siblings=siblings)

    def try_to_load_from_cache(name, file, *, repo_type, revision):
        cached = cache / name / revision / file
        return str(cached) if cached.exists() else None

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", try_to_load_from_cache)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.setattr(huggingface_hub, "HfFileSystem", lambda: DirFileSystem(folder.as_posix(), LocalFileSystem()))
    monkeypatch.chdir(tmp_path)
    return hub


@pytest.fixture
def faces(hub) -> Path:
    """owner/faces: six training images and two of a test, and what is no Parquet."""
    top = hub / "owner" / "faces@main"
    write_faces(top / "data" / "train-00000-of-00001.parquet", 6)
    write_faces(top / "data" / "test-00000-of-00001.parquet", 2)
    (top / "README.md").write_text("---\nlicense: mit\n---\n")
    (top / "huge.tar").write_text("unwanted")
    return top


@pytest.mark.parametrize(
    "text",
    ["owner/faces", "a-b/c.d_e", "hf://datasets/owner/faces", "hf://datasets/owner/faces@refs/pr/3"],
)
def test_ids_and_addresses_are_of_the_hub(text):
    assert is_hub_id(text)


@pytest.mark.parametrize(
    "text",
    ["faces", "/owner/faces", "./faces", "../faces", "a/b/c", "owner/", "hf://owner/faces", "owner/faces@main", ""],
)
def test_other_texts_are_not(text):
    assert not is_hub_id(text)


def test_a_local_path_goes_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "faces").mkdir(parents=True)
    assert not is_hub_id("owner/faces")
    assert is_hub_id("hf://datasets/owner/faces")


def test_a_download_is_described_without_being_made(faces, tmp_path):
    size = sum((faces / name).stat().st_size for name in ("README.md", "data/train-00000-of-00001.parquet"))
    assert find_download("owner/faces", split="train") == Download("main", 2, size)
    assert find_download("owner/faces").num_files == 3
    assert not (tmp_path / "cache").exists()
    download_dataset("owner/faces", split="train", say=lambda text: None)
    assert find_download("owner/faces", split="train") is None
    assert find_download("owner/faces").num_files == 1


def test_the_files_that_the_hub_has_converted_are_described_like_others(hub):
    write_faces(hub / "owner/raw@refs/convert/parquet/default/train/0000.parquet", 3)
    (hub / "owner/raw@main").mkdir(parents=True)
    (hub / "owner/raw@main/faces.rec").write_text("records")
    assert find_download("owner/raw").revision == CONVERTED
    (hub / "owner/nothing@main").mkdir()
    with pytest.raises(FembError, match="owner/nothing has neither Parquet files nor tar archives"):
        find_download("owner/nothing")


def test_without_an_answer_of_the_hub_what_is_in_its_cache_is_enough(faces, monkeypatch):
    class Unreachable:
        def dataset_info(self, *_, **__):
            raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "HfApi", Unreachable)
    with pytest.raises(FembError, match="cannot get owner/faces from the Hugging Face Hub: no network"):
        find_download("owner/faces")
    download_dataset("owner/faces", say=lambda text: None)
    assert find_download("owner/faces") is None


def test_the_dry_run_of_convert_downloads_nothing(femb, faces, tmp_path):
    shown = femb("convert", "owner/faces", "out", "--dry-run")
    assert shown.code == 0, shown.err
    assert shown.out.splitlines()[:3] == ["fetches     owner/faces", "revision    main", "num_files   3"]
    assert not (tmp_path / "cache").exists()


def test_parquet_files_and_the_readme_are_fetched(faces):
    said = []
    path = download_dataset("owner/faces", say=said.append)
    assert sorted(file.name for file in path.rglob("*.*")) == [
        "README.md",
        "test-00000-of-00001.parquet",
        "train-00000-of-00001.parquet",
    ]
    assert ParquetSource(path, split="train").read(5) == b"face 5"
    assert "owner/faces" in said[0]


@pytest.mark.parametrize("split", ["test", "train"])
def test_only_the_split_asked_for_is_fetched(faces, split):
    path = download_dataset("hf://datasets/owner/faces", split=split, say=lambda text: None)
    assert [file.name for file in path.rglob("*.parquet")] == [f"{split}-00000-of-00001.parquet"]


def test_a_validation_split_may_be_called_dev(hub):
    write_faces(hub / "owner" / "faces@main" / "dev.parquet", 3)
    write_faces(hub / "owner" / "faces@main" / "train.parquet", 6)
    path = download_dataset("owner/faces", split="validation", say=lambda text: None)
    assert len(ParquetSource(path, split="validation")) == 3


def test_the_revision_asked_for_is_fetched(faces, hub):
    write_faces(hub / "owner" / "faces@v2" / "train.parquet", 9)
    path = download_dataset("hf://datasets/owner/faces@v2", say=lambda text: None)
    assert len(ParquetSource(path)) == 9
    assert len(stream_dataset("hf://datasets/owner/faces@v2")) == 9


def test_without_parquet_of_its_own_the_converted_branch_is_taken(hub):
    (hub / "owner" / "pictures@main").mkdir(parents=True)
    write_faces(hub / "owner" / f"pictures@{CONVERTED}" / "default" / "partial-train" / "0000.parquet", 4)
    said = []
    assert len(ParquetSource(download_dataset("owner/pictures", say=said.append))) == 4
    assert any("only the first part" in text for text in said)
    assert len(stream_dataset("owner/pictures")) == 4


@pytest.mark.parametrize("converted", [None, "partial-train"])
def test_shards_are_downloaded_where_the_hub_has_converted_nothing_or_a_part(hub, converted):
    write_tar(hub / "owner" / "faces@main" / "data" / "faces-0000.tar", samples(4))
    write_tar(hub / "owner" / "faces@main" / "data" / "faces-0001.tar", samples(4, start=4))
    if converted:
        write_faces(hub / "owner" / f"faces@{CONVERTED}" / "default" / converted / "0000.parquet", 2)
    folder = download_dataset("owner/faces", say=lambda text: None)
    for source in (open_source(folder), stream_dataset("owner/faces")):
        assert (source.kind, len(source), source.read(5)) == ("webdataset", 8, encode(5))


def test_a_whole_conversion_is_taken_before_shards(hub):
    write_tar(hub / "owner" / "faces@main" / "faces.tar", samples(4))
    write_faces(hub / "owner" / f"faces@{CONVERTED}" / "default" / "train" / "0000.parquet", 3)
    assert len(open_source(download_dataset("owner/faces", say=lambda text: None))) == 3
    assert len(stream_dataset("owner/faces")) == 3


def test_a_data_set_without_parquet_says_so(hub):
    top = hub / "owner" / "pictures@main"
    top.mkdir(parents=True)
    (top / "README.md").write_text("tar files only")
    with pytest.raises(FembError, match="owner/pictures has neither Parquet files nor tar archives") as caught:
        download_dataset("owner/pictures", say=lambda text: None)
    assert "femb convert" in caught.value.hint
    with pytest.raises(FembError, match="owner/pictures has neither Parquet files nor tar archives"):
        stream_dataset("owner/pictures")


def test_a_missing_revision_is_named(faces):
    with pytest.raises(FembError, match="owner/faces has no revision 'v9'"):
        download_dataset("hf://datasets/owner/faces@v9", say=lambda text: None)


def test_what_is_nowhere_may_be_private_or_a_path_misspelt(hub):
    with pytest.raises(FembError, match="neither a dataset owner/nothing .* nor such a path") as caught:
        download_dataset("owner/nothing", say=lambda text: None)
    assert "hf auth login" in caught.value.hint


def test_a_text_that_is_no_id_is_refused():
    with pytest.raises(FembError, match="'faces' is not the id of a dataset"):
        stream_dataset("faces")


def test_a_gated_data_set_says_where_to_ask(monkeypatch):
    def refuse(*arguments, **options):
        raise refusal(errors.GatedRepoError)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(FembError, match="owner/faces is gated") as caught:
        download_dataset("owner/faces", say=lambda text: None)
    assert "https://huggingface.co/datasets/owner/faces" in caught.value.hint
    assert "hf auth login" in caught.value.hint


@pytest.mark.parametrize(
    "error",
    [
        errors.LocalEntryNotFoundError("cannot find the requested files"),
        errors.OfflineModeIsEnabled("HF_HUB_OFFLINE is set"),
        errors.HTTPError("name or service not known"),
    ],
)
def test_without_a_network_the_error_says_so(monkeypatch, error):
    class Unreachable:
        def find(self, path):
            raise error

    def refuse(*arguments, **options):
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.setattr(huggingface_hub, "HfFileSystem", Unreachable)
    for get in (lambda: download_dataset("owner/faces", say=lambda text: None), lambda: stream_dataset("owner/faces")):
        with pytest.raises(FembError, match="cannot get owner/faces from the Hugging Face Hub") as caught:
            get()
        assert "network" in caught.value.hint


def test_a_stream_reads_what_a_download_would(faces):
    stream = stream_dataset("owner/faces", split="train")
    stored = ParquetSource(download_dataset("owner/faces", split="train", say=lambda text: None))
    assert [stream.read(row) for row in range(6)] == [stored.read(row) for row in range(6)]
    assert stream.identities.labels_N.tolist() == stored.identities.labels_N.tolist()


def test_a_stream_has_the_channel_order_that_its_dataset_states(faces):
    write_images = [{"bytes": encode(0), "path": None}]
    pq.write_table(pa.table({"image": write_images, "label": [0]}), faces / "data/train-00000-of-00001.parquet")
    write_dataset_info(faces, DatasetInfo(channels="bgr"))
    red = decode_image(encode(0), None)[0, 0, 0]
    for channels, is_swapped in ((None, True), ("rgb", False)):
        source = open_source("owner/faces", split="train", channels=channels)
        assert channels_of(source) == ("bgr" if is_swapped else "rgb")
        assert decode_image(source.read(0), None)[0, 0, 2 if is_swapped else 0] == red


def test_a_network_that_goes_away_is_named_with_the_place(faces):
    stream = stream_dataset("owner/faces", split="train")
    shutil.rmtree(faces)
    with pytest.raises(FembError, match=r"cannot read row group 0 of datasets/owner/faces@main/data/train-") as caught:
        stream.read(0)
    assert "network" in caught.value.hint
