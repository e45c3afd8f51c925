"""Class weights updated within the backward pass are those that torch's SGD gives, to the last bit."""

import pytest
import torch
from people import make_job, write_people
from safetensors.torch import load_file
from sgd_steps import three_steps

from femb_cli.config.schema import ClassifierConfig, ScheduleConfig, SGDConfig
from femb_cli.training.loop import train


@pytest.mark.parametrize("header", ["arcface", "magface", "curricularface", "linear"])
@pytest.mark.parametrize(
    "config",
    [SGDConfig(lr=0.3), SGDConfig(lr=0.3, nesterov=True, classifier_weight_decay=0.1), SGDConfig(lr=0.3, momentum=0.0)],
)
def test_the_numbers_are_those_of_torch(config, header):
    weight, state, gradients = three_steps(config, fused=False, header=header)
    fused_weight, fused_state, fused_gradients = three_steps(config, fused=True, header=header)
    assert torch.equal(fused_weight, weight)
    assert torch.equal(fused_gradients, gradients)
    assert len(fused_state) == (1 if config.momentum else 0)
    for number, values in fused_state.items():
        assert torch.equal(values["momentum_buffer"], state[number]["momentum_buffer"])


def test_with_products_in_bfloat16():
    config = SGDConfig(lr=0.3)
    expected = three_steps(config, fused=False, matmul_precision=torch.bfloat16)[0]
    assert torch.equal(three_steps(config, fused=True, matmul_precision=torch.bfloat16)[0], expected)


def test_a_resumed_run_ends_like_an_unbroken_and_an_unfused_one(tmp_path):
    people = write_people(tmp_path / "people")
    fused, plain = ClassifierConfig(chunk=2), ClassifierConfig(chunk=2, fused_update=False)
    same = {"schedule": ScheduleConfig(name="constant")}
    for name, classifier in (("fused", fused), ("plain", plain)):
        job = make_job(tmp_path / name, people, classifier=classifier, **same)
        assert job.plan.softmax.fused_update == (name == "fused")
        train(job, [])
    train(make_job(tmp_path / "part", people, classifier=fused, steps=2, **same), [])
    train(make_job(tmp_path / "part", people, classifier=fused, resumed=True, **same), [])
    for file in ("model.safetensors", "classifier.safetensors"):
        expected, *others = (
            load_file(tmp_path / name / "checkpoints/step-000004" / file) for name in ("plain", "fused", "part")
        )
        for found in others:
            assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
