"""Read the weights of P-Net, R-Net and O-Net from the package `mtcnn`, without importing it or executing its pickles.

The package, by Iván de Paz Centeno, MIT, holds one file for each network: a pickle of NumPy arrays as joblib writes it,
compressed with LZ4. The networks are the authors' own, trained on WIDER FACE and CelebA. A pickle can run any code, so
femb only looks at its opcodes, and accepts no other files than the published ones.
"""

import hashlib
import math
import pickletools
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from femb_cli.errors import FembError
from femb_cli.faces.detection.networks import ONet, PNet, RNet

_SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
_HINT = "pip install mtcnn==1.0.0"

Network = TypeVar("Network", bound=nn.Module)


def load_pnet() -> PNet:
    """Return P-Net with its published weights.

    Raises:
        FembError: the package is missing, or its files are not those of version 1.0.0.
    """
    return _load(PNet(), "pnet")


def load_rnet() -> RNet:
    """Return R-Net with its published weights.

    Raises:
        FembError: see `load_pnet`.
    """
    return _load(RNet(), "rnet")


def load_onet() -> ONet:
    """Return O-Net with its published weights.

    Raises:
        FembError: see `load_pnet`.
    """
    return _load(ONet(), "onet")


def _load(network: Network, name: str) -> Network:
    """Copy the arrays of a file into a network, whose layers are declared in the file's order."""
    arrays = iter(read_arrays(_read_published(name)))
    with torch.no_grad():
        for layer in network.modules():
            for parameter in layer.parameters(recurse=False):
                parameter.copy_(torch.from_numpy(_torch_layout(next(arrays), layer)))
    assert next(arrays, None) is None, "a file holds exactly its network's arrays"
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def _torch_layout(array: NDArray[np.float32], layer: nn.Module) -> NDArray[np.float32]:
    """From Keras's order of dimensions to torch's."""
    if isinstance(layer, nn.PReLU):
        return array.reshape(-1)
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def _read_published(name: str) -> bytes:
    """Return a file's decompressed content."""
    try:
        path = Path(str(metadata.distribution("mtcnn").locate_file(f"mtcnn/assets/weights/{name}.lz4")))
        import lz4.frame
    except ImportError as error:  # also PackageNotFoundError
        raise FembError("finding faces needs the package mtcnn, which holds the networks", hint=_HINT) from error
    try:
        compressed = path.read_bytes()
    except OSError as error:
        raise FembError(f"the package mtcnn has no readable {path}: {error.strerror}", hint=_HINT) from error
    if hashlib.sha256(compressed).hexdigest() != _SHA256[name]:
        raise FembError(f"{path} is not the file of mtcnn 1.0.0", hint=_HINT)
    return lz4.frame.decompress(compressed)


def read_arrays(pickled: bytes) -> list[NDArray[np.float32]]:
    """Read the float32 arrays of a joblib pickle by its opcodes; nothing is executed.

    An array's description ends with SETITEMS and BUILD. Its first tuple, after EMPTY_DICT, is the shape. Behind BUILD
    lie a byte that counts the bytes of padding, the padding, and the values, little-endian, until the next opcode.

    Args:
        pickled: the pickle, decompressed.
    """
    arrays: list[NDArray[np.float32]] = []
    stream = BytesIO(pickled)
    integers: list[int] = []
    shape: tuple[int, ...] | None = None
    before = ""
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "EMPTY_DICT":
            integers, shape = [], None
        elif opcode.name.startswith(("BININT", "LONG")):
            integers.append(int(argument or 0))
        elif opcode.name.startswith("TUPLE") and shape is None:
            shape = tuple(integers)
        elif opcode.name == "BUILD" and before == "SETITEMS" and shape is not None:
            stream.seek(stream.read(1)[0], 1)
            arrays.append(np.frombuffer(stream.read(4 * math.prod(shape)), "<f4").reshape(shape).copy())
        before = opcode.name
    return arrays
