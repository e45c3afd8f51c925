"""What `femb verify` shows: the table, its intervals, warnings and the report."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from stored_embeddings import GENUINE, IMPOSTOR, NAMES, ROWS, describe, save_npy, store

from femb_cli.cli.output import Output
from femb_cli.cli.verification_output import show_templates
from femb_cli.text import columns_of

HEADER = "benchmark model accuracy FNMR@1e-3 EER AUC"


def test_the_table_has_one_row_with_the_usual_figures(femb):
    result = femb(*store())
    header, row = result.out.splitlines()
    assert header.split() == HEADER.split()
    assert row == "pairs.csv  embeddings.npy  100.00 % ± 0.00     0.00 %  0.00 %  1.0000"
    assert "2 genuine and 2 impostor pairs, accuracy by the protocol arcface, mirror images: as stored" in result.err


def test_long_names_are_cut_at_their_start_in_80_columns(femb):
    name = "a_very_long_name_of_a_file_" * 4 + "at_its_end"
    result = femb(*store(name=name), "--intervals", "--fmr", "1e-2", "--fmr", "0.05", "--fmr", "5e-4")
    assert max(map(len, result.out.splitlines())) <= 80
    assert "…" in result.out and "_at_its_end.npy" in result.out
    assert f"{name}.npy" in femb(*store(name=name), "--wide").out


def test_names_of_wide_characters_and_of_two_lines_fit_80_columns(femb, tmp_path):
    path = tmp_path / ("名前\n\t" * 20 + ".csv")
    path.write_text("mated,score\n" + "1,0.9\n0,0.1\n" * 20)
    lines = femb("verify", "--scores", path.name, "--fmr", "0.1").out.splitlines()
    assert max(map(columns_of, lines)) <= 80
    assert len(lines) == 6
    assert len({columns_of(line) for line in lines[:2]}) == 1


def test_wide_shows_everything(femb):
    header, row = femb(*store(), "--wide").out.splitlines()
    assert {"flip", "pairs", "protocol", "TAR@1e-2", "FNMR@1e-3", "threshold@1e-3"} <= set(header.split())
    assert "as stored" in row and "arcface" in row


@pytest.mark.usefixtures("quick_figures")
def test_chosen_operating_points_have_their_threshold_everywhere(femb, tmp_path):
    options = ("--fmr", "0.001", "--far", "0.2", "--intervals", "--report", "report")
    shown = femb(*store(), *options)
    assert "FNMR@1e-3  FNMR@0.2" in shown.out
    for rate in ("1e-3", "0.2"):
        (line,) = [line for line in shown.out.splitlines() if line.startswith(f"FNMR at FMR {rate}")]
        assert line.count(" to ") == 2
        assert f"Threshold at<br>FMR {rate}" in (tmp_path / "report" / "report.html").read_text()
    document = json.loads(femb(*store(), *options, "--overwrite", "--json").out)
    assert [point["fmr"] for point in document["operating_points"]] == [0.001, 0.2]
    point, interval = document["operating_points"][1], document["intervals"]["threshold_at_fmr_0.2"]
    assert point["threshold"] == document["threshold_at_fmr"]["0.2"]
    assert interval["low"] <= point["threshold"] <= interval["high"]


def test_a_rate_that_the_impostor_pairs_cannot_show_is_marked(femb):
    shown = femb(*store(), "--fmr", "1e-3", "--fmr", "0.5").out
    assert "FNMR at FMR 1e-3†" in shown and "FNMR at FMR 0.5 " in shown
    assert shown.splitlines()[-1].startswith("† not measurable")
    document = json.loads(femb(*store(), "--fmr", "0.5", "--json").out)
    assert document["unmeasured_fmr"] == ["1e-1", "1e-2", "1e-3", "1e-4"]


def test_a_rate_is_taken_as_it_is_written(femb):
    document = json.loads(femb(*store(), "--fmr", "0.9999999", "--fmr", "0.123456789", "--json").out)
    assert [point["fmr"] for point in document["operating_points"]] == [0.9999999, 0.123456789]


def test_thresholds_of_distances_are_distances_with_their_interval(femb, tmp_path):
    (tmp_path / "genuine.txt").write_text("0.1\n0.2\n0.3\n0.9\n" * 5)
    (tmp_path / "impostor.txt").write_text("0.8\n1.1\n1.2\n1.3\n" * 5)
    files = ("--scores", "genuine.txt", "--impostor-scores", "impostor.txt", "--distances")
    document = json.loads(femb("verify", *files, "--fmr", "0.25", "--intervals", "--json").out)
    interval = document["intervals"]["threshold_at_fmr_0.25"]
    assert 0.0 < interval["low"] <= document["threshold_at_fmr"]["0.25"] <= interval["high"]


@pytest.mark.parametrize("rate", ["0", "1", "5", "-1", "nan"])
def test_an_operating_point_that_is_no_rate_is_refused_before_anything_is_read(femb, rate):
    result = femb("verify", "--pairs", "none.csv", "--embeddings", "none.npy", f"--fmr={rate}")
    assert result.code == 2
    assert "is no rate" in result.err


def test_an_unbalanced_list_gets_a_warning(femb):
    result = femb(*store(pairs=[*GENUINE, *IMPOSTOR * 10]))
    assert "refusing everybody has an accuracy of 90.91 %" in result.err


def test_a_file_that_says_nothing_about_its_model_is_named(femb):
    assert "nothing is known about the model of embeddings.npy" in femb(*store()).err
    save_npy(Path("embeddings.npy"), ROWS, NAMES, describe(ROWS, NAMES, model="net", flip="sum"))
    result = femb("verify", "--pairs", "pairs.csv", "--embeddings", "embeddings.npy")
    assert "nothing is known" not in result.err
    assert result.out.splitlines()[1].split()[:2] == ["pairs.csv", "net"]


def test_intervals_are_in_a_table_of_their_own(femb):
    plain, with_intervals = femb(*store()), femb(*store(), "--intervals")
    assert " to " not in plain.out
    assert with_intervals.out.startswith(plain.out.rstrip())
    assert [line.split("  ")[0].removesuffix("†") for line in with_intervals.out.splitlines()[5:10]] == [
        *("accuracy", "FNMR at FMR 1e-2", "FNMR at FMR 1e-3", "EER", "AUC")
    ]
    assert "95 % intervals: bootstrap over pairs" in with_intervals.err


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


@pytest.mark.usefixtures("quick_figures")
def test_a_report_is_announced_and_not_replaced_unless_asked(femb, tmp_path):
    assert "report: report/report.html" in femb(*store(), "--report", "report").err
    assert (tmp_path / "report" / "report.html").is_file()
    again = femb(*store(), "--report", "report")
    assert again.code == 1
    assert "report exists already" in again.err
    assert femb(*store(), "--report", "report", "--overwrite").code == 0


@pytest.mark.slow
def test_a_quality_file_names_the_discard_curve(femb, tmp_path):
    (tmp_path / "scores.txt").write_text("a/1.jpg 1\na/2.jpg 2\nb/1.jpg 3\nb/2.jpg 4\n")
    result = femb(*store(), "--report", "report", "--quality", "scores.txt")
    assert result.code == 0, result.err
    assert "scores.txt" in (tmp_path / "report" / "report.html").read_text()


def test_a_quality_needs_no_report(femb, tmp_path):
    worse = [[1.0, 0.0], [0.0, 1.0], [0.1, 1.0], [0.1, 0.9]]
    (tmp_path / "q.csv").write_text("image,quality\na/1.jpg,1\na/2.jpg,2\nb/1.jpg,3\nb/2.jpg,4\n")
    result = femb(*store(worse), "--quality", "q.csv")
    assert "pairs.csv, embeddings.npy: quality q.csv: FNMR 50.00 % at FMR 1e-3, area" in result.err
    document = json.loads(femb(*store(worse), "--quality", "q.csv", "--json").out)
    assert document["quality"]["file"] == "q.csv"
    assert document["quality"]["discard_area"]["limit"] == 0.2


def test_a_quality_is_checked_before_anything_is_computed(femb, tmp_path):
    (tmp_path / "q.csv").write_text("image,quality\na/1.jpg,1\na/2.jpg,x\n")
    result = femb("verify", "--dataset", "none", "--model", "none", "--quality", "q.csv")
    assert "q.csv, line 3: expected the name of an image" in result.err
    (tmp_path / "q.csv").write_text("image,quality\na/1.jpg,1\na/2.jpg,2\n")
    result = femb(*store(), "--quality", "q.csv")
    assert (result.code, result.out) == (1, "")
    assert "q.csv: pairs.csv, line 3: no image 'b/1.jpg'" in result.err


def test_qualities_are_one_or_one_a_model(femb):
    result = femb(*store(), "--quality", "a.csv", "--quality", "b.csv")
    assert result.code == 2
    assert "2 files of --quality for 1 models" in result.err


def test_the_tables_of_templates_fit_80_columns(capsys):
    rates = dict.fromkeys(("1e-6", "1e-5", "1e-4", "1e-3", "1e-2", "1e-1"), 1.0)
    galleries = [
        SimpleNamespace(
            gallery=name,
            num_probes=1234567,
            num_mated=1234567,
            num_gallery=1234567,
            rank_rate=dict.fromkeys(("1", "5", "10"), 1.0),
            tpir_at_fpir=dict.fromkeys(("1e-1", "1e-2", "1e-3"), 1.0),
        )
        for name in ("ijbc_1N_gallery_G1.csv", "ijbc_1N_gallery_G2.csv", "mean")
    ]
    result = SimpleNamespace(
        benchmark="a_folder_with_a_very_long_name_of_a_set_of_templates",
        metrics=SimpleNamespace(mode="N1D1F1", official_tpr_at_fpr=rates, tar_at_far=rates),
        identification=galleries,
        warnings=(),
        genuine_N=np.zeros(10**5, bool),
        to_json=dict,
    )
    show_templates(Output(), result)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "1e-4" in [line.split()[0] for line in lines if line]
    assert "ijbc_1N_gallery_G2.csv" in lines[8]
