"""The golden template benchmark."""

import json

import pytest


@pytest.fixture(scope="module")
def ijb_like(shared):
    return shared / "golden" / "verification" / "ijb_like"


@pytest.fixture(scope="module")
def expected(ijb_like):
    return json.loads((ijb_like / "expected.json").read_text())
