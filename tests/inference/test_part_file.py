"""The array of an unfinished embedding."""

from pathlib import Path

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.inference.part_file import PartFile, is_part_file, refuse_second_writer

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "e.npy.part"


def begun(path: Path) -> PartFile:
    part = PartFile(path, path.with_suffix(""), 3)
    part.start(10**6)
    part.write(ROWS, 0)
    return part


def test_it_has_its_full_size_from_the_start_and_is_an_array(path):
    part = begun(path)
    part.close()
    whole = np.load(path, mmap_mode="r")
    assert whole.shape == (10**6, 3)
    np.testing.assert_array_equal(whole[:3], [*ROWS, [0, 0, 0]])


def test_completed_it_has_only_the_rows_that_were_written_and_what_follows(path):
    part = begun(path)
    part.complete(2, b"more")
    part.close()
    np.testing.assert_array_equal(np.load(path), ROWS)
    assert path.read_bytes().endswith(ROWS.tobytes() + b"more")


@pytest.mark.parametrize("all_done", [False, True])
def test_rows_that_are_there_are_recognised_and_continued(path, all_done):
    first = begun(path)
    digest = first.rows_hash.hexdigest()
    first.close()
    part = PartFile(path, path.with_suffix(""), 3)
    assert part.holds(2, of=10**6, digest=digest, all_done=all_done)
    assert not part.holds(1, of=10**6, digest=digest, all_done=all_done)
    assert not part.holds(2, of=10**6 + 1, digest=digest, all_done=False)
    assert part.holds(2, of=10**6, digest=digest, all_done=all_done)
    part.write(ROWS + 1, 2)
    digest = part.rows_hash.hexdigest()
    assert part.holds(4, of=10**6, digest=digest, all_done=False)
    part.close()


def test_it_is_locked_until_it_is_closed(path):
    part = begun(path)
    for again in (lambda: PartFile(path, Path("e.npy"), 3), lambda: refuse_second_writer(path, Path("e.npy"))):
        with pytest.raises(FembError, match=r"another process is writing e\.npy"):
            again()
    part.close()
    refuse_second_writer(path, Path("e.npy"))
    PartFile(path, Path("e.npy"), 3).close()


def test_a_file_that_holds_nothing_is_removed(path):
    PartFile(path, Path("e.npy"), 3).close()
    assert not path.exists()


def test_what_a_killed_call_may_leave_is_known_from_other_files(path):
    part = begun(path)
    part.close()
    whole = path.read_bytes()
    for own in (b"", whole, whole[:128], whole[: 128 + 24]):
        path.write_bytes(own)
        assert is_part_file(path)
    np.save(path.open("wb"), np.ones((2, 3)))
    damaged = [whole[:60], whole + b"more", whole.replace(b"), }", b", } "), b"anything", path.read_bytes()]
    for other in damaged:
        path.write_bytes(other)
        assert not is_part_file(path)
