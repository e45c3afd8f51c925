"""What `femb verify` shows: the table, its intervals, warnings and the report."""

import json
from pathlib import Path

import pytest
from stored_embeddings import GENUINE, IMPOSTOR, NAMES, ROWS, describe, save_npy, store

HEADER = "benchmark model flip pairs protocol accuracy TAR@FAR 1e-2 1e-3 EER AUC threshold"


def test_the_table_has_one_row_with_the_metrics(femb):
    result = femb(*store())
    header, row = result.out.splitlines()
    assert header.split() == HEADER.split()
    assert row.startswith("pairs.csv   embeddings.npy   as stored       4    arcface   100.00 % ± 0.00")
    assert "1.0000" in row


def test_a_file_that_says_nothing_about_its_model_is_named(femb):
    assert "nothing is known about the model of embeddings.npy" in femb(*store()).err
    save_npy(Path("embeddings.npy"), ROWS, NAMES, describe(ROWS, NAMES, model="net", flip="sum"))
    result = femb("verify", "--pairs", "pairs.csv", "--embeddings", "embeddings.npy")
    assert "nothing is known" not in result.err
    assert result.out.splitlines()[1].split()[:3] == ["pairs.csv", "net", "sum"]


def test_intervals_are_in_brackets_and_named(femb):
    plain, with_intervals = femb(*store()), femb(*store(), "--intervals")
    assert "[" not in plain.out
    assert with_intervals.out.count("[") == 5
    assert "in brackets: 95 % intervals, bootstrap over pairs" in with_intervals.err


def test_the_document_has_the_intervals_and_their_kind(femb):
    document = json.loads(femb(*store(), "--intervals", "--json").out)
    assert document["interval_kind"] == "bootstrap over pairs"
    assert document["intervals"]["eer"].keys() == {"low", "high", "level"}
    assert "intervals" not in json.loads(femb(*store(), "--json").out)


@pytest.mark.parametrize(("num_impostor", "rates"), [(2, ["0.01", "0.001"]), (100, ["0.001"]), (1000, [])])
def test_rates_with_too_few_impostor_pairs_get_a_warning(femb, num_impostor, rates):
    repeats = [IMPOSTOR[0]] * num_impostor
    result = femb(*store(pairs=[*GENUINE, *repeats]))
    for rate in ("0.01", "0.001"):
        sentence = f"pairs.csv has {num_impostor} impostor pairs, too few for FAR {rate}: it allows no false accept"
        assert (sentence in result.err) == (rate in rates)


def test_a_report_is_announced_and_not_replaced_unless_asked(femb, tmp_path):
    assert "report: report/report.html" in femb(*store(), "--report", "report").err
    assert (tmp_path / "report" / "report.html").is_file()
    again = femb(*store(), "--report", "report")
    assert again.code == 1
    assert "report exists already" in again.err
    assert femb(*store(), "--report", "report", "--overwrite").code == 0


def test_a_quality_file_names_the_discard_curve(femb, tmp_path):
    (tmp_path / "scores.txt").write_text("a/1.jpg 1\na/2.jpg 2\nb/1.jpg 3\nb/2.jpg 4\n")
    result = femb(*store(), "--report", "report", "--quality", "scores.txt")
    assert result.code == 0, result.err
    assert "scores.txt" in (tmp_path / "report" / "report.html").read_text()
