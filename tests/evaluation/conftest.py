"""Scored pairs of real faces, with the metrics that official evaluators gave for them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.pairs import PairList


@dataclass(frozen=True)
class Official:
    embeddings_ND: np.ndarray
    names: list[str]
    pairs: PairList
    scores_N: np.ndarray
    flip: str
    expected: dict


@pytest.fixture(scope="session", params=["lfw no_flip", "lfw flip_sum", "xq no_flip", "xq flip_sum"])
def official(request, shared: Path) -> Official:
    benchmark, flip = request.param.split()
    folder = shared / "golden" / "verification"
    files = ["lfw_embeddings.npz"] + ["xq_degraded_embeddings.npz"] * (benchmark == "xq")
    arrays = [np.load(folder / file) for file in files]
    names = [name.decode() for array in arrays for name in array["names"]]
    embeddings = np.concatenate([array["original"] for array in arrays]).astype(np.float64)
    if flip == "flip_sum":
        embeddings += np.concatenate([array["flipped"] for array in arrays])
    pairs = read_pairs(folder / f"{benchmark}_pairs.txt")
    row = {name: index for index, name in enumerate(names)}
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    scores = np.sum(unit[[row[n] for n in pairs.left]] * unit[[row[n] for n in pairs.right]], axis=1)
    expected = json.loads((folder / f"{benchmark}_expected.json").read_text())
    return Official(embeddings, names, pairs, scores, flip, expected)


@pytest.fixture(scope="session")
def edge_cases(shared: Path) -> dict[str, dict]:
    cases = json.loads((shared / "golden" / "verification" / "edge_cases.json").read_text())["cases"]
    return {case["name"]: case for case in cases}
