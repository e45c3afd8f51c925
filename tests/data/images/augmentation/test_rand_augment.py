"""RandAugment."""

import pytest
import torch
import torchvision.transforms.v2 as v2
from augmented import BYTES, IMAGES, change_by, operation

from femb_cli.data.images.augmentation import Draws
from femb_cli.data.images.augmentation.rand_augment import SIGNED, UNSIGNED

NAMES = [*SIGNED, *UNSIGNED]
OTHER_NAMES = {"saturation": "Color", "autocontrast": "AutoContrast"}


def torchvisions(image, name, sign, magnitude):
    """What torchvision's transform makes of one image if it draws this change."""
    name = OTHER_NAMES.get(name, "".join(word.capitalize() for word in name.split("_")))
    transform = v2.RandAugment(magnitude=magnitude)
    strengths = transform._AUGMENTATION_SPACE[name][0](31, 24, 24)
    strength = 0.0 if strengths is None else sign * float(strengths[magnitude])
    return transform._apply_image_or_video_transform(
        image, name, strength, interpolation=transform.interpolation, fill=transform._fill
    )


@pytest.mark.parametrize("magnitude", [0, 9, 30])
@pytest.mark.parametrize("name", NAMES)
def test_each_image_is_changed_as_torchvision_changes_it_alone(name, magnitude):
    kind = NAMES.index(name)
    signs = (1, -1) if name in SIGNED else (1, 1)
    changed = change_by("rand_augment", BYTES[:2], [[kind], [kind]], [[sign] for sign in signs], magnitude=magnitude)
    for image, ours, sign in zip(BYTES, changed, signs, strict=False):
        assert (ours.int() - torchvisions(image, name, sign, magnitude).int()).abs().max() <= 1


def test_changes_follow_each_other():
    kinds = [NAMES.index("rotate"), NAMES.index("solarize")]
    changed = change_by("rand_augment", BYTES[:2], [kinds, kinds[::-1]], [[1, 1], [1, 1]])
    first, second = (torchvisions(BYTES[i], name, 1, 9) for i, name in enumerate(("rotate", "solarize")))
    assert torch.equal(changed[0], torchvisions(first, "solarize", 1, 9))
    assert torch.equal(changed[1], torchvisions(second, "rotate", 1, 9))


def test_all_changes_and_signs_are_drawn():
    kind, sign = operation("rand_augment", num_changes=3).draw(Draws(0), 1000, 24)
    assert kind.flatten().bincount().min() > 150
    assert set(kind[sign < 0].tolist()) == set(range(len(SIGNED)))


def test_numbers_are_rounded_to_bytes_first():
    change = [[NAMES.index("identity")] * 2] * 7
    assert torch.equal(change_by("rand_augment", IMAGES + 0.3, change, [[1, 1]] * 7), IMAGES)
