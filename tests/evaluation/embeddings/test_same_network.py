"""Whether the embeddings of two files can be compared."""

import base64
from pathlib import Path

import numpy as np
import pytest
from stored_embeddings import describe

from femb_cli.checkpoints import fingerprint as checkpoint_fingerprint
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings import same_network
from femb_cli.evaluation.embeddings.read import StoredEmbeddings
from femb_cli.evaluation.embeddings.same_network import compare_origins

ROWS = np.eye(2, dtype=np.float32)


def stored(name: str, **entries: object) -> StoredEmbeddings:
    return StoredEmbeddings(Path(name), ROWS, ["a", "b"], describe(ROWS, ["a", "b"], **entries) if entries else None)


def fingerprint(*numbers: float) -> str:
    return base64.b64encode(np.array(numbers, dtype="<f4").tobytes()).decode()


def test_the_tolerance_is_that_of_a_checkpoint():
    assert same_network.TOLERANCE == checkpoint_fingerprint.TOLERANCE


def test_one_network_needs_no_remark():
    origins = compare_origins(stored("p.npy", weights="a"), stored("g.npy", weights="a", model="moved"))
    assert (origins.unknown, origins.warning) == ("", "")


@pytest.mark.parametrize(
    "prints",
    [
        ("", ""),
        (fingerprint(1, 2), ""),
        (fingerprint(1, 2), fingerprint(1, 2.001)),
        (fingerprint(1), fingerprint(1, 2)),
    ],
)
def test_two_networks_are_refused(prints):
    one, other = (
        stored(f"{name}.npy", weights=name, model=f"model {name}", fingerprint=text)
        for name, text in zip("pg", prints, strict=True)
    )
    with pytest.raises(FembError, match=r"p\.npy and g\.npy come from two networks: model p and model g"):
        compare_origins(one, other)


def test_the_same_network_with_rounding_is_accepted():
    one = stored("p.npy", weights="a", fingerprint=fingerprint(1, -2))
    other = stored("g.npy", weights="b", fingerprint=fingerprint(1, -2.00001))
    assert compare_origins(one, other).warning == ""


def test_other_mirror_images_are_warned_about():
    warning = compare_origins(stored("p.npy", flip="sum"), stored("g.npy", flip="none")).warning
    assert "p.npy was embedded with flip sum, g.npy with flip none" in warning


@pytest.mark.parametrize(("known", "unknown"), [("pg", ""), ("p", "g.npy"), ("", "p.npy and g.npy")])
def test_files_that_say_nothing_are_named(known, unknown):
    one, other = (stored(f"{name}.npy", **({"weights": "a"} if name in known else {})) for name in "pg")
    sentence = f"nothing is known about the model of {unknown}" if unknown else ""
    assert compare_origins(one, other).unknown == sentence
