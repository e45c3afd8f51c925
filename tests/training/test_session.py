"""A training session, from the request to the summary."""

import json
from pathlib import Path

import pytest
from people import write_people, zip_people

from femb_cli.config.load import load_config
from femb_cli.data.files.zip import ZipSource
from femb_cli.errors import FembError, UsageError
from femb_cli.progress import silent
from femb_cli.training.job import TrainRequest
from femb_cli.training.session import describe, launch_run, prepare_run, resolve, run_worker

SMALL = (
    *("backbone.width=0.0625", "backbone.embedding_dim=8", "backbone.input_size=16", "validation.benchmarks=[]"),
    *("batch_size=6", "steps=2", "workers=0", "log_every=1"),
)


@pytest.fixture
def people(tmp_path, monkeypatch) -> Path:
    """Six people in `people` of an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return write_people(tmp_path / "people")


def request(data="people", settings=(), **arguments):
    overrides = {"data": {"name": "dataset", "path": data}}
    return TrainRequest(**{"overrides": overrides, "settings": (*SMALL, *settings), "device": "cpu"} | arguments)


@pytest.fixture
def openings(monkeypatch) -> list[Path]:
    """The zip archives that this process opens, each time that it does."""
    opened = []
    original = ZipSource.__init__
    monkeypatch.setattr(ZipSource, "__init__", lambda self, path: (opened.append(Path(path)), original(self, path))[1])
    return opened


def test_one_process_opens_its_training_set_once(people, tmp_path, openings):
    zip_people(tmp_path / "people.zip", people)
    launch_run(prepare_run(request("people.zip", out=Path("run")), say=silent))
    assert openings == [Path("people.zip")]


def test_a_dry_run_opens_its_training_set_once(people, tmp_path, openings):
    zip_people(tmp_path / "people.zip", people)
    describe(request("people.zip"))
    assert openings == [Path("people.zip")]


def test_a_finished_run_has_its_summary(people):
    job = prepare_run(request(out=Path("run")), say=silent)
    assert load_config("run/config.yaml") == job.config
    summary = run_worker(job)
    assert json.loads(Path("run/summary.json").read_text()) == summary
    assert (summary["run"], summary["steps"], summary["processes"]) == ("run", 2, 1)
    assert (summary["verification"], summary["samples"]) == (None, False)
    logged = [json.loads(line)["loss"] for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert summary["loss"] == logged[-1]


def test_a_resumed_run_keeps_its_configuration_and_is_unfinished_again(people):
    run_worker(prepare_run(request(out=Path("run")), say=silent))
    again = TrainRequest(resume="run", settings=("steps=3",), device="cpu")
    config, resumed = resolve(again)
    assert (config.backbone.width, config.steps, resumed) == (0.0625, 3, Path("run"))
    job = prepare_run(again, say=silent)
    assert job.resumed
    assert not Path("run/summary.json").exists()
    assert load_config("run/config.yaml").steps == 3
    assert run_worker(job)["steps"] == 3


def test_a_description_is_of_the_run_that_would_be_made(people):
    plan = describe(request(out=Path("run")))
    assert (plan["images"], plan["identities"], plan["batch_size"], plan["steps"]) == (18, 6, 6, 2)
    assert (plan["run"], plan["starts_from"], plan["processes"]) == ("run", "random weights", 1)
    assert plan["softmax"].startswith("plain")
    assert not Path("run").exists()


@pytest.mark.parametrize("launched", [False, True])
def test_under_a_launcher_its_number_of_processes_counts(people, monkeypatch, launched):
    if launched:
        monkeypatch.setenv("LOCAL_RANK", "0")
        monkeypatch.setenv("WORLD_SIZE", "3")
    assert describe(request(processes=2))["processes"] == (3 if launched else 2)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"data": "nowhere"}, "nowhere"),
        ({"data": "people/person0"}, "no identities"),
        ({"settings": ("batch_size=19",)}, "19 .* 18"),
        ({"settings": ("validation.benchmarks=[no-such]",)}, "no-such"),
        ({"processes": 4}, "6 .* 4 processes"),
        ({"resume": "people"}, "people is not a run"),
        ({"resume": "people", "out": Path("run")}, "a resumed run keeps"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(people, tmp_path, change, words):
    with pytest.raises(FembError, match=words):
        prepare_run(request(**change), say=silent)
    assert [path.name for path in tmp_path.iterdir()] == ["people"]


@pytest.mark.parametrize("device, error", [("mps", FembError), ("meta", UsageError)])
def test_other_devices_are_refused(people, device, error):
    with pytest.raises(error, match=device):
        prepare_run(request(device=device, out=Path("run")), say=silent)
    assert not Path("run").exists()


def test_a_finished_run_is_not_resumed_and_an_existing_one_not_overwritten(people):
    run_worker(prepare_run(request(out=Path("run")), say=silent))
    with pytest.raises(FembError, match="has finished its 2 steps") as caught:
        prepare_run(TrainRequest(resume="run", device="cpu"), say=silent)
    assert caught.value.hint.startswith("--steps 4")
    with pytest.raises(FembError, match="exists already"):
        prepare_run(request(out=Path("run")), say=silent)
    assert Path("run/summary.json").is_file()
    prepare_run(request(out=Path("run"), overwrite=True), say=silent)
    assert not Path("run/summary.json").is_file()


def test_the_user_is_told_which_network_is_trained_when_none_was_named(people):
    said = []
    prepare_run(request(out=Path("one")), say=said.append)
    prepare_run(request(out=Path("two"), config="lfw_view1"), say=said.append)
    assert len(said) == 1
    assert "quickstart.yaml" in said[0]
