"""The tests of a GPU: `pytest -m gpu`.

Each compares what femb computes on a GPU with what it computes on the CPU, or tries what only a GPU has. They need no
data. On a machine without a GPU they are skipped, and this tries their code, with the CPU as the GPU:

    FEMB_TEST_DEVICE=cpu pytest -m gpu tests/gpu

Nothing here allows TF32: on both devices float32 is float32.
"""

import pytest
import torch
from chosen_device import DEVICE
from people import write_people


@pytest.fixture(scope="session", autouse=True)
def _gpu():
    if DEVICE == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")


@pytest.fixture(autouse=True)
def _no_tf32(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("people"))
