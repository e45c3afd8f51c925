"""Settings, strategies and folders of the property-based tests."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from records import MAGIC

quick = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
pieces = st.one_of(st.binary(max_size=70), st.just(MAGIC), st.just(MAGIC[:3]), st.just(b"\0" * 4))


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for one example; warnings of contradictions are of no interest here."""
    with tempfile.TemporaryDirectory() as path, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield Path(path)
