"""Downloads from the Hub move femb's bar."""

from contextlib import contextmanager

from femb_cli.runtime import hub_progress as module
from femb_cli.runtime.hub_progress import hub_progress


def test_the_bytes_of_the_hubs_bars_move_one_bar_and_nothing_else_is_printed(monkeypatch, capsys):
    moves = []

    @contextmanager
    def shown(label):
        moves.append(label)
        yield lambda *counts: moves.append(counts)

    monkeypatch.setattr(module, "progress_bar", shown)
    with hub_progress("downloading owner/name") as bar:
        arrived, written = (bar(desc="bytes", unit="B", total=0, unit_scale=True, mininterval=0) for _ in range(2))
        for each in (arrived, written):
            each.total += 4000
        arrived.update(3000)
        written.update(1000)
        for _ in bar(range(3), desc="Fetching 3 files", mininterval=0):
            pass
        arrived.close()
    assert moves[0] == "downloading owner/name"
    assert set(moves[1:]) == {(3, 4)}
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_nothing_is_shown(capsys):
    with hub_progress("downloading owner/name") as bar:
        bar(unit="B", total=10, mininterval=0).update(5)
    assert capsys.readouterr() == ("", "")
