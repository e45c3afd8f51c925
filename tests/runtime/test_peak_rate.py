"""The peak rates of known GPUs."""

import pytest
import torch

from femb_cli.runtime.peak_rate import PEAK_TFLOPS, peak_rate

GPU = torch.device("cuda")


@pytest.mark.parametrize(
    "name, precision, rate",
    [
        ("NVIDIA H100 80GB HBM3", "bf16", 989e12),
        ("NVIDIA H100 PCIe", "bf16", 756e12),
        ("NVIDIA A100-SXM4-80GB", "fp16", 312e12),
        ("NVIDIA A100-SXM4-80GB", "tf32", 156e12),
        ("NVIDIA A100-SXM4-80GB", "fp32", None),
        ("NVIDIA A10G", "bf16", 70e12),
        ("Some GPU 9000", "bf16", None),
    ],
)
def test_the_name_and_the_precision_decide(name, precision, rate, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: name)
    assert peak_rate(GPU, precision) == rate


def test_a_cpu_has_none():
    assert peak_rate(torch.device("cpu"), "bf16") is None


def test_no_name_hides_a_later_one_that_contains_it():
    names = list(PEAK_TFLOPS)
    assert not [(first, later) for place, first in enumerate(names) for later in names[place + 1 :] if first in later]
