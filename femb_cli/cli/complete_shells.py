"""The answers that the completion of bash, zsh and fish gets, in the words of each shell."""

import re
import shlex
from collections.abc import Sequence

from femb_cli.cli.complete_line import Candidate, complete_line


def answer(shell: str, line: Sequence[str]) -> int:
    """Print what can stand at the cursor.

    Args:
        shell: one of `SCRIPTS`.
        line: in bash the line up to the cursor; in zsh and fish the words behind `femb`, without their quotes.

    Returns:
        The exit code: 0, or 1 if the shell should complete a file.
    """
    found = complete_in_bash(line[0]) if shell == "bash" else complete_line(line)
    for candidate in found or ():
        if not re.search(r"[\n\t]", candidate.word):
            print("\t".join(candidate).rstrip("\t"))
    return int(found is None)


def complete_in_bash(line: str) -> list[Candidate] | None:
    """Return what can replace the end of a line of bash; None for the path of a file.

    bash replaces only what stands behind the quote that is still open, or else behind the last `=` or `:` of the word.
    """
    quote = open_quote(line)
    try:
        words = shlex.split(line + quote)
    except ValueError:  # a backslash at the end
        return []
    if not quote and re.search(r"(?<!\\)\s$", line):
        words.append("")
    word = words[-1]
    kept = len(word) - len(line.rpartition(quote)[2]) if quote else max(map(word.rfind, "=:")) + 1
    found = complete_line(words[1:])
    return found and [Candidate(each.word[kept:] if quote else _escaped(each.word[kept:])) for each in found]


def open_quote(line: str) -> str:
    """Return the quotation mark that a line of a shell opens and does not close; empty if there is none."""
    quote = ""
    for character in re.sub(r"\\.", "", line):
        if character in ("'", '"') and quote in ("", character):
            quote = "" if quote else character
    return quote


def _escaped(word: str) -> str:
    """Return a word with a backslash before each character that means something to bash."""
    return re.sub(r"([\s\\'\"`$&|;<>()*?!#])", r"\\\1", word)
