"""Embeddings of the official networks, with the same weights and images."""

import json
import runpy

import numpy as np
import pytest
import torch

from femb_cli.backbones import build_backbone

CASES = [
    pytest.param("at_r18", "iresnet18", {}, marks=pytest.mark.slow),
    pytest.param("at_r50", "iresnet50", {}, marks=pytest.mark.slow),
    pytest.param("at_mbf", "mbf", {}),
    pytest.param("at_mbf_large", "mbf_large", {}, marks=pytest.mark.slow),
    pytest.param("at_vit_t", "vit_t", {}),
    pytest.param("foamliu_mobilefacenet", "mobilefacenet", {"embedding_dim": 128}),
]


@pytest.mark.parametrize(("case", "name", "parameters"), CASES)
@torch.inference_mode()
def test_embeddings_are_the_official_ones(shared, case, name, parameters):
    golden = shared / "golden/checkpoints"
    description = json.loads((golden / f"cases/{case}.json").read_text())
    expected = np.load(golden / f"expected/{case}.npz")
    images = official_input(np.load(golden / "images.npz")["images"], **description["preprocessing"])
    backbone = build_backbone(name, **parameters).eval()
    backbone.load_state_dict(official_tensors(shared, description))

    singles = images.float()
    alone = torch.cat([backbone(image[None]) for image in singles])
    np.testing.assert_allclose(alone, expected["batch1_f32"], atol=5e-5, rtol=0)
    np.testing.assert_allclose(backbone(singles), expected["expected_f32"], atol=5e-5, rtol=0)
    backbone.double()
    np.testing.assert_allclose(backbone(images), expected["expected_f64"], atol=1e-9, rtol=0)
    np.testing.assert_allclose(backbone(images[:1]), expected["expected_f64"][:1], atol=1e-9, rtol=0)


def official_tensors(shared, description):
    """The weights of a case: from its file if they are published, else from their formula."""
    if description["name"] == "foamliu_mobilefacenet":
        file = shared / "data/weights" / description["files"][0]["file"]
        return torch.load(file, map_location="cpu", weights_only=True)
    maker = runpy.run_path(str(shared / "golden/checkpoints/make_checkpoint.py"))
    arrays = maker["make_arrays"](description["state_dicts"]["backbone"], description["salt"])
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def official_input(images_BHW3, colour, divide, mean, std):
    """The input of the official networks, (B, 3, H, W), float64."""
    assert colour == "RGB"
    values = (images_BHW3 / divide - mean) / std
    return torch.from_numpy(values).permute(0, 3, 1, 2).contiguous()
