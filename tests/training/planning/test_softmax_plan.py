"""How the classifier computes its softmax, and what a run says about it."""

import pytest

from femb_cli.config.schema import DEFAULT_CHUNK, AdamWConfig, ClassifierConfig, TrainConfig
from femb_cli.errors import UsageError
from femb_cli.training.planning.softmax_plan import SAMPLE_RATE, plan_softmax


def choose(num_identities, batch_size=128, processes=1, run=None, **settings):
    config = TrainConfig(classifier=ClassifierConfig(**settings), batch_size=batch_size, **(run or {}))
    return plan_softmax(config, num_identities=num_identities, processes=processes)


@pytest.mark.parametrize(
    "num_identities, processes, chunk, rate, words",
    [
        (250, 1, None, 1.0, "plain, as 128 x 250 logits (0.1 MB) fit"),
        (93_431, 1, DEFAULT_CHUNK, 1.0, "1 024 classes at a time, instead of 128 x 93 431 logits (47.8 MB)"),
        (
            2_059_906,
            1,
            DEFAULT_CHUNK,
            SAMPLE_RATE,
            "a sample of 20% of the identities, as there are more than 1 000 000",
        ),
        (250, 4, DEFAULT_CHUNK, 1.0, "sharded over 4 processes, 63 identities each"),
    ],
)
def test_the_sizes_decide(num_identities, processes, chunk, rate, words):
    softmax = choose(num_identities, processes=processes)
    assert (softmax.chunk, softmax.sample_rate) == (chunk, rate)
    assert words in softmax.reason


def test_few_classes_are_not_said_to_be_cut_into_chunks():
    assert choose(12, batch_size=32, processes=2).reason == "sharded over 2 processes, 6 identities each"
    assert choose(12, batch_size=32).reason == "plain, as 32 x 12 logits (1.5 kB) fit"
    assert choose(12, chunk=1024).reason == "all 12 classes at a time"


def test_settings_override_the_automatic_choice():
    assert choose(250, chunk=64).chunk == 64
    assert choose(93_431, chunk=0).chunk is None
    assert choose(2_059_906, sample_rate=1.0).sample_rate == 1.0
    sampled = choose(250, sample_rate=0.1)
    assert (sampled.sample_rate, "a sample of 10% of the identities, as configured" in sampled.reason) == (0.1, True)


def test_many_classes_are_updated_in_the_backward_pass():
    softmax = choose(93_431)
    assert softmax.fused_update
    assert "class weights updated in the backward pass" in softmax.reason
    assert not choose(93_431, fused_update=False).fused_update
    assert choose(250, chunk=64, fused_update=True).fused_update


@pytest.mark.parametrize(
    "run, settings, words",
    [
        ({"optimizer": AdamWConfig()}, {}, "only by sgd"),
        ({}, {"chunk": 0}, "only in chunks"),
        ({}, {"sample_rate": 0.1}, "a sample of 10% of the identities"),
        ({"micro_batches": 2}, {}, "2 micro-batches"),
        ({"precision": "fp16"}, {}, "in fp16"),
    ],
)
def test_where_they_cannot_be(run, settings, words):
    assert not choose(93_431, run=run, **settings).fused_update
    with pytest.raises(UsageError, match=words):
        choose(93_431, run=run, fused_update=True, **settings)
