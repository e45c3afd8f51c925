"""Writing that leaves the whole result or nothing."""

from pathlib import Path

import pytest

from femb_cli.errors import FembError
from femb_cli.files import cache_folder, new_file, new_folder


def tree(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def write(maker, path, text="new", **options):
    with maker(path, **options) as aside:
        (aside / "inside" if aside.is_dir() else aside).write_text(text)


@pytest.mark.parametrize("maker, name", [(new_file, "a/b/result"), (new_folder, "a/b/result/inside")])
def test_the_result_takes_its_name_and_nothing_else_is_left(tmp_path, maker, name):
    write(maker, tmp_path / "a/b/result")
    assert tree(tmp_path) == {name: "new"}
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["result"]


@pytest.mark.parametrize("maker", [new_file, new_folder])
def test_nothing_has_the_name_before_the_end(tmp_path, maker):
    with maker(tmp_path / "result") as aside:
        assert aside.parent == tmp_path
        assert not (tmp_path / "result").exists()
        if maker is new_file:
            aside.write_text("")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("maker", [new_file, new_folder])
def test_a_failure_leaves_nothing(tmp_path, maker, error):
    with pytest.raises(error), maker(tmp_path / "result") as aside:
        (aside / "half" if aside.is_dir() else aside).write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("maker", [new_file, new_folder])
def test_what_exists_is_refused_with_a_hint(tmp_path, maker):
    write(maker, tmp_path / "result", "old")
    before = tree(tmp_path)
    with pytest.raises(FembError, match="exists already") as caught:
        write(maker, tmp_path / "result")
    assert "--overwrite" in caught.value.hint
    assert tree(tmp_path) == before


@pytest.mark.parametrize("maker, name", [(new_file, "result"), (new_folder, "result/inside")])
def test_overwriting_replaces_the_old_result_whole(tmp_path, maker, name):
    write(maker, tmp_path / "result", "old")
    if maker is new_folder:
        (tmp_path / "result/of the old one").write_text("")
    write(maker, tmp_path / "result", overwrite=True)
    assert tree(tmp_path) == {name: "new"}
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("maker", [new_file, new_folder])
def test_a_failed_overwrite_keeps_the_old_result(tmp_path, maker):
    write(maker, tmp_path / "result", "old")
    before = tree(tmp_path)
    with pytest.raises(ValueError), maker(tmp_path / "result", overwrite=True) as aside:
        (aside / "half" if aside.is_dir() else aside).write_text("half")
        raise ValueError
    assert tree(tmp_path) == before


def test_overwriting_a_link_leaves_what_it_points_to(tmp_path):
    write(new_folder, tmp_path / "elsewhere", "kept")
    (tmp_path / "result").symlink_to(tmp_path / "elsewhere")
    write(new_folder, tmp_path / "result", overwrite=True)
    assert tree(tmp_path) == {"elsewhere/inside": "kept", "result/inside": "new"}
    assert not (tmp_path / "result").is_symlink()


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FembError, match="cannot make the directory"):
        write(new_file, tmp_path / "file/below/result")


def test_the_old_folder_comes_back_if_the_new_one_cannot_be_renamed(tmp_path, monkeypatch):
    write(new_folder, tmp_path / "result", "old")
    rename = Path.replace

    def fails_for_the_new_one(path, target):
        if path.suffix == ".tmp":
            raise OSError("disk failure")
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", fails_for_the_new_one)
    with pytest.raises(OSError):
        write(new_folder, tmp_path / "result", overwrite=True)
    assert tree(tmp_path) == {"result/inside": "old"}


@pytest.mark.parametrize(
    "environment, expected",
    [
        ({"FEMB_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/femb"),
        ({"HOME": "/c"}, "/c/.cache/femb"),
    ],
)
def test_the_cache_is_where_the_environment_says(monkeypatch, environment, expected):
    for name in ("FEMB_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)
