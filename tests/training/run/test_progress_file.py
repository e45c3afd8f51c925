"""How far a training is, in its checkpoint."""

import json

import pytest

from femb_cli.training.run.progress_file import Progress, read_progress


@pytest.fixture
def checkpoint(tmp_path):
    (tmp_path / "step-000003/state").mkdir(parents=True)
    return tmp_path / "step-000003"


def test_every_bit_comes_back(checkpoint):
    progress = Progress(3, 2, {"loss": [0.1, 1 / 3], "magnitude": [1e-30, 12345678.125]})
    progress.write(checkpoint / "state")
    assert read_progress(checkpoint) == progress


def test_an_older_checkpoint_states_its_step_only(checkpoint):
    (checkpoint / "state/progress.json").write_text('{"step": 3}')
    assert read_progress(checkpoint) == Progress(3)


@pytest.mark.parametrize(
    "content",
    [
        *("", "null", "[]", "{}", '{"step": -3}', '{"step": true}', '{"step": 3.0}', '{"step": "3"}', '{"step": 4}'),
        *('{"step": 3, "interval": 7}', '{"step": 3, "interval": {"steps": -1, "sums": {}}}'),
        json.dumps({"step": 3, "interval": {"steps": 1, "sums": {"loss": [1.0], "magnitude": [1.0, 2.0]}}}),
        json.dumps({"step": 3, "interval": {"steps": 1, "sums": {"loss": ["1"]}}}),
        json.dumps({"step": 3, "interval": {"steps": 1, "sums": {"loss": []}}}),
        json.dumps({"step": 3, "interval": {"steps": 1, "sums": {"loss": [float("nan")]}}}),
        json.dumps({"step": 3, "interval": {"steps": 1, "sums": {"loss": [float("-inf")]}}}),
        "[" * 100_000,
    ],
)
def test_anything_else_is_refused(checkpoint, content):
    (checkpoint / "state/progress.json").write_text(content)
    with pytest.raises(ValueError):
        read_progress(checkpoint)
