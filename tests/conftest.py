"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and golden figures, or a skip where there is none."""
    folder = Path(os.environ.get("FEMB_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip("needs the shared data: set FEMB_SHARED to its folder")
    return folder
