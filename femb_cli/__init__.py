"""femb: train, run and verify face embedding networks."""

__version__ = "0.1.0"
