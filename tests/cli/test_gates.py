"""The gates of `femb verify`."""

import pytest
from stored_embeddings import GENUINE, store


@pytest.mark.parametrize(("limit", "code"), [("0.5@1e-3", 0), ("0.4@1e-3", 1), ("0.5", 0), ("0.4", 1), ("0@1", 0)])
def test_the_fnmr_gate(femb, limit, code):
    worse = [[1.0, 0.0], [0.0, 1.0], [0.1, 1.0], [0.1, 1.0]]
    result = femb(
        *store(worse, [GENUINE[0], GENUINE[1], "a/1.jpg,b/1.jpg,0", "a/1.jpg,b/2.jpg,0"]), "--max-fnmr", limit
    )
    assert result.code == code, result.err
    if code:
        assert "error: embeddings.npy on pairs.csv: FNMR 0.5000 at FMR 0.001 is above 0.4" in result.err
    else:
        assert f" is within {limit.partition('@')[0]}\n" in result.err


def test_both_gates_speak(femb):
    worse = [[1.0, 0.0], [0.0, 1.0], [0.1, 1.0], [0.1, 1.0]]
    result = femb(*store(worse), "--max-fnmr", "0.1", "--min-accuracy", "0.99")
    assert result.code == 1
    assert "(arcface) is below 0.99" in result.err
    assert "is above 0.1" in result.err


@pytest.mark.parametrize("limit", ["x", "2", "0.1@", "0.1@7", "-0.1", "nan"])
def test_a_gate_that_is_no_rate_is_a_usage_error(femb, limit):
    result = femb(*store(), f"--max-fnmr={limit}")
    assert result.code == 2
    assert "--max-fnmr" in result.err


@pytest.mark.parametrize(("accuracy", "hint"), [("99.5", "say 0.995"), ("-1", "say 0.995"), ("nan", "say 0.995")])
def test_an_accuracy_that_is_no_share_is_a_usage_error(femb, accuracy, hint):
    result = femb("verify", "--pairs", "none.csv", "--embeddings", "none.npy", f"--min-accuracy={accuracy}")
    assert result.code == 2
    assert hint in result.err


def test_a_limit_at_a_rate_that_the_impostor_pairs_cannot_show_is_said(femb):
    result = femb(*store(), "--max-fnmr", "0.5@1e-4", "--quiet")
    assert result.code == 0
    assert "the 2 impostor pairs of pairs.csv cannot show an FMR of 0.0001" in result.err
    assert "cannot show" not in femb(*store(), "--max-fnmr", "0.5@0.5").err
