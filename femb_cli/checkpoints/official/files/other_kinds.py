"""Say what a file is that femb does not read, and how to come from there to one that it reads."""

import zipfile
from pathlib import Path, PurePosixPath

from femb_cli.data.images.signature import image_format
from femb_cli.errors import FembError

READ_FROM = 512
"""How many bytes at the beginning of a file are looked at."""

ANOTHER_FORMAT = "femb reads files of torch.save and safetensors, MXNet's .params, and .onnx"
UNPACK = "unpack it and convert the file with the weights"
DOWNLOAD_AGAIN = "download it again, for example by a browser, and look at its size"

BEGINNINGS = {
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file, in which Keras stores weights", ANOTHER_FORMAT),
    b"version https://git-lfs.github.com": (
        "a pointer of Git LFS, a text that stands for the file",
        "fetch the file itself: git lfs pull, or the download button of its page",
    ),
    b"\x1f\x8b": ("packed with gzip", UNPACK),
    b"BZh": ("packed with bzip2", UNPACK),
    b"\xfd7zXZ": ("packed with xz", UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", UNPACK),
    b"Rar!": ("a RAR archive", UNPACK),
    b"\x93NUMPY": ("an array of NumPy", ANOTHER_FORMAT),
    b"GGUF": ("a GGUF file", ANOTHER_FORMAT),
    b"7767517": ("a network of ncnn", ANOTHER_FORMAT),
}
"""What a file is by its first bytes, and what to do."""

ENDINGS = {
    ".pb": "a graph of TensorFlow",
    ".index": "an index of a TensorFlow checkpoint",
    ".tflite": "a network of TensorFlow Lite",
    ".caffemodel": "a network of Caffe",
    ".mlmodel": "a network of Core ML",
    ".engine": "a network of TensorRT",
    ".trt": "a network of TensorRT",
    ".mnn": "a network of MNN",
}
"""What a file is by its ending, where the first bytes do not say."""


def other_kind(file: Path) -> FembError:
    """Return the error for a file that is neither of torch.save, safetensors nor MXNet."""
    with file.open("rb") as stream:
        head = stream.read(READ_FROM)
    what, hint = _kind(file, head)
    return FembError(f"{file} is not a checkpoint: it {what}", hint=hint)


def refuse_other_archives(file: Path) -> None:
    """Refuse a zip archive that torch.save did not write.

    Raises:
        FembError: naming what it is, as far as its members say.
        zipfile.BadZipFile: the archive is damaged.
    """
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    ends = {PurePosixPath(name).name for name in names}
    if "constants.pkl" in ends:
        raise FembError(
            f"{file} is a TorchScript network, which holds code beside its weights, and femb runs no code from files",
            hint="save its state dict in a Python that trusts it, and convert that:"
            f" torch.save(torch.jit.load({file.name!r}, 'cpu').state_dict(), 'weights.pth')",
        )
    if "data.pkl" in ends:
        return
    if "model.weights.h5" in ends:
        raise FembError(f"{file} is not a checkpoint: it is a network of Keras", hint=ANOTHER_FORMAT)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    raise FembError(f"{file} is not a checkpoint: it is a zip archive of other files ({shown or 'empty'})", hint=UNPACK)


def _kind(file: Path, head: bytes) -> tuple[str, str]:
    """Return what the file is, as the end of "it ...", and a hint."""
    if not head:
        return "is empty", DOWNLOAD_AGAIN
    for beginning, (what, hint) in BEGINNINGS.items():
        if head.startswith(beginning):
            return f"is {what}", hint
    if image_format(head) is not None:
        return "is an image", ANOTHER_FORMAT
    if head[257:262] == b"ustar":
        return "is a tar archive", UNPACK
    if file.suffix.lower() in ENDINGS:
        return f"is {ENDINGS[file.suffix.lower()]}", ANOTHER_FORMAT
    if head[4:8] == b"TFL3":
        return f"is {ENDINGS['.tflite']}", ANOTHER_FORMAT
    # An ONNX file begins with the version of the format and the name of the program that wrote it.
    if head[:1] == b"\x08" and head[2:3] == b"\x12":
        return "looks like an ONNX file", "give it a name that ends in .onnx"
    if text := _first_line(head):
        if text.lower().startswith(("<!doctype html", "<html")):
            return "is a web page, as of a failed download", DOWNLOAD_AGAIN
        if text.startswith("<"):
            return f"is an XML document, not weights: it begins with {text[:60]!r}", DOWNLOAD_AGAIN
        return f"is a text, {text[:40]!r}", DOWNLOAD_AGAIN
    return f"starts with {head[:9]!r}", ANOTHER_FORMAT


def _first_line(head: bytes) -> str:
    """Return the first line of a text that is not blank; empty for anything but a text."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # else the last character is cut off
            return ""
        text = head[: error.start].decode("utf-8-sig")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    is_text = all(character.isprintable() or character in "\t\r\n\f" for character in text)
    return lines[0] if lines and is_text else ""
