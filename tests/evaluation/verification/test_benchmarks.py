"""The benchmarks that have a name."""

import pytest

from femb_cli.errors import UsageError
from femb_cli.evaluation.metrics.protocols import PROTOCOL_NAMES
from femb_cli.evaluation.verification.benchmarks import BENCHMARKS, DEFAULT_BENCHMARK, find_benchmark


def test_every_benchmark_has_a_known_protocol():
    assert {benchmark.protocol for benchmark in BENCHMARKS.values()} <= set(PROTOCOL_NAMES)
    assert DEFAULT_BENCHMARK in BENCHMARKS


@pytest.mark.parametrize("name", ["cfp_fp", "CFP-FP", "cfp-fp", "CFP_FP"])
def test_upper_case_and_hyphens_make_no_difference(name):
    assert find_benchmark(name) is BENCHMARKS["cfp_fp"]


def test_an_unknown_name_is_refused_with_those_that_are_known():
    with pytest.raises(UsageError, match=r"unknown benchmark 'lfv'"):
        find_benchmark("lfv")
