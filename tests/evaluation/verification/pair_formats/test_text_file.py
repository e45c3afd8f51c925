"""Text files that are read block after block."""

import os
import threading

import pytest
from pair_files import write_pair_file

from femb_cli.errors import FembError
from femb_cli.evaluation.verification.pair_formats import text_file
from femb_cli.evaluation.verification.pair_formats.text_file import TextFile
from femb_cli.text import lines_of


@pytest.mark.parametrize("text", ["a\r\nb\n\n \nc \t\n \n", "\n\na", "\ufeffa\rb\u2028c\r\nd", "a \n\n\n\n\n\nb\n"])
@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_blocks_make_no_difference(tmp_path, monkeypatch, text, size):
    monkeypatch.setattr(text_file, "_BLOCK_BYTES", size)
    file = TextFile.scan(write_pair_file(tmp_path, text.encode()))
    lines = lines_of(text.removeprefix("\ufeff").rstrip())
    assert (list(file), list(file.samples), file.num_lines) == (lines, lines, len(lines))


def test_bytes_that_are_no_text_are_named_with_their_line_in_any_block(tmp_path, monkeypatch):
    monkeypatch.setattr(text_file, "_BLOCK_BYTES", 4)
    with pytest.raises(FembError, match="line 4: not UTF-8"):
        TextFile.scan(write_pair_file(tmp_path, b"ab\n\ncd\nx\xff\ny"))


def test_another_encoding_is_named_with_what_to_do(tmp_path):
    with pytest.raises(FembError, match="line 1: UTF-16 text") as raised:
        TextFile.scan(write_pair_file(tmp_path, "ref,probe,mated\na,b,1\n".encode("utf-16")))
    assert "iconv" in str(raised.value.hint)


def test_samples_of_a_long_file_lie_at_equal_distances(tmp_path, monkeypatch):
    monkeypatch.setattr(text_file, "_BLOCK_BYTES", 10)
    monkeypatch.setattr(text_file, "_MOST_SAMPLES", 5)
    lines = [str(number) for number in range(17)]
    assert TextFile.scan(write_pair_file(tmp_path, lines)).samples == ("0", "4", "8", "12", "16")


def test_a_pipe_is_read_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("a\nb\n",))
    writer.start()
    file = TextFile.scan(tmp_path / "pipe")
    writer.join()
    assert list(file) == list(file) == ["a", "b"]
