"""Mutations of checkpoints inside the archive, the tensors, the header and the ONNX graph.

Random changes of bytes would mostly end at a wrong checksum. A mutation is a function as in `mutations.py`; it returns
a file that it cannot read unchanged.
"""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

import torch
from mutations import EXTREMES, MUTATIONS, Mutation, replace_value, write_token
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor

CODE = (
    *(b"cposix\nsystem\n(S'touch executed'\ntR0", b"(S'id'\nios\nsystem\n0"),
    *(b'cbuiltins\n%s\n(S\'__import__("os").mkdir("executed")\'\ntR0' % name for name in (b"exec", b"eval")),
    *(b"csubprocess\nPopen\n(S'id'\ntR0", b"cos\nmkdir\n(S'executed'\ntR0"),
    *(b"ctorch.hub\nload\n(S'a'\ntR0", b"ctorch\nload\n(S'a'\ntR0", b"cpathlib\nPath\n(S'a'\ntR0"),
    *(b"cnumpy\nload\n(S'a'\ntR0", b"cnumpy.lib.npyio\nNpzFile\n(S'a'\ntR(dtb0", b"cargparse\nNamespace\n)\x81}b0"),
    *(b"cpytorch_lightning.core\nModule\n)R(tb0", b"clightning\nx\n]0", b"ccollections\nOrderedDict\n)R(tb0"),
)
"""Pickle code that calls a function, and leaves nothing on the stack."""

ODD_CONTENTS: tuple[Any, ...] = (None, 1, "text", [], {}, [1.0], {"a": torch.ones(1)}, b"bytes", (1, 2), True, 2**70)


NUMBER_TYPES = (
    *(torch.half, torch.bfloat16, torch.double, torch.int8, torch.bool, torch.cfloat),
    *(torch.float8_e4m3fn, torch.float8_e8m0fnu, torch.uint16, torch.uint64),
)

ODD_NUMBERS = (0, -1, 17, 48, 2047, 10**5, 2**40, 2**62, 2**63, 10**400, 1e9, 1e300, 1e-320, float("nan"), True)

MOST_NUMBERS = 10**7
"""Limit for a safetensors file that a mutation writes."""

ODD_YAML = (
    *(b"!!int ''", b"!!bool x", b"!!float ''", b"!!timestamp x", b"!!binary x", b"0x" + b"f" * 5000, b"[" * 9999),
    *(b"&a [*a]", b"*a", b"!!python/object/apply:os.system [id]", b"!!set {RGB}", b"[RGB]", b"rgb", b"{? [a] : b}"),
)

ODD_NODES = (
    *(("Identity", {}), ("ReduceSum", {"keepdims": 0}), ("Shape", {}), ("SequenceConstruct", {}), ("Optional", {})),
    *(("Cast", {"to": number}) for number in range(1, 20)),
)
"""Operators with one input, and their attributes."""


def change_member(data: bytes, other: bytes, chance: Random) -> bytes:
    """Change one member of a zip, most often its pickle, and write it with the right checksum."""
    members = _members(data)
    if not members:
        return data
    pickles = [name for name in members if name.endswith(".pkl")]
    name = chance.choice(pickles if pickles and chance.random() < 0.7 else sorted(members))
    if members[name]:
        members[name] = chance.choice(MUTATIONS)(members[name], members[name], chance)
    return _zipped(members, chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def insert_code(data: bytes, other: bytes, chance: Random) -> bytes:
    """Insert a call into the pickle, at its beginning or before its end."""
    members = _members(data)
    code = chance.choice(CODE)
    if not members:
        # The old format is several pickles, one after the other.
        starts = [match.end() for match in re.finditer(rb"\x80\x02", data[:200_000])]
        place = chance.choice(starts or [0])
        return data[:place] + code + data[place:]
    for name in members:
        if name.endswith(".pkl"):
            content = members[name]
            members[name] = content[:2] + code + content[2:] if chance.random() < 0.5 else content[:-1] + code + b"."
    return _zipped(members)


def change_tensors(data: bytes, other: bytes, chance: Random) -> bytes:
    """Change some tensors, and save the file again in either format."""
    try:
        content, metadata = _load(data)
    except Exception:
        return data
    holder = content
    while isinstance(holder, dict) and chance.random() < 0.9:
        inner = [value for value in holder.values() if isinstance(value, dict) and value]
        if not inner:
            break
        holder = chance.choice(inner)
    if not isinstance(holder, dict) or not holder:
        content = chance.choice(ODD_CONTENTS)
    else:
        for _ in range(chance.choice((1, 1, 2, 5))):
            _change_entry(holder, chance)
    try:
        return _save(content, metadata, is_old=chance.random() < 0.2)
    except Exception:
        return data


def change_card(data: bytes, other: bytes, chance: Random) -> bytes:
    """Change the card in a safetensors file of femb."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        header["__metadata__"] = _changed_metadata(header["__metadata__"], chance)
    except (ValueError, LookupError, TypeError, AttributeError):
        return data
    changed = json.dumps(header).encode()
    return len(changed).to_bytes(8, "little") + changed + data[8 + length :]


def change_settings(data: bytes, other: bytes, chance: Random) -> bytes:
    """Replace the last value by unusual YAML."""
    start, colon, _ = data.rpartition(b": ")
    return start + colon + chance.choice(ODD_YAML) + b"\n"


def change_header(data: bytes, other: bytes, chance: Random) -> bytes:
    """Change the header of a safetensors file, as JSON, and state its new length."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
    except ValueError:
        return data
    if chance.random() < 0.4 and isinstance(header, dict) and header:
        name = chance.choice(sorted(header))
        if isinstance(header[name], dict):
            _change_entry_of_header(header, name, chance)
        changed = json.dumps(header).encode()
    else:
        changed = replace_value(json.dumps(header).encode(), b"", chance)
    return len(changed).to_bytes(8, "little") + changed + data[8 + length :]


def change_graph(data: bytes, other: bytes, chance: Random) -> bytes:
    """Change a node, a constant, the metadata, the input or the output of an ONNX file."""
    import onnx

    try:
        model = onnx.load_from_string(data)
    except Exception:
        return data
    try:
        _change_model(model, chance)
        return bytes(model.SerializeToString())
    except (IndexError, ValueError):  # changed before: a part that it would change is not there
        return data


def change_params(data: bytes, other: bytes, chance: Random) -> bytes:
    """Put an extreme number at the beginning of an array, or into the list of names, of an MXNet file."""
    versions = [match.start() for match in re.finditer(rb"[\xc8-\xca]\xfa\x93\xf9", data)]
    names = data.rfind(b"\0\0\0\0\0\0\0arg:")
    # In files without versions, the first array begins at byte 24.
    place = chance.choice(
        [chance.choice(versions or [24]) + 4 * chance.randrange(14), max(0, names - 9), 16, names + 7]
    )
    size = chance.choice((4, 8))
    number = chance.choice((*EXTREMES, 3, 5, 32, 33, 10**7, 0xF993FAC8, 0xF993FACA)) % 2 ** (8 * size)
    return data[:place] + number.to_bytes(size, "little") + data[place + size :]


FURTHER: dict[str, tuple[Mutation, ...]] = {
    **dict.fromkeys((".pt", ".pth", ".ckpt"), (*(change_tensors,) * 14, *(change_member,) * 10, *(insert_code,) * 3)),
    ".safetensors": (*(change_header,) * 10, *(change_card,) * 14, *(change_tensors,) * 14),
    ".yaml": (*(change_settings,) * 12, *(write_token,) * 6),
    ".onnx": (change_graph,) * 20,
    ".params": (change_params,) * 30,
}
"""Further mutations by file ending; one that is listed more often is chosen more often."""


def _members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, KeyError):
        return {}


def _zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _load(data: bytes) -> tuple[Any, dict[str, str] | None]:
    """The contents of a file, and the metadata of a safetensors file."""
    if data[8:9] != b"{":
        return torch.load(io.BytesIO(data), weights_only=True), None
    length = int.from_bytes(data[:8], "little")
    return from_safetensors(data), json.loads(data[8 : 8 + length]).get("__metadata__", {})


def _save(content: Any, metadata: dict[str, str] | None, *, is_old: bool) -> bytes:
    if metadata is not None:
        # contiguous() expands a view to its full size.
        if sum(tensor.numel() for tensor in content.values()) > MOST_NUMBERS:
            raise ValueError("too large for a file")
        return to_safetensors({name: tensor.contiguous() for name, tensor in content.items()}, metadata)
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not is_old)
    return buffer.getvalue()


def _change_model(model: Any, chance: Random) -> None:
    """Change up to four things in an ONNX model."""
    import onnx

    graph = model.graph
    for _ in range(chance.choice((1, 1, 2, 4))):
        if not graph.node or not graph.initializer:
            break
        node, constant = chance.choice(graph.node), chance.choice(graph.initializer)
        match chance.randrange(12):
            case 0:
                graph.node.remove(node)
            case 1:
                node.op_type = chance.choice(("Relu", "Add", "Conv", "Loop", "If", "", "Gemm", "Flatten"))
            case 2 if node.input:
                node.input[chance.randrange(len(node.input))] = chance.choice(graph.node).output[0]
            case 3:
                constant.dims[:] = [chance.choice((0, 1, -1, 2**40, 3)) for _ in range(chance.randrange(5))]
            case 4:
                constant.raw_data = constant.raw_data[: chance.randrange(len(constant.raw_data) + 1)]
            case 5:
                constant.data_type = chance.randrange(24)
            case 6:
                constant.data_location = onnx.TensorProto.EXTERNAL
                constant.external_data.add(key="location", value=chance.choice(("/etc/passwd", "../x", "x")))
            case 7 if graph.input:
                sizes = graph.input[0].type.tensor_type.shape.dim
                sizes[chance.randrange(len(sizes))].dim_value = chance.choice((0, -1, 1, 48, 2**40))
            case 8 if graph.output:
                _change_output(graph, chance)
            case 9:
                model.opset_import[0].version = chance.choice((0, 1, 6, 13, 99, 2**40))
            case 10:
                metadata = _changed_metadata({entry.key: entry.value for entry in model.metadata_props}, chance)
                del model.metadata_props[:]
                for key, value in metadata.items():
                    model.metadata_props.add(key=key, value=value)
            case _ if node.attribute:
                attribute = chance.choice(node.attribute)
                attribute.i, attribute.f = chance.choice((0, -1, 2**40)), chance.choice((0.0, -1.0, float("nan")))


def _changed_metadata(metadata: dict[str, str], chance: Random) -> dict[str, str]:
    """Change one text of a card, or a number of the backbone in all its places."""
    changed, key = dict(metadata), chance.choice(sorted(metadata) or ["backbone"])
    try:
        backbone = json.loads(metadata["backbone"])
    except (KeyError, ValueError, RecursionError):
        backbone = None  # changed before
    match chance.randrange(3):
        case 0 if isinstance(backbone, dict) and backbone:
            field, number = chance.choice(sorted(backbone)), chance.choice(ODD_NUMBERS)
            changed |= {"backbone": json.dumps({**backbone, field: number})}
            changed |= {field: str(number)} if field in metadata else {}
        case 1 if metadata:
            changed[key] = replace_value(metadata[key].encode(), b"", chance).decode()
        case _:
            texts = ("", "x", "é", "AAAA", "[" * 9999, "9" * 5000, json.dumps([chance.choice(ODD_NUMBERS)] * 3))
            changed[key] = chance.choice(texts)
    return changed


def _change_output(graph: Any, chance: Random) -> None:
    """Make an inner value the output, or the result of one more node."""
    from onnx.helper import make_node

    inner, output = chance.choice(graph.node).output[0], graph.output[0]
    operator, attributes = chance.choice(ODD_NODES)
    graph.node.append(make_node(operator, [chance.choice((inner, output.name))], ["odd"], **attributes))
    output.name = chance.choice((inner, "odd", "odd"))
    if chance.random() < 0.8:
        output.type.Clear()


def _change_entry(holder: dict[Any, Any], chance: Random) -> None:
    """Rename, drop, double or replace one entry."""
    key = chance.choice(list(holder))
    value = holder[key]
    match chance.randrange(6):
        case 0 if len(holder) > 1:
            del holder[key]
        case 1:
            new = chance.choice((f"{key}x", f"x.{key}", "", 7, str(key).replace("weight", "bias"), str(key)[:-1]))
            holder[new] = holder.pop(key)
        case 2:
            holder[chance.choice(list(holder))] = value
        case 3:
            holder[key] = chance.choice(ODD_CONTENTS)
        case _:
            if isinstance(value, Tensor):
                holder[key] = _changed_tensor(value, chance)


def _changed_tensor(tensor: Tensor, chance: Random) -> Tensor:
    """Return the tensor with another shape, type, layout or value."""
    changes: tuple[Callable[[Tensor], Tensor], ...] = (
        lambda t: t.reshape(-1),
        lambda t: t.T if t.ndim == 2 else t.flip(0) if t.ndim else t,
        lambda t: t[:0] if t.ndim else t,
        lambda t: t.reshape(-1)[0] if t.numel() else t,
        lambda t: t[None],
        lambda t: t.to(chance.choice(NUMBER_TYPES)),
        lambda t: t.new_empty((10 ** chance.randrange(1, 12), *t.shape[1:-1], 0)),
        lambda t: t.new_ones((1,) * t.ndim).expand([size * 10 ** chance.randrange(7) for size in t.shape]),
        lambda t: torch.nested.nested_tensor([t.float(), t.float()]),
        lambda t: torch.full_like(t, chance.choice((float("nan"), float("inf"), 1e38)), dtype=torch.float32),
        lambda t: t.float().to_sparse() if t.ndim else t,
        lambda t: torch.ones(1).expand(10 ** chance.randrange(1, 12)),
        lambda t: t.expand(3, *t.shape),
        lambda t: torch.nn.Parameter(t.float()),
        lambda t: torch.quantize_per_tensor(t.float(), 0.1, 0, torch.qint8),
        lambda t: t.to("meta"),
        lambda t: torch.zeros(2000, 2000),
    )
    try:
        return chance.choice(changes)(tensor)
    except (RuntimeError, NotImplementedError, IndexError):
        return tensor


def _change_entry_of_header(header: dict[str, Any], name: str, chance: Random) -> None:
    entry = header[name]
    match chance.randrange(4):
        case 0:
            header[chance.choice((name + "x", name[:-1], ""))] = header.pop(name)
        case 1:
            entry["shape"] = chance.choice(([], [0], [1, 1], entry.get("shape", [])[::-1], [2**40, 2**40], [-1]))
        case 2:
            entry["dtype"] = chance.choice(("F64", "F16", "I64", "BOOL", "U8", "F8_E4M3", "C64", "?"))
        case _:
            entry["data_offsets"] = chance.choice(([0, 0], [0, 4], [4, 0], [0, 2**62], [-1, 4], [0.5, 1]))
