"""The device to compute on, what a machine is asked for in vain, and joining the process group."""

import pytest
import torch

from femb_cli.errors import FembError, UsageError
from femb_cli.runtime.devices import check_devices, join_process_group, pick_device, torch_name
from femb_cli.runtime.launch import launch
from femb_cli.runtime.ranks import has_joined_group, rank, world_size


def test_without_a_wish_it_is_a_gpu_if_there_is_one():
    assert pick_device(None).type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_device_is_what_was_asked_for():
    assert pick_device("cpu") == pick_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize(("given", "torchs"), [("gpu", "cuda"), ("1", "cuda:1"), ("mps", "mps"), ("cpu", "cpu")])
def test_a_gpu_may_be_called_gpu_or_by_its_number(given, torchs):
    assert torch_name(given) == torchs


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "7", "", "tpu", "meta"])
def test_a_device_that_is_not_there_is_named(device):
    with pytest.raises(FembError, match=f"cannot use the device '{device}'"):
        pick_device(device)


@pytest.mark.parametrize("device", ["cuda", "mps", "xla", "privateuseone"])
def test_a_kind_of_device_that_is_not_there_is_one_line(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(FembError, match=f"cannot use the device '{device}': ") as caught:
        pick_device(device)
    assert len(caught.value.message) < 200
    assert caught.value.hint == "here: cpu"


@pytest.fixture
def apple(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


@pytest.mark.usefixtures("apple")
def test_apples_gpu_is_used_by_one_process_alone():
    assert pick_device(None).type == "mps"
    check_devices(1, None, None)
    check_devices(2, None, "cpu")
    with pytest.raises(UsageError, match="2 processes cannot share Apple's GPU"):
        check_devices(2, None, None)


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("processes", "gpus", "device"), [(1, None, None), (2, 2, None), (2, None, None), (8, None, "cpu"), (1, 2, "cpu")]
)
def test_what_the_machine_has_is_accepted(processes, gpus, device):
    check_devices(processes, gpus, device)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(
    ("processes", "gpus", "device", "message"),
    [(3, 3, None, "3 GPUs were asked for, but this machine has 2"), (3, None, None, "3 processes cannot share 2 GPUs")],
)
def test_more_than_the_machine_has_is_refused(processes, gpus, device, message):
    with pytest.raises(UsageError, match=message):
        check_devices(processes, gpus, device)


@pytest.mark.usefixtures("two_gpus")
def test_under_a_launcher_the_number_of_processes_is_its_own_affair(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "0")
    check_devices(16, None, None)


def before_and_after_joining():
    before = rank(), world_size(), has_joined_group()
    join_process_group("cpu")
    return before, (rank(), world_size(), has_joined_group()), sum(gathered_ranks())


def gathered_ranks():
    from accelerate.utils import gather_object

    return gather_object([rank() + 1])


@pytest.mark.usefixtures("started")
def test_processes_that_were_started_together_join_one_group():
    assert launch(before_and_after_joining, 2) == ((0, 2, False), (0, 2, True), 3)
