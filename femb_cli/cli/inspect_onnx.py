"""What `femb inspect` shows of another program's ONNX file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from femb_cli.checkpoints.onnx_inspection import OnnxDetails
    from femb_cli.checkpoints.stated_pixels import Channels


def describe_onnx(details: "OnnxDetails") -> dict[str, str]:
    """Describe the file in words, one entry a line; an empty text is left out."""
    stated = details.stated
    known = {
        "ONNX file": str(details.path),
        "written by": f"{details.producer or 'an unnamed program'}, opset {details.opset or 'unknown'}",
        "network": f"{details.num_parameters / 1e6:.1f} million parameters, {details.num_bytes / 1e6:.1f} MB",
        "takes": ", ".join(map(str, details.inputs)),
        "gives": ", ".join(map(str, details.outputs)),
    }
    if stated is None:
        return {**known, "pixels": "not known"}
    pixels = stated.pixels
    size = stated.input_size
    return known | {
        "stated by": str(pixels.file),
        "pixels": f"{pixels.channel_order}, ({_values(pixels.pixel_range)} - {_numbers(pixels.mean)}) /"
        f" {_numbers(pixels.std)}, {size} x {size}",
        "mirror images": "their embeddings are added" if pixels.flip == "sum" else "not used",
        "embedding": stated.embeddings.name,
        "batches": f"{stated.batch_size} at a time" if stated.batch_size else "of any size",
    }


def _values(pixel_range: float) -> str:
    return "x" if pixel_range == 255 else "x / 255"


def _numbers(values: "Channels") -> str:
    texts = [f"{value:g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else f"({', '.join(texts)})"
