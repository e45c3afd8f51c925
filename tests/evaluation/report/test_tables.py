"""The tables and the paragraph for papers."""

import csv
from dataclasses import replace

import pytest
from reports import everything_known

from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.methods import methods_text
from femb_cli.evaluation.report.tables import groups_csv
from femb_cli.evaluation.verification.means import means_of_results


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_table_has_the_metrics_with_the_ends_of_their_intervals(full, results):
    first, second = read(full / "table.csv")
    assert (first["benchmark"], first["model"], second["model"]) == ("Toys & dolls", "plain", "_<b>&$x_$")
    assert float(first["eer"]) == results[0].metrics.eer
    assert (first["accuracy_low"], first["accuracy_high"], first["eer_low"]) == ("0.8125", "0.9125", "")


def test_groups_have_their_counts_rates_and_intervals(full):
    row = read(full / "groups.csv")[0]
    assert (row["grouping"], row["group"]) == ("age & make", "<old>")
    assert float(row["fnmr"]) == int(row["false_non_matches"]) / int(row["genuine_pairs"])
    assert float(row["fnmr_low"]) <= float(row["fnmr"]) <= float(row["fnmr_high"])


def test_without_groups_there_is_no_table_of_them(results):
    assert groups_csv(["plain"], results[:1], [ReportContents()]) is None


@pytest.mark.parametrize(
    "text",
    [
        "Toys & dolls has 100 genuine and 100 impostor pairs in 10 folds.",
        "The embedding of an image is the sum of those of the image and of its mirror image.",
        "every score of the other folds tried as a threshold",
        "90 % percentile intervals of 1,000 bootstrap resamples of the pairs",
        "compared by the difference of their metrics over 1,000 resamples of the pairs",
        "Groups were compared at the threshold of all pairs at FMR 1e-3",
        "ISO/IEC 29794-1",
        "measured by magnitude,",
        "The figures were computed with femb ",
    ],
)
def test_the_paragraph_states_how_the_numbers_were_measured(full, text):
    assert text in (full / "methods.txt").read_text()


def test_the_paragraph_says_nothing_of_what_was_not_done(results):
    text = methods_text(["plain"], results[:1], [ReportContents()], [], {"femb": "1"})
    assert not any(word in text for word in ("Interval", "Groups", "29794", "compared"))


def test_models_are_named_where_their_mirror_images_differ(results):
    both = [results[0], replace(results[0], flip="none")]
    text = methods_text(["a", "b"], both, [everything_known(result) for result in both], [], {"femb": "1"})
    assert "mirror image with a. Mirror images were not used with b." in text


def test_the_paragraph_says_what_the_means_are_over(results):
    both = [replace(results[0], title=name, benchmark=name) for name in ("LFW", "CALFW")]
    text = methods_text(["a", "a"], both, [ReportContents()] * 2, [], {"femb": "1"}, means_of_results(both))
    assert "Means are unweighted, over LFW and CALFW." in text


def test_what_was_resampled_is_said_once_with_its_benchmarks(results):
    both = [replace(results[0], title=name) for name in ("LFW", "CALFW")]
    known = [everything_known(result) for result in both]
    known[0] = replace(known[0], confidence=replace(known[0].confidence, method="bootstrap over subjects"))
    text = methods_text(["a", "a"], both, known, [], {"femb": "1"})
    assert text.count("Intervals are") == 1
    assert "bootstrap resamples of the people on LFW and the pairs on CALFW;" in text


def test_the_paragraph_has_the_thresholds_that_the_pairs_can_measure(results):
    chosen = replace(results[0], operating_rates=("1e-2", "1e-3"))
    text = methods_text(["plain"], [chosen], [ReportContents()], [], {"femb": "1"})
    assert f"The threshold of plain is {chosen.metrics.threshold_at_fmr['1e-2']:.4g} at FMR 1e-2." in text
    assert "The 100 impostor pairs of Toys & dolls cannot show an FMR of 1e-3" in text


def test_the_paragraph_on_distances_says_which_pairs_are_accepted(results):
    text = methods_text(["d"], [replace(results[0], are_distances=True)], [ReportContents()], [], {"femb": "1"})
    assert "accepted if its distance is at most the threshold" in text
    assert "at least the threshold" not in text
