"""Bands around ROC and DET curves."""

import numpy as np
import pytest

from femb_cli.evaluation.metrics.bands import BandRecorder
from femb_cli.evaluation.metrics.intervals import verification_intervals
from femb_cli.evaluation.metrics.resampling import resample_pairs
from femb_cli.evaluation.metrics.roc import roc_curve

GENERATOR = np.random.default_rng(0)
GENUINE = np.arange(600) < 300
SCORES = GENERATOR.normal(2.0 * GENUINE)


@pytest.fixture(scope="module")
def band_and_intervals():
    curve = roc_curve(SCORES, GENUINE)
    recorder = BandRecorder(num_impostor=300)
    drawn = recorder.watch(resample_pairs(curve, np.random.default_rng(0), num_resamples=200))
    intervals = verification_intervals(curve, drawn, ["1e-2", "1e-1"], genuine_trials=300)
    return recorder.band(), intervals


def test_the_band_is_the_interval_of_the_fnmr_at_each_rate(band_and_intervals):
    band, intervals = band_and_intervals
    for rate in ("1e-2", "1e-1"):
        place = int(np.argmin(abs(band.fmr_T - float(rate))))
        assert band.fmr_T[place] == pytest.approx(float(rate), rel=1e-3)
        interval = intervals[f"fnmr_at_fmr_{rate}"]
        assert (band.low_T[place], band.high_T[place]) == pytest.approx((interval.low, interval.high))


def test_the_band_reaches_from_one_false_match_to_all_and_falls(band_and_intervals):
    band, _ = band_and_intervals
    assert (band.fmr_T[0], band.fmr_T[-1]) == (pytest.approx(1 / 300), 1.0)
    assert np.all(np.diff(band.low_T) <= 0) and np.all(np.diff(band.high_T) <= 0)
    assert (band.low_T[-1], band.high_T[-1]) == (0.0, 0.0)
