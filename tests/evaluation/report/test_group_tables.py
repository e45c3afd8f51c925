"""The tables of groups, and what is said of their differences."""

from dataclasses import replace

import numpy as np
import pytest

from femb_cli.evaluation.metrics.groups import compare_groups
from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.group_tables import group_tables, own_tar


def of_errors(grouping="sex", names=("a", "b"), misses=(60, 10), matches=(0, 0)):
    """Groups of 1000 genuine and 1000 impostor pairs each; the threshold is 0.5."""
    scores, genuine, labels = [], [], []
    for name, missed, matched in zip(names, misses, matches, strict=True):
        scores += [0.0] * missed + [1.0] * (1000 - missed) + [1.0] * matched + [0.0] * (1000 - matched)
        genuine += [1] * 1000 + [0] * 1000
        labels += [name] * 2000
    return compare_groups(np.array(scores), genuine, labels, grouping=grouping, far=sum(matches) / 2000)


def tables(results, *comparisons, quality=""):
    contents = [ReportContents(groups=[comparison], quality=quality) for comparison in comparisons]
    same = [replace(results[0], title="LFW")] * len(comparisons)
    return group_tables([f"model {number}" for number in range(len(comparisons))], same, contents)


def test_models_are_side_by_side(results):
    (table,) = tables(results, of_errors(), of_errors(misses=(30, 30)))
    assert [name for name, _ in table.models] == ["model 0", "model 1"]
    assert [name for name, _ in table.rows] == ["a", "b"]
    assert [group.false_non_matches for group in table.rows[0][1]] == [60, 30]


def test_only_a_difference_beyond_chance_is_a_finding(results):
    (table,) = tables(results, of_errors(), of_errors(misses=(30, 32)))
    assert table.findings == ["model 0: the FNMR is 6.00 % for “a” and 1.00 % for “b”, 6.0 times as high."]
    assert "model 1: the FNMR of no two groups can be told apart." in table.remarks


def test_no_errors_at_all_are_said_once(results):
    (table,) = tables(results, of_errors())
    assert table.remarks == ["model 0: no false match in any group."]


def test_parts_by_quality_share_a_row_although_their_limits_differ(results):
    first = of_errors("magnitude", names=("1: 2 to 3", "2: 3 to 4"))
    second = of_errors("magnitude", names=("1: 5 to 6", "2: 6 to 9"), misses=(0, 0))
    (table,) = tables(results, first, second, quality="magnitude")
    assert [name for name, _ in table.rows] == ["part 1", "part 2"]
    assert [group.name for group in table.rows[1][1]] == ["2: 3 to 4", "2: 6 to 9"]
    assert "6.00 % for part 1 (2 to 3) and 1.00 % for part 2 (3 to 4)" in table.findings[0]


def test_a_group_that_a_model_lacks_has_an_empty_cell(results):
    (table,) = tables(results, of_errors(), of_errors(names=("a", "c")))
    assert [(name, [group is None for group in cells]) for name, cells in table.rows] == [
        ("a", [False, False]),
        ("b", [False, True]),
        ("c", [True, False]),
    ]


@pytest.mark.parametrize("names", [("a", "a")])
def test_a_single_group_is_not_compared(results, names):
    (table,) = tables(results, of_errors(names=names))
    assert (table.findings, table.remarks) == ([], [])


def test_a_group_of_few_impostor_pairs_has_no_threshold_of_its_own(results):
    scores, genuine = np.array([1.0, 0.0] * 150), [1, 0] * 150
    compared = compare_groups(scores, genuine, ["a"] * 100 + ["b"] * 200, grouping="sex", far=0.01)
    (table,) = tables(results, compared)
    assert table.has_small
    assert [own_tar(cells[0], table.far) for _, cells in table.rows] == [None, 1.0]
