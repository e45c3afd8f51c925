"""An interrupted conversion that is called again writes the same bytes as one without interruption."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from file_sizes import files_no_larger_than
from kills import kill_at
from pictures import encode, people, tree

from femb_cli.data.conversion import batch_reader
from femb_cli.data.conversion.convert import Conversion, convert
from femb_cli.data.files.folder import FolderSource
from femb_cli.data.files.list_file import ListFileSource
from femb_cli.data.open import open_source
from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError

COUNTS = {"a": 5, "b": 1, "c": 9, "d": 8}
DAMAGED = ("a/1.jpg", "b/0.jpg", "c/4.jpg", "d/7.jpg")
NUM_BATCHES = 8


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(batch_reader, "BATCH_ROWS", 3)


@pytest.fixture
def faces(tmp_path) -> FolderSource:
    """Four people; the second has no intact image, so that labels are renumbered."""
    folder = people(tmp_path / "faces", COUNTS)
    for name in DAMAGED:
        (folder / name).write_bytes(encode(0)[:-40])
    return FolderSource(folder)


def converted(source: ImageSource, folder: Path, format: str, **options) -> Conversion:
    """Convert to files of a few images each, skipping what is damaged."""
    return convert(source, folder / "set", **{"on_error": "skip", "format": format, "shard_bytes": 3000, **options})


def interrupt_at(number: int) -> Callable[[int, int], None]:
    """A progress function that interrupts in its `number`-th call, from 1."""
    calls = []

    def progress(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == number:
            raise KeyboardInterrupt

    return progress


def convert_until_killed(source: ImageSource, folder: Path, format: str, moment: int) -> None:
    """Convert, and be killed at the `moment`-th of: a change among the files of the set; a batch done."""
    next_moment = kill_at(moment)

    def hook(event: str, arguments: tuple) -> None:
        if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir") and str(folder) in str(arguments[0]):
            next_moment()

    sys.addaudithook(hook)
    converted(source, folder, format, progress=lambda *_: next_moment())


def is_killed(*arguments: object) -> bool:
    """Run `convert_until_killed` in a fork; whether the moment came before the end."""
    process = get_context("fork").Process(target=convert_until_killed, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_an_interruption_at_any_batch_changes_no_byte(faces, tmp_path, format):
    whole = converted(faces, tmp_path / "whole", format)
    assert (whole.num_images, whole.num_identities, whole.num_skipped) == (19, 3, 4)
    expected = tree(tmp_path / "whole")
    assert sum("train-" in name or "data-" in name for name in expected) > 3
    for number in range(1, NUM_BATCHES + 1):
        folder = tmp_path / f"broken_{number}"
        with pytest.raises(KeyboardInterrupt):
            converted(faces, folder, format, progress=interrupt_at(number))
        again = converted(faces, folder, format)
        assert tree(folder) == expected
        assert (again.skipped, again.bytes) == (whole.skipped, whole.bytes)


@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_interruption_after_interruption_comes_to_the_same_end(faces, tmp_path, format):
    converted(faces, tmp_path / "whole", format)
    for _ in range(NUM_BATCHES):
        try:
            converted(faces, tmp_path / "broken", format, progress=interrupt_at(3))
            break
        except KeyboardInterrupt:
            continue
    assert tree(tmp_path / "broken") == tree(tmp_path / "whole")


@pytest.mark.parametrize("format", ["arrow", "parquet"])
@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_changes_no_byte(faces, tmp_path, format, every):
    converted(faces, tmp_path / "whole", format)
    expected = tree(tmp_path / "whole")
    moment = 1
    while is_killed(faces, tmp_path / str(moment), format, moment):
        folder = tmp_path / str(moment)
        if not (folder / "set").exists():
            converted(faces, folder, format)
        assert tree(folder / "set") == tree(tmp_path / "whole" / "set"), moment
        with pytest.raises(FembError, match="exists already"):
            converted(faces, folder, format)
        assert [path.name for path in folder.iterdir()] == ["set"], moment
        moment += every
    assert moment > 30
    assert tree(tmp_path / str(moment)) == expected


def test_extra_columns_survive_an_interruption(faces, tmp_path):
    lines = [f"{name},{name[0]},{number % 3},é{number}\n" for number, name in enumerate(faces.names)]
    (tmp_path / "faces.csv").write_text("path,identity,age,ethnicity\n" + "".join(lines))
    source = ListFileSource(tmp_path / "faces.csv", faces.path)
    for format in ("arrow", "parquet"):
        converted(source, tmp_path / format / "whole", format)
        with pytest.raises(KeyboardInterrupt):
            converted(source, tmp_path / format / "broken", format, progress=interrupt_at(5))
        converted(source, tmp_path / format / "broken", format)
        assert tree(tmp_path / format / "broken") == tree(tmp_path / format / "whole")


def test_what_is_converted_already_is_not_read_again(faces, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        converted(faces, tmp_path, "arrow", progress=interrupt_at(NUM_BATCHES - 1))
    steps = []
    converted(faces, tmp_path, "arrow", progress=lambda done, total: steps.append(done))
    assert steps[0] > len(faces) // 2


def test_a_dataset_whose_files_have_changed_starts_again(faces, tmp_path):
    for number, format in enumerate(("arrow", "parquet")):
        folder = tmp_path / f"source_{format}"
        converted(faces, folder, format)
        with pytest.raises(KeyboardInterrupt):
            converted(open_source(folder / "set"), tmp_path / format, "arrow", progress=interrupt_at(5))
        for name in faces.names:
            (faces.path / name).write_bytes(encode(100 + number, (41, 41)) if name not in DAMAGED else b"")
        converted(faces, folder, format, overwrite=True)
        converted(open_source(folder / "set"), tmp_path / format, "arrow")
        images = open_source(tmp_path / format / "set")
        assert {images.read(row) for row in range(len(images))} == {encode(100 + number, (41, 41))}


def test_an_archive_that_has_changed_starts_again(faces, tmp_path):
    import zipfile

    def pack(size: tuple[int, int]) -> None:
        with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
            for name in faces.names:
                archive.writestr(name, encode(1, size))

    pack((41, 41))
    with pytest.raises(KeyboardInterrupt):
        converted(open_source(tmp_path / "faces.zip"), tmp_path, "arrow", progress=interrupt_at(5))
    pack((42, 42))
    steps = []
    converted(open_source(tmp_path / "faces.zip"), tmp_path, "arrow", progress=lambda *step: steps.append(step))
    images = open_source(tmp_path / "set")
    assert {images.read(row) for row in range(len(images))} == {encode(1, (42, 42))}
    assert steps[0] == (3, len(faces))


def test_a_loose_file_that_has_changed_starts_again(faces, tmp_path):
    (tmp_path / "faces.txt").write_text("".join(f"{name} {name[0]}\n" for name in faces.names))
    for source in (faces, ListFileSource(tmp_path / "faces.txt", faces.path)):
        with pytest.raises(KeyboardInterrupt):
            converted(source, tmp_path / source.kind, "arrow", progress=interrupt_at(5))
        (faces.path / faces.names[0]).write_bytes(encode(77, (41, 41 + len(source.kind))))
        converted(source, tmp_path / source.kind, "arrow")
        images = open_source(tmp_path / source.kind / "set")
        assert images.read(0) == (faces.path / faces.names[0]).read_bytes()


def test_a_list_of_images_in_another_folder_starts_again(faces, tmp_path):
    shutil.copytree(faces.path, tmp_path / "others")  # with the same sizes and times
    (tmp_path / "faces.txt").write_text("".join(f"{name} {name[0]}\n" for name in faces.names))
    with pytest.raises(KeyboardInterrupt):
        converted(ListFileSource(tmp_path / "faces.txt", faces.path), tmp_path, "arrow", progress=interrupt_at(5))
    steps = []
    source = ListFileSource(tmp_path / "faces.txt", tmp_path / "others")
    converted(source, tmp_path, "arrow", progress=lambda *step: steps.append(step))
    assert steps[0] == (3, len(faces))


@pytest.mark.parametrize("options", [{"verify": True}, {"shard_bytes": 4000}, {"format": "parquet"}, {"limit": 20}])
def test_another_selection_or_format_starts_again(faces, tmp_path, options):
    with pytest.raises(KeyboardInterrupt):
        converted(faces, tmp_path / "broken", "arrow", progress=interrupt_at(5))
    for folder in ("broken", "whole"):
        convert(
            faces, tmp_path / folder / "set", on_error="skip", **{"format": "arrow", "shard_bytes": 3000, **options}
        )
    assert tree(tmp_path / "broken") == tree(tmp_path / "whole")


def test_damage_that_stopped_late_may_be_skipped_afterwards(faces, tmp_path):
    for name in DAMAGED[:3]:
        (faces.path / name).write_bytes(encode(7))
    with pytest.raises(FembError, match=re.escape(DAMAGED[3])):
        converted(faces, tmp_path / "broken", "arrow", on_error="stop")
    assert (tmp_path / "broken" / ".set.unfinished").exists()
    converted(faces, tmp_path / "broken", "arrow")
    converted(faces, tmp_path / "whole", "arrow")
    assert tree(tmp_path / "broken") == tree(tmp_path / "whole")


def test_damage_that_was_skipped_before_an_interruption_stops_after_it(faces, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        converted(faces, tmp_path, "arrow", progress=interrupt_at(5))
    with pytest.raises(FembError, match=re.escape(DAMAGED[0])) as caught:
        converted(faces, tmp_path, "arrow", on_error="stop")
    assert "--on-error skip" in caught.value.hint


@pytest.mark.parametrize("format", ["arrow", "parquet"])
@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: os.truncate(file, 2500)])
def test_files_that_an_interruption_spoilt_are_named(faces, tmp_path, format, damage):
    with pytest.raises(KeyboardInterrupt):
        converted(faces, tmp_path, format, progress=interrupt_at(5))
    damage(next((tmp_path / ".set.unfinished").rglob("*-00001.*")))
    for _ in range(2):
        with pytest.raises(FembError, match=r"cannot resume from .*\.set\.unfinished") as caught:
            converted(faces, tmp_path, format)
        assert "remove" in caught.value.hint


def test_an_arrow_file_that_lost_its_last_rows_is_refused(faces, tmp_path):
    import pyarrow as pa

    with pytest.raises(KeyboardInterrupt):
        converted(faces, tmp_path, "arrow", progress=interrupt_at(5))
    file = next((tmp_path / ".set.unfinished").glob("*-00001.*"))
    with pa.ipc.open_stream(file.read_bytes()) as stream:
        batches = list(stream)
    with pa.ipc.new_stream(str(file), batches[0].schema) as stream:
        stream.write_batch(batches[0][:1])
    with pytest.raises(FembError, match=r"their images are not those that were written"):
        converted(faces, tmp_path, "arrow")


def test_a_changed_byte_in_a_complete_file_is_noticed(faces, tmp_path):
    """Or the dataset would get the checksums of damaged images."""
    with pytest.raises(KeyboardInterrupt):
        converted(faces, tmp_path, "arrow", progress=interrupt_at(5))
    file = next((tmp_path / ".set.unfinished").glob("*-00000.*"))
    content, image = bytearray(file.read_bytes()), (faces.path / faces.names[0]).read_bytes()
    content[content.index(image) + len(image) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(FembError, match=r"their images are not those that were written"):
        converted(faces, tmp_path, "arrow")


@pytest.mark.parametrize("format", ["arrow", "parquet"])
@pytest.mark.parametrize("limit", [100, 500, 1500, 3500])
def test_a_disk_that_refuses_is_an_error_that_names_the_folder(faces, tmp_path, format, limit):
    # `refused` keeps the error, as a notebook does: the lock must not live as long.
    refused = pytest.raises(FembError, match=r"cannot write to .*\.set\.unfinished: .*File too large")
    with files_no_larger_than(limit), refused:
        converted(faces, tmp_path, format)
    converted(faces, tmp_path, format)
    converted(faces, tmp_path / "whole", format)
    assert tree(tmp_path / "set") == tree(tmp_path / "whole" / "set")


@pytest.mark.parametrize("format", ["arrow", "parquet"])
@pytest.mark.parametrize("number", [1, 4, NUM_BATCHES])
def test_a_directory_that_vanishes_is_one_error(faces, tmp_path, format, number):
    steps = []

    def vanish(done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == number:
            shutil.rmtree(tmp_path / ".set.unfinished")

    with pytest.raises(FembError, match=r"cannot write to .*\.set\.unfinished"):
        converted(faces, tmp_path, format, progress=vanish)
    converted(faces, tmp_path, format)
    assert [path.name for path in tmp_path.iterdir() if "set" in path.name] == ["set"]


@pytest.mark.slow
@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_a_command_that_is_killed_ten_times_writes_the_same_files(tmp_path, format):
    generator = np.random.default_rng(0)
    for row in range(4000):
        file = tmp_path / "faces" / f"{row % 300:03d}" / f"{row}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode(row, (112, 112)) + generator.bytes(10_000) + b"\xff\xd9")
    for name in ("000/0.jpg", "150/750.jpg", "299/299.jpg", *(f"007/{row}.jpg" for row in range(7, 4000, 300))):
        (tmp_path / "faces" / name).write_bytes(b"<html>")

    def start(folder: str) -> subprocess.Popen:
        arguments = ["convert", "faces", f"{folder}/set", "--on-error", "skip", "--format", format]
        command = [sys.executable, "-m", "femb_cli", *arguments, "--shard-size", "1", "--verify"]
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    began = time.monotonic()
    assert start("whole").wait() == 0
    seconds = time.monotonic() - began
    kills = 0
    for number in range(10):
        (tmp_path / f"broken_{number}").mkdir()
        for _ in range(2):
            process = start(f"broken_{number}")
            time.sleep(generator.uniform(0.1, 0.95) * seconds)
            process.kill()
            kills += process.wait() == -signal.SIGKILL
        if not (tmp_path / f"broken_{number}" / "set").exists():
            assert start(f"broken_{number}").wait() == 0
        assert tree(tmp_path / f"broken_{number}" / "set") == tree(tmp_path / "whole" / "set"), number
    assert kills >= 10
