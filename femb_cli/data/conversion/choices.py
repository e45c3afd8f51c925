"""The choices of a conversion, in a module without imports so that the command line loads it quickly."""

from typing import Literal

Format = Literal["arrow", "parquet"]
"""How a dataset is stored: Arrow, which training reads fastest, or Parquet, which the Hub shows."""

OnError = Literal["stop", "skip"]
"""What a conversion does at a damaged image: stop, or leave it out and list it in `skipped.txt`."""
