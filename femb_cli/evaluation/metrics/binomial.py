"""The confidence interval of a rate of errors among independent trials.

C. Clopper and E. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26, 1934. The interval contains the true rate at least as often as its level says, for any number of trials.
Its ends are quantiles of beta distributions.
"""

from scipy.special import betaincinv

from femb_cli.evaluation.metrics.intervals import Interval, check_level


def clopper_pearson(errors: float, trials: float, *, level: float = 0.95) -> Interval:
    """Return the interval of a rate at a fixed threshold.

    Args:
        errors: number of errors, from 0 to `trials`; not whole if `trials` is not.
        trials: number of independent trials, above 0.
        level: share of such intervals that contain the true rate, in (0, 1).

    Raises:
        FembError: if the level is not in (0, 1).
    """
    check_level(level)
    assert 0 <= errors <= trials and trials > 0, f"{errors} errors in {trials} trials"
    tail = (1.0 - level) / 2
    low = float(betaincinv(errors, trials - errors + 1, tail)) if errors else 0.0
    high = float(betaincinv(errors + 1, trials - errors, 1.0 - tail)) if errors < trials else 1.0
    return Interval(low, high, level)
