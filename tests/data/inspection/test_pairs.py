"""A verification set is a source of images with pairs."""

from pathlib import Path

import numpy as np
from pictures import encode

from femb_cli.data.inspection.describe import describe_images
from femb_cli.data.inspection.images import inspect_images
from femb_cli.data.inspection.pairs import PairImages, pairs_of_set
from femb_cli.data.verification_bin.verification_set import VerificationSet


def test_pairs_and_their_images_are_counted():
    one, two, three = (encode(shade, (112, 112)) for shade in range(3))
    content = VerificationSet([one, two, one, one, three, three, two, one], np.array([1, 1, 0, 0], dtype=bool), "0")
    source = PairImages(Path("pairs.bin"), content)
    facts = describe_images(inspect_images(source), source, {"pairs": pairs_of_set(content).describe()})
    assert facts[".bin file"] == "pairs.bin"
    assert facts["pairs"] == (
        "4: 2 genuine, 2 impostor\n1 genuine pairs are of an image with itself\n"
        "1 impostor pairs are of an image with itself: labels are wrong"
    )
    assert facts["doubles"] == "3 different images; pairs share the others, as is usual"
    assert "people" not in facts
    assert [source.names[row] for row in (0, 3)] == ["pair 0 left", "pair 1 right"]
