"""The options of a conversion; the command line imports this module, so it imports nothing heavy."""

from typing import Literal

Format = Literal["arrow", "parquet"]
"""How a dataset is stored: Arrow, which training reads fastest, or Parquet, which the Hub shows."""

FilesFormat = Literal["folder", "webdataset"]
"""How a dataset is written for other programs: a folder for each person, or shards of KEY.jpg and KEY.cls."""

AnyFormat = Literal[Format, FilesFormat]
"""What `femb convert` writes."""

OnError = Literal["stop", "skip"]
"""What a conversion does at a damaged image: stop, or leave it out and list it in `skipped.txt`."""
