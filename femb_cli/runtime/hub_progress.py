"""The progress of a download from the Hugging Face Hub, in femb's bar instead of the Hub's own ones."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from femb_cli.progress import in_kilobytes
from femb_cli.runtime.progress_bar import progress_bar


@contextmanager
def hub_progress(label: str) -> Iterator[type]:
    """Show the progress of `snapshot_download` while the `with` block runs.

    Args:
        label: what is downloaded.

    Yields:
        The class of bars to give to `snapshot_download` as `tqdm_class`. They print nothing, and the bytes that they
        count move femb's bar.
    """
    from huggingface_hub.utils import tqdm

    with progress_bar(label) as progress:
        move = in_kilobytes(progress)
        bars: dict[int, tuple[int, int]] = {}

        class Bar(tqdm):
            def __init__(self, *args: Any, **settings: Any) -> None:
                super().__init__(*args, **{**settings, "disable": False, "file": io.StringIO()})

            def display(self, *args: Any, **settings: Any) -> None:
                # The Hub counts the same bytes twice: as they arrive, and as they are written.
                if self.unit == "B" and self.total and move is not None:
                    bars[id(self)] = int(self.n), int(self.total)
                    move(*map(max, zip(*bars.values(), strict=True)))

        yield Bar
