"""Write a directory for the Hugging Face Hub: the weights with their metadata, and a README."""

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.runs import MODEL
from femb_cli.checkpoints.store import Checkpoint

HUB_LICENSES = ("mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0")
"""The Hub's names of licences that face models have."""


def write_hub_directory(checkpoint: Checkpoint, directory: Path, name: str) -> None:
    """Write `model.safetensors`, `config.json` and `README.md` into a directory.

    Args:
        checkpoint: what to publish; its file is copied unchanged.
        directory: an empty directory.
        name: what to call the model.
    """
    backbone = checkpoint.load_backbone()
    num_parameters = sum(parameter.numel() for parameter in backbone.parameters())
    shutil.copyfile(checkpoint.model_file, directory / MODEL)
    (directory / "config.json").write_text(json.dumps(_config(checkpoint.card), indent=2) + "\n", encoding="utf-8")
    (directory / "README.md").write_text(_readme(checkpoint.card, name, num_parameters), encoding="utf-8")


def _config(card: ModelCard) -> dict[str, Any]:
    """Return the card as plain values, for programs that do not read safetensors' metadata."""
    values = {key: value for key, value in asdict(card).items() if key != "fingerprint"}
    return {"model_type": "femb", "architectures": [card.backbone.name], **values}


def _readme(card: ModelCard, name: str, num_parameters: int) -> str:
    pixels, backbone = card.preprocessing, card.backbone
    front_matter = yaml.safe_dump(_front_matter(card), sort_keys=False, allow_unicode=True).rstrip()
    about = (
        f"A face embedding network, {backbone.name} with {num_parameters / 1e6:.1f} million parameters: an aligned face"
        f" of {pixels.input_size} x {pixels.input_size} pixels becomes {backbone.embedding_dim} numbers, and the cosine"
        " of two embeddings says how similar two faces are."
    )
    if card.magnitude_is_quality:
        about += " The longer an embedding, the better the image: its norm is a quality."
    return f"""---
{front_matter}
---

# {name}

{about}

## Use

```python
from femb_cli import load_embedder  # pip install femb

embedder = load_embedder("PATH OF THIS DIRECTORY")
embedding = embedder("photo.jpg")  # float32 ({backbone.embedding_dim},), not normalised; the face is found and aligned
cosine = embedder.similarity("photo.jpg", "another.jpg")  # of two faces, from -1 to 1
```

```
femb compare photo.jpg another.jpg --model PATH
femb verify --dataset xqlfw --model PATH
```

## Pixels

femb does all of this by itself; other programs must do it, too.

- faces aligned to the ArcFace template, {pixels.input_size} x {pixels.input_size}
- colours in the order {pixels.channel_order}
- (x / 255 - mean) / std with mean {list(pixels.mean)} and std {list(pixels.std)}
- epsilon of batch norm: {backbone.bn_eps}
- mirror images in verification: {"their embeddings are added" if card.flip == "sum" else "not used"}

## Thresholds

{_thresholds(card)}

## Training

{_training(card)}

## Source and licence

{_source(card)}
"""


def _front_matter(card: ModelCard) -> dict[str, Any]:
    """Return the fields of the README that the Hub reads."""
    front_matter: dict[str, Any] = {
        "library_name": "femb",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["face-recognition", "face-verification", card.backbone.name],
    }
    name = card.source.get("license", "")
    if not name:
        return {"license": "unknown", **front_matter}
    if name.lower() in HUB_LICENSES:
        return {"license": name.lower(), **front_matter}
    link = {"license_link": card.source["repository"]} if card.source.get("repository") else {}
    slug = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")
    return {"license": "other", "license_name": slug, **link, **front_matter}


def _training(card: ModelCard) -> str:
    data = card.source.get("training_data") or "not stated"
    identities = f"{card.num_identities:,}" if card.num_identities is not None else "not stated"
    header = ", ".join(f"{key} = {value}" for key, value in card.header.items()) or "not stated"
    return f"- data: {data}\n- identities: {identities}\n- header: {header}"


def _thresholds(card: ModelCard) -> str:
    if not card.thresholds:
        return "No threshold is stored: femb verify --store-threshold measures one."
    return "\n".join(
        f"- cosine {threshold.cosine:.4f}: {threshold.at} ({threshold.impostor_scores.num_scores:,} impostor pairs),"
        f" FNMR {100 * threshold.fnmr:.2f} %, flip {threshold.flip}"
        for threshold in card.thresholds
    )


def _source(card: ModelCard) -> str:
    if not card.source.get("license"):
        licence = "No licence is stated: ask the authors before you use these weights."
    else:
        licence = f"Licence of the weights: {card.source['license']}."
    entries = [
        f"- {key}: {value}" for key, value in card.source.items() if value and key not in ("license", "training_data")
    ]
    return "\n".join([*entries, "", licence]).strip()
