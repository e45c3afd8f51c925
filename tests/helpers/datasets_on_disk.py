"""Datasets in Arrow files, as femb writes them and as the library `datasets` does."""

import io
from pathlib import Path

from PIL import Image

from femb_cli.data.conversion.dataset_writer import DatasetWriter


def encode(shade: int, size: tuple[int, int] = (8, 6), form: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, 0, 0)).save(buffer, form)
    return buffer.getvalue()


def write(path: Path, images: list[bytes], labels: list[int], names: list[str], **options: object) -> Path:
    with DatasetWriter(path, names, **options) as writer:
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            writer.write(image, label, f"{names[label]}/{row}.jpg")
    return path


def save_foreign(path: Path, columns: dict, label_names: list[str] | None = None) -> Path:
    from datasets import ClassLabel, Dataset, Features, Value
    from datasets import Image as ImageFeature

    kinds = {"image": ImageFeature(), "label": ClassLabel(names=label_names) if label_names else Value("int32")}
    features = Features({name: kinds.get(name, Value("string")) for name in columns})
    Dataset.from_dict(columns, features=features).save_to_disk(path)
    return path
