"""A checksum of a model's weights and preprocessing: what its embeddings depend on, besides the machine."""

from pathlib import Path

import torch
import xxhash
from torch import nn

from femb_cli.files import file_sha256
from femb_cli.inference.embedder import Embedder
from femb_cli.inference.stated_network import StatedNetwork


def model_digest(embedder: Embedder) -> str:
    """Return the checksum in hexadecimal; a function that is neither a module nor a file is known by its name only."""
    digest = xxhash.xxh3_128(str(embedder.preprocessing).encode())
    network = embedder.network
    if isinstance(network, nn.Module):
        digest.update(repr(network).encode())
        for name, tensor in network.state_dict().items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    elif isinstance(network, StatedNetwork):
        digest.update(f"{network.stated.embeddings.name} {network.stated.layout}".encode())
        for file in network.files:
            digest.update(file_sha256(file).encode())
    elif (file := Path(embedder.name)).is_file():
        digest.update(file_sha256(file).encode())
    else:
        digest.update(embedder.name.encode())
    return digest.hexdigest()
