"""A training session, from the request to the summary."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from people import open_people_pairs, write_people, zip_people
from safetensors.torch import load_file

from femb_cli.config.load import load_config
from femb_cli.data.files.zip import ZipSource
from femb_cli.errors import FembError, UsageError
from femb_cli.evaluation.verification.open import open_pairs
from femb_cli.progress import silent
from femb_cli.runtime.signals import Interrupted
from femb_cli.training.planning.job import TrainRequest
from femb_cli.training.planning.resolve import resolve
from femb_cli.training.run.run_directory import RunLock
from femb_cli.training.run.run_log import SPEED_METRICS
from femb_cli.training.session import describe, launch_run, run_worker
from femb_cli.training.session import prepare_run as prepare_locked_run

SMALL = (
    *("backbone.width=0.0625", "backbone.embedding_dim=8", "backbone.input_size=16", "validation.benchmarks=[]"),
    *("batch_size=6", "steps=2", "workers=0", "log_every=1"),
)


@pytest.fixture
def people(tmp_path, monkeypatch) -> Path:
    """Six people in `people` of an empty working directory; the images have the network's size."""
    monkeypatch.chdir(tmp_path)
    return write_people(tmp_path / "people", size=16)


def request(data="people", settings=(), **arguments):
    overrides = {"data": {"name": "dataset", "path": data}}
    return TrainRequest(**{"overrides": overrides, "settings": (*SMALL, *settings), "device": "cpu"} | arguments)


def prepare_run(request, *, say):
    with RunLock() as lock:
        return prepare_locked_run(request, lock, say=say)


@pytest.fixture
def openings(monkeypatch) -> list[Path]:
    """The zip archives that this process opens, each time that it does."""
    opened = []
    original = ZipSource.__init__
    monkeypatch.setattr(
        ZipSource, "__init__", lambda self, path, *rest: (opened.append(Path(path)), original(self, path, *rest))[1]
    )
    return opened


def test_one_process_opens_its_training_set_once(people, tmp_path, openings):
    zip_people(tmp_path / "people.zip", people)
    launch_run(prepare_run(request("people.zip", out=Path("run")), say=silent))
    assert openings == [Path("people.zip")]


def test_a_run_says_how_to_see_its_curves(people, caplog):
    caplog.set_level("INFO", "femb")
    launch_run(prepare_run(request(out=Path("run")), say=silent))
    assert "curves: tensorboard --logdir run, or femb report run" in caplog.messages


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
    config, _ = resolve(again, Path("run"), silent)
    assert (config.backbone.width, config.steps) == (0.0625, 3)
    job = prepare_run(again, say=silent)
    assert (job.resumed, job.checkpoint) == (True, Path("run/checkpoints/step-000002"))
    assert load_config("run/config.yaml").steps == 2
    assert run_worker(job)["steps"] == 3
    assert load_config("run/config.yaml").steps == 3


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
        ({"settings": ("freeze=[no-such]",)}, "no part 'no-such'"),
        ({"out": Path("people")}, "people exists already"),
        ({"resume": "people"}, "people is not a run"),
        ({"resume": "people", "out": Path("run")}, "a resumed run keeps"),
    ],
)
@pytest.mark.parametrize("act", [lambda asked: prepare_run(asked, say=silent), describe])
def test_what_cannot_work_is_refused_before_anything_is_written(people, tmp_path, change, words, act):
    if act is describe and words == "no-such":
        pytest.skip("a description fetches no benchmark")
    with pytest.raises(FembError, match=words):
        act(request(**change))
    assert [path.name for path in tmp_path.iterdir()] == ["people"]


@pytest.mark.parametrize("device", ["mps", "meta"])
def test_other_devices_are_refused(people, device):
    with pytest.raises(FembError, match=device):
        prepare_run(request(device=device, out=Path("run")), say=silent)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    "precision, has_units, is_said", [("bf16", False, True), ("bf16", True, False), ("fp32", False, False)]
)
def test_emulated_bfloat16_is_said(people, monkeypatch, precision, has_units, is_said):
    monkeypatch.setattr("femb_cli.runtime.devices.has_bfloat16", lambda device: has_units)
    lines: list[str] = []
    prepare_run(request(settings=[f"precision={precision}"]), say=lines.append)
    assert any("emulates bfloat16: --set precision=fp32" in line for line in lines) == is_said


def test_a_warmup_longer_than_the_run_is_warned_of(people):
    lines: list[str] = []
    describe(request(settings=["schedule.warmup=9 steps"]), say=lines.append)
    assert any(line.startswith("warning: the warm-up of 9 steps does not end within the run of 2") for line in lines)


def test_tf32_without_effect_is_said(people):
    lines: list[str] = []
    prepare_run(request(settings=["precision=tf32"]), say=lines.append)
    assert "tf32 changes nothing on this cpu, which computes in float32" in lines


def test_photos_in_a_training_set_are_warned_of(people):
    write_people(Path("photos"), size=120)
    lines: list[str] = []
    prepare_run(request(data="photos"), say=lines.append)
    assert any("are photos, not aligned faces of 112 x 112 pixels" in line and "--align auto" in line for line in lines)


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


# ---- Resuming


@pytest.fixture(scope="module")
def three_steps(tmp_path_factory) -> Path:
    """A directory with people and a run of three steps, which has a checkpoint of each."""
    folder = tmp_path_factory.mktemp("three_steps")
    write_people(folder / "people", size=16)
    settings = ("steps=3", "checkpoint.every=1", "checkpoint.keep=9")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_worker(prepare_run(request(out=Path("run"), settings=settings), say=silent))
    return folder


@pytest.fixture
def interrupted(people, three_steps) -> Path:
    """The run, as it is if it was killed before its last checkpoint."""
    shutil.copytree(three_steps / "run", "run")
    Path("run/summary.json").unlink()
    shutil.rmtree("run/checkpoints/step-000003")
    return Path("run")


def resume(*settings, **arguments):
    return TrainRequest(**{"resume": "run", "settings": settings, "device": "cpu"} | arguments)


def tree(folder):
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in (folder, *folder.rglob("*"))}


@pytest.mark.parametrize(
    "again, words",
    [
        (resume("seed=7", "steps=9"), "seed 42 -> 7"),
        (resume("batch_size=4"), "batch_size 6 -> 4"),
        (resume("steps=1"), "done 2 steps already"),
        (resume(processes=4), "4 processes"),
        (resume("validation.benchmarks=[no-such]"), "no-such"),
        (resume(config="quickstart"), "a resumed run keeps"),
    ],
)
@pytest.mark.parametrize("act", [lambda again: prepare_run(again, say=silent), describe])
def test_a_refused_resume_changes_nothing(interrupted, again, words, act):
    before = tree(interrupted)
    if act is describe and words == "no-such":
        pytest.skip("a description fetches no benchmark")
    with pytest.raises(FembError, match=words):
        act(again)
    assert tree(interrupted) == before


def test_a_training_set_that_has_changed_is_refused(interrupted, people):
    (people / "person0/0.png").rename(people / "person1/9.png")
    before = tree(interrupted)
    for act in (lambda again: prepare_run(again, say=silent), describe):
        with pytest.raises(UsageError, match="the training set's labels or names differ"):
            act(resume())
    assert tree(interrupted) == before


def test_a_checkpoint_that_cannot_be_loaded_changes_nothing(interrupted):
    """A checkpoint of an older femb has no checksums, so the process that loads it finds the damage."""
    newest = interrupted / "checkpoints/step-000002"
    (interrupted / "run.json").unlink()
    (newest / "checksums.json").unlink()
    (newest / "state/optimizer.pt").write_bytes(b"damaged")
    job = prepare_run(resume("steps=5"), say=silent)
    before = tree(interrupted)
    with pytest.raises(FembError, match=r"step-000002/state/optimizer\.pt is damaged"):
        run_worker(job)
    assert tree(interrupted) == before


def test_a_damaged_checkpoint_is_passed_over_and_its_steps_are_repeated(interrupted):
    def weights():
        return load_file(interrupted / "checkpoints/step-000002/model.safetensors")

    file, expected = interrupted / "checkpoints/step-000002/state/optimizer.pt", weights()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    said = []
    assert run_worker(prepare_run(resume(), say=said.append))["steps"] == 3
    assert "step-000002 is damaged: state/optimizer.pt" in said[-1]
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights().items())
    assert (interrupted / "checkpoints/step-000002.damaged").is_dir()


def test_a_run_that_lacks_only_its_summary_is_finished_without_a_step(people, openings):
    summary = run_worker(prepare_run(request(out=Path("run")), say=silent))
    Path("run/summary.json").unlink()
    log = Path("run/metrics.jsonl").read_bytes()
    again = run_worker(prepare_run(resume(), say=silent))
    assert again == {**summary, "seconds": again["seconds"], "resumed_from": 2, **dict.fromkeys(SPEED_METRICS)}
    assert json.loads(Path("run/summary.json").read_text()) == again
    assert Path("run/metrics.jsonl").read_bytes() == log


def test_only_one_process_trains_in_a_run(interrupted):
    with RunLock() as lock:
        prepare_locked_run(resume(), lock, say=silent)
        for other in (resume(), request(out=Path("run"), overwrite=True)):
            with pytest.raises(FembError, match="another process is training in run"):
                prepare_run(other, say=silent)
    prepare_run(request(out=Path("run"), overwrite=True), say=silent)


def test_a_run_states_what_it_trains_on(interrupted):
    info = json.loads((interrupted / "run.json").read_text())
    assert (info["processes"], info["device"], info["data"]["num_images"]) == (1, "cpu", 18)


# ---- People who are held out

HELD_OUT = ("validation.held_out=0.34",)
"""Two of the six people."""


def test_people_held_out_are_not_trained_on_but_verified_on(people):
    said = []
    job = pickle.loads(pickle.dumps(prepare_run(request(settings=HELD_OUT, out=Path("run")), say=said.append)))
    assert "holding out 2 of 6 people (6 images)" in said[-1]
    assert not any("nothing is verified" in line for line in said)
    assert (job.plan.num_images, job.plan.num_identities, len(job.source)) == (12, 4, 12)
    summary = run_worker(job)
    assert (summary["verification"]["benchmark"], summary["verification"]["num_pairs"]) == ("held-out", 12)
    assert "held-out/accuracy" in Path("run/metrics.jsonl").read_text()
    assert load_file("run/checkpoints/step-000002/classifier.safetensors")["weight"].shape == (4, 8)
    assert json.loads(Path("run/run.json").read_text())["data"]["num_identities"] == 6
    held_out = open_pairs(Path(summary["held_out"]["pairs"]), Path(summary["held_out"]["images"]))
    assert set(held_out.pairs.subjects()[0]).isdisjoint(job.source.identities.names)
    assert len(held_out.pairs.indices(held_out.images.names)[0]) == 12


def test_a_resumed_run_holds_out_the_same_people(people):
    run_worker(prepare_run(request(settings=HELD_OUT, out=Path("run")), say=silent))
    job = prepare_run(resume("steps=3"), say=silent)
    expected = Path("run/held_out.csv").read_text()
    Path("run/held_out.csv").unlink()
    assert run_worker(job)["verification"]["benchmark"] == "held-out"
    assert Path("run/held_out.csv").read_text() == expected
    assert describe(resume("steps=4"))["held_out_identities"] == 2
    with pytest.raises(UsageError, match=r"validation\.held_out 0\.34 -> 0\.0"):
        describe(resume("steps=4", "validation.held_out=0"))


def test_people_of_a_benchmark_who_are_trained_on_are_warned_of(people):
    write_people(Path("bench/images"))
    open_people_pairs(Path("bench/pairs.csv"), Path("bench/images"))
    for settings, number in (((), 6), (HELD_OUT, 4)):
        said = []
        benchmarks = (*settings, "validation.benchmarks=[bench]")
        prepare_run(request(settings=benchmarks, out=Path(f"run{number}")), say=said.append)
        assert said[-1].startswith(f"warning: {number} of 6 people of bench are in the training set, by their names")
        tried = []
        assert describe(request(settings=benchmarks), say=tried.append)["verification"].startswith("on bench")
        assert tried[-1] == said[-1]


def test_people_with_numbers_for_names_are_said_not_to_be_compared(people):
    write_people(Path("bench/images"))
    open_people_pairs(Path("bench/pairs.csv"), Path("bench/images"))
    for person in range(6):
        (people / f"person{person}").rename(people / f"{person}")
    benchmarks, said, tried = ["validation.benchmarks=[bench]"], [], []
    prepare_run(request(settings=benchmarks, out=Path("run")), say=said.append)
    describe(request(settings=benchmarks), say=tried.append)
    assert (
        said[-1]
        == tried[-1]
        == ("the people of people have numbers for names, so nobody checked whether people of bench are among them")
    )


def test_a_dry_run_says_which_benchmarks_it_does_not_look_at(people, monkeypatch):
    monkeypatch.setattr("femb_cli.training.session.first_step", lambda *_: "it is downloaded")
    said = []
    describe(request(settings=["validation.benchmarks=[lfw]"]), say=said.append)
    assert "lfw: it is downloaded by the run; a dry run does not compare its people" in said[-1]


# ---- Runs that are not verified


@pytest.mark.parametrize(
    "act", [lambda asked, say: prepare_run(asked, say=say), lambda asked, say: describe(asked, say=say)]
)
def test_a_run_that_is_never_verified_is_warned_of_and_refused_if_it_is_to_be(people, act, monkeypatch):
    monkeypatch.setattr("femb_cli.training.planning.verification.is_here", lambda benchmark, _: benchmark.name == "lfw")
    said = []
    act(request(settings=["validation.benchmarks=null", "validation.held_out=0", "validation.every=0"]), said.append)
    warning = next(line for line in said if line.startswith("warning: nothing is verified: no benchmarks are named"))
    assert warning.endswith("; --set validation.benchmarks=[lfw] verifies on lfw")
    asked = request(overrides={**request().overrides, "validation.every": 1})
    with pytest.raises(UsageError, match="a verification every step has nothing to verify on") as caught:
        act(asked, said.append)
    assert caught.value.hint == "--set validation.benchmarks=[lfw]"


def test_a_plan_names_what_is_verified_and_how_often(people):
    assert describe(request())["verification"] == "none"
    every = (*HELD_OUT, "validation.every=1")
    assert describe(request(settings=every))["verification"] == "on 2 people held out: every step and at the end"


# ---- Advice that fits the machine


def test_missing_gpus_are_refused_before_advice_for_a_cpu(people, monkeypatch):
    monkeypatch.setattr("femb_cli.runtime.devices.has_bfloat16", lambda device: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    said = []
    with pytest.raises(UsageError, match="3 GPUs were asked for"):
        describe(request(settings=["precision=bf16"], gpus=3, processes=3, device=None), say=said.append)
    assert not any("emulates" in line for line in said)


@pytest.mark.parametrize("load, is_said", [(1e3, True), (0.0, False)])
def test_a_busy_machine_is_said(people, monkeypatch, caplog, load, is_said):
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    caplog.set_level("INFO", "femb")
    monkeypatch.setattr("femb_cli.training.session.launch", lambda *_: None)
    launch_run(prepare_run(request(out=Path("run")), say=silent))
    assert ("training will be slower" in caplog.text) == is_said
    assert "18 images of 6 people: 2 steps of 6 images" in caplog.messages


# ---- What a user is told


def test_the_user_is_told_which_network_is_trained_when_none_was_named(people):
    said = []
    prepare_run(request(out=Path("one")), say=said.append)
    prepare_run(request(out=Path("two"), config="lfw_view1", settings=["precision=fp32"]), say=said.append)
    chosen = "no CONFIG given: training people_small, for 18 images on a CPU; femb list configs shows others"
    assert [line for line in said if not line.startswith("warning: nothing is verified")] == [chosen]


def test_the_user_is_told_what_another_network_keeps(people):
    said = []
    chosen = {**request().overrides, "backbone": "iresnet100", "batch_size": 6}
    describe(TrainRequest(config="magface_r50_ms1mv2", overrides=chosen, device="cpu"), say=said.append)
    assert said[0] == (
        "iresnet100 keeps dropout 0.4, dropout_of channels, bn_eps 2e-05, bn_momentum 0.9 of magface_r50_ms1mv2's"
        " iresnet50; --set backbone.KEY=VALUE changes one"
    )


def test_a_recipe_without_its_data_says_which_conversion_makes_it(people):
    with pytest.raises(FembError) as caught:
        describe(TrainRequest(config="magface_r50_ms1mv2", device="cpu"))
    assert "ms1mv2" in caught.value.message
    assert caught.value.hint == "femb convert faces_emore/ ms1mv2 makes it, or --data names another"


def test_the_scaled_learning_rate_is_said(people, caplog):
    settings = ("optimizer={name: sgd, lr: 0.4, lr_batch_size: 24}", "schedule={name: constant}")
    with caplog.at_level("INFO", logger="femb"):
        launch_run(prepare_run(request(settings=settings, out=Path("run")), say=silent))
    scaled = "learning rate 0.1: 0.4 is for a batch of 24, this one has 6 (--lr sets another)"
    assert scaled in caplog.messages
    said = []
    assert describe(request(settings=settings), say=said.append)["learning_rate"] == pytest.approx(0.1)
    assert scaled in said
    assert json.loads(Path("run/metrics.jsonl").read_text().splitlines()[0])["lr"] == pytest.approx(0.1)


def test_a_replaced_run_comes_back_if_the_new_training_cannot_begin(people, monkeypatch):
    run = Path("run")
    launch_run(prepare_run(request(settings=("steps=1",), out=run), say=silent))
    before = tree(run)
    job = prepare_run(request(settings=("steps=1", "seed=3"), out=run, overwrite=True), say=silent)
    for error in (FembError("a damaged image"), Interrupted(15)):
        monkeypatch.setattr("femb_cli.training.session.launch", raising(error))
        with pytest.raises(type(error)):
            launch_run(job)
        assert tree(run) == before
        job = prepare_run(request(settings=("steps=1", "seed=3"), out=run, overwrite=True), say=silent)


def test_an_error_without_a_hint_says_how_to_go_on(people, monkeypatch):
    job = prepare_run(request(settings=("steps=1",), out=Path("run")), say=silent)
    monkeypatch.setattr("femb_cli.training.session.launch", raising(FembError("process 1 died")))
    with pytest.raises(FembError) as caught:
        launch_run(job)
    assert caught.value.hint == "femb train --resume run goes on"


def raising(error):
    def raise_error(*arguments):
        raise error

    return raise_error


def test_a_resumed_run_keeps_its_number_of_processes(interrupted):
    info = json.loads((interrupted / "run.json").read_text())
    (interrupted / "run.json").write_text(json.dumps({**info, "processes": 2}))
    assert describe(resume("steps=5"))["processes"] == 2
    assert describe(resume("steps=5", processes=1))["processes"] == 1
    with pytest.raises(UsageError, match="--overwrite"):
        prepare_run(resume(overwrite=True), say=silent)


def test_a_training_set_that_is_gone_is_asked_for(interrupted, people):
    people.rename("moved")
    with pytest.raises(FembError) as caught:
        prepare_run(resume("steps=5"), say=silent)
    assert caught.value.hint == "it was people when the run began: name its new place with --data"
    said = []
    prepare_run(resume("steps=5", "data.path=moved"), say=said.append)
    assert "the images themselves are not compared" in said[-1]


def test_a_refused_resume_speaks_of_no_schedule(interrupted):
    said = []
    with pytest.raises(FembError):
        prepare_run(resume("steps=1"), say=said.append)
    assert "schedule" not in " ".join(said)
