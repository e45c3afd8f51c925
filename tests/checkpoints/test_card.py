"""What a checkpoint says about its network."""

import json

import pytest

from femb_cli.checkpoints.card import ModelCard
from femb_cli.config.schema import IResNetConfig, MobileFaceNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError

CARDS = [
    ModelCard(IResNetConfig()),
    ModelCard(
        MobileFaceNetConfig("mobilefacenet", embedding_dim=128, input_size=96, bn_eps=1e-3),
        Preprocessing(96, "BGR", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        flip="none",
        header={"name": "sphereface", "scale": None},
        num_identities=1,
        source={"license": "MIT"},
        magnitude_is_quality=True,
        fingerprint="AACAPw==",
    ),
]


@pytest.mark.parametrize("card", CARDS)
def test_a_card_survives_its_metadata(card):
    metadata = card.to_metadata()
    assert all(isinstance(text, str) for text in metadata.values())
    assert ModelCard.from_metadata(metadata, "file") == card


def test_plain_texts_serve_other_programs():
    metadata = CARDS[1].to_metadata()
    assert (metadata["embedding_dim"], metadata["input_size"], metadata["channel_order"]) == ("128", "96", "BGR")
    assert json.loads(metadata["mean"]) == [0.485, 0.456, 0.406]


def test_another_format_is_no_femb_checkpoint():
    with pytest.raises(FembError, match=r"a\.safetensors is not a femb checkpoint"):
        ModelCard.from_metadata({"format": "pt"}, "a.safetensors")


@pytest.mark.parametrize("key", ["backbone", "mean", "std", "input_size", "channel_order", "header", "source", "flip"])
def test_missing_metadata_names_file_and_key(key):
    metadata = CARDS[0].to_metadata()
    del metadata[key]
    with pytest.raises(FembError, match=rf"a\.safetensors.*{key}"):
        ModelCard.from_metadata(metadata, "a.safetensors")


@pytest.mark.parametrize(
    "key, text",
    [
        ("source", "null"),
        ("header", "[]"),
        ("num_identities", '"many"'),
        ("mean", "3"),
        ("mean", "[0, 0, NaN]"),
        ("std", "[1, 1, 0]"),
        ("input_size", "100000"),
        pytest.param("mean", f"[1{'0' * 400}, 0, 0]", id="mean-beyond-float"),
        pytest.param("source", "[" * 100_000, id="source-nested"),
        ("backbone", "{"),
        ("backbone", "null"),
        ("backbone", '{"name": "iresnet19"}'),
        ("backbone", '{"name": "iresnet18", "embedding_dim": -1}'),
        ("mean", "5"),
        ("input_size", "large"),
        ("num_identities", "many"),
        ("magnitude_is_quality", "perhaps"),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(key, text):
    with pytest.raises(FembError):
        ModelCard.from_metadata(CARDS[0].to_metadata() | {key: text}, "a.safetensors")


@pytest.mark.parametrize(
    "key, text", [("mean", "[0.5, 0.5]"), ("std", '["a", "b", "c"]'), ("channel_order", "GBR"), ("flip", "mean")]
)
def test_preprocessing_that_makes_no_sense_is_refused(key, text):
    with pytest.raises(FembError, match=r"a\.safetensors"):
        ModelCard.from_metadata(CARDS[0].to_metadata() | {key: text}, "a.safetensors")


def test_a_card_without_the_newer_texts_has_their_defaults():
    metadata = CARDS[1].to_metadata()
    del metadata["magnitude_is_quality"], metadata["fingerprint"]
    card = ModelCard.from_metadata(metadata, "a.safetensors")
    assert (card.magnitude_is_quality, card.fingerprint) == (False, "")


def test_entries_of_the_source_are_added():
    card = CARDS[1].with_source(sha256="abc")
    assert card.source == {"license": "MIT", "sha256": "abc"}
    assert CARDS[1].source == {"license": "MIT"}


def test_people_are_not_shown_the_fingerprint():
    shown = CARDS[1].to_display()
    assert "fingerprint" not in shown
    assert shown == {name: text for name, text in CARDS[1].to_metadata().items() if name in shown}
