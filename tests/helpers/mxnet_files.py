"""MXNet's files of weights, written as MXNet writes them."""

import struct

import numpy as np


def write_params(file, arrays, version=0xF993FAC9):
    """Write arrays by name; `version` 0 is the format of MXNet before 0.11, which has no version."""
    content = struct.pack("<QQQ", 0x112, 0, len(arrays))
    for array in arrays.values():
        if version:
            content += struct.pack("<I", version)
        if version > 0xF993FAC8:
            content += struct.pack("<i", 0)
        sizes = "q" if version else "I"
        content += struct.pack(f"<I{array.ndim}{sizes}", array.ndim, *array.shape)
        types = {"f4": 0, "f8": 1, "f2": 2, "u1": 3, "i4": 4, "i1": 5, "i8": 6}
        content += struct.pack("<iii", 1, 0, types[array.dtype.str[1:]]) + array.tobytes()
    content += struct.pack("<Q", len(arrays))
    for name in arrays:
        content += struct.pack("<Q", len(name)) + name.encode()
    file.write_bytes(content)


def iresnet_params(tensors):
    """Return an IResNet's tensors under the names of insightface's MXNet code."""
    outside = {"conv1": "conv0", "bn1": "bn0", "prelu": "relu0", "bn2": "bn1", "fc": "pre_fc1", "features": "fc1"}
    inside = {"prelu": "relu1", "downsample.0": "conv1sc", "downsample.1": "sc"}
    named = {}
    for name, tensor in tensors.items():
        module, leaf = name.rsplit(".", 1)
        if leaf == "num_batches_tracked":
            continue
        if module.startswith("layer"):
            stage, unit, layer = module.removeprefix("layer").split(".", 2)
            module = f"stage{stage}_unit{int(unit) + 1}_{inside.get(layer, layer)}"
        else:
            module = outside[module]
        leaves = {"running_mean": "moving_mean", "running_var": "moving_var"}
        if not module.endswith(("conv0", "conv1", "conv2", "conv1sc", "pre_fc1")):
            leaves |= {"weight": "gamma", "bias": "beta"}
        kind = "aux" if leaf.startswith("running") else "arg"
        named[f"{kind}:{module}_{leaves.get(leaf, leaf)}"] = np.ascontiguousarray(tensor.numpy())
    return named
