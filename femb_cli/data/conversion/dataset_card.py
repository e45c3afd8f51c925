"""The README.md of a training set: people read its text, and the Hub reads its front matter to load the files."""

from typing import Any

import yaml

from femb_cli.data.conversion.choices import Format
from femb_cli.data.dataset_info import DatasetInfo

CARD_FILE = "README.md"
_SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M")]
_LOADS = {
    "arrow": 'datasets.load_from_disk("PATH")',
    "parquet": 'datasets.load_dataset("PATH", split="train")  # PATH or its id on the Hub',
}


def dataset_card(name: str, info: DatasetInfo, format: Format, extra: list[str]) -> str:
    """Return the card of the dataset `name`; `extra` names its columns besides image and label."""
    size = f"{info.image_size[0]} x {info.image_size[1]} pixels" if info.image_size else "of several sizes"
    columns = "".join(f"- `{column}`: as in the source\n" for column in extra)
    return f"""---
{yaml.safe_dump(_front_matter(name, info, format), sort_keys=False, allow_unicode=True).rstrip()}
---

# {name}

{info.num_images:,} images of {info.num_identities:,} identities, {size}, made from {info.source_kind or "images"}
`{info.source or name}` by femb. {_of_images(info)}

- `image`: the image
- `label`: the number of the identity, from 0; its name is the one in the source
{columns}
```python
{_LOADS[format]}
```

Checksum of all images in their order (XXH3, 128 bits): `{info.checksum}`. `checksums.bin` has that of each image
(XXH64, little-endian, in the order of the rows).

The data keep the licence of their source, and the people in the images keep their rights.
"""


def _of_images(info: DatasetInfo) -> str:
    if info.channels == "bgr":
        return (
            "The encoded images are those of the source, byte for byte: red and blue are swapped in them"
            " (`channels` is `bgr` in `femb.json`), and femb swaps them back."
        )
    if info.alignment is None:
        return "The encoded images are those of the source, byte for byte."
    return f"The faces of photos were cut out and aligned ({info.alignment}); aligned images are unchanged."


def _front_matter(name: str, info: DatasetInfo, format: Format) -> dict[str, Any]:
    images = info.num_images or 0
    front_matter: dict[str, Any] = {
        "pretty_name": name,
        "task_categories": ["image-feature-extraction"],
        "tags": ["face-recognition"],
        "size_categories": [next((text for most, text in _SIZES if images < most), "n>10M")],
    }
    if format == "parquet":
        data_files = [{"split": "train", "path": "data/train-*.parquet"}]
        front_matter["configs"] = [{"config_name": "default", "data_files": data_files}]
    return front_matter
