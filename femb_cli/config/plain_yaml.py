"""Read and write YAML of plain values: no tags, no code, and nothing that grows when it is read.

A few hundred bytes of YAML can repeat an anchor until they stand for gigabytes, or nest so deeply that Python gives up.
Settings need neither, so that femb refuses both before it builds the values.
"""

import re
from typing import Any

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode
from yaml.constructor import ConstructorError
from yaml.scanner import ScannerError

from femb_cli.text import cut

EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+$")
"""Numbers such as `1e-3`: YAML 1.1 reads them as text where they lack a point or the sign of the exponent."""

MOST_CHARACTERS = 50_000
MOST_VALUES = 20_000
"""Values in a text, each counted as often as its anchor is repeated."""
MOST_DEPTH = 30
MOST_BITS = 64
"""Of a whole number."""

UNCLEAR_NUMBER = re.compile(r"[+-]?0\d+([eE]|$)|.*[:_]")
"""Numbers that YAML 1.1 reads as few people expect: `010` is 8, `1:30` is 90 and `1_0` is 10."""


class ConfigLoader(yaml.SafeLoader):
    """Reads plain values only (no tags, no code), and `1e-3` as a number."""

    def construct_yaml_float(self, node: ScalarNode) -> float:
        """Return a number."""
        return _clear(super().construct_yaml_float(node), node)

    def construct_yaml_int(self, node: ScalarNode) -> int:
        """Return a whole number; Python can neither print nor compare one of thousands of digits in a moment."""
        value = _clear(super().construct_yaml_int(node), node)
        if value.bit_length() > MOST_BITS:
            raise ConstructorError(None, None, f"a whole number of more than {MOST_BITS} bits", node.start_mark)
        return value

    def fetch_flow_collection_start(self, token: Any) -> None:
        """Read a bracket, unless it is too deep: PyYAML takes seconds for thousands of them."""
        if self.flow_level > MOST_DEPTH:
            raise ScannerError(None, None, f"nested more than {MOST_DEPTH} levels deep", self.get_mark())
        super().fetch_flow_collection_start(token)


def _clear(value: Any, node: ScalarNode) -> Any:
    """Return the value of a number, unless it is written in a way that few people expect."""
    if UNCLEAR_NUMBER.match(node.value):
        problem = f"{node.value} stands for {value} in YAML: write {value}, or put a text into quotes"
        raise ConstructorError(None, None, problem, node.start_mark)
    return value


class ConfigDumper(yaml.SafeDumper):
    """Writes what `ConfigLoader` reads back: it quotes a text that looks like a number."""


ConfigLoader.add_constructor("tag:yaml.org,2002:int", ConfigLoader.construct_yaml_int)
ConfigLoader.add_constructor("tag:yaml.org,2002:float", ConfigLoader.construct_yaml_float)
ConfigLoader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("+-0123456789"))
ConfigDumper.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("+-0123456789"))


def read_plain(text: str) -> Any:
    """Read the value that a YAML text stands for.

    Raises:
        ValueError: the text is not valid YAML, repeats a key, or is too long, too deep or too large; the message is
            one line that says where.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"it has more than {MOST_CHARACTERS:,} characters")
    try:
        loader = ConfigLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_size(node, {}, 0)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        problem = str(error.problem or error.context).replace("but got '<stream end>'", "not the end")
        raise ValueError(f"{_place(error.problem_mark)}{problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    # PyYAML raises LookupError and others for a value that does not fit its tag, as in `!!bool x`.
    except (LookupError, AttributeError, TypeError, OverflowError) as error:
        raise ValueError(f"a value does not fit its type: {error}") from error


def write_plain(tree: Any) -> str:
    """Return the YAML text of plain mappings, lists and values, which `read_plain` reads back."""
    return yaml.dump(tree, Dumper=ConfigDumper, sort_keys=False)


def _check_size(node: Node, sizes: dict[int, int], depth: int) -> int:
    """Return how many values a node stands for, after checking its depth, its size and its keys.

    Args:
        node: the node.
        sizes: the sizes of the nodes that have been visited, by `id`; 0 while a node is being visited.
        depth: nodes above this one.
    """
    if depth > MOST_DEPTH:
        raise ValueError(f"{_place(node.start_mark)}nested more than {MOST_DEPTH} levels deep")
    if id(node) in sizes:
        if not sizes[id(node)]:
            raise ValueError(f"{_place(node.start_mark)}a value that contains itself")
        return sizes[id(node)]
    sizes[id(node)] = 0
    size = 1 + sum(_check_size(below, sizes, depth + 1) for below in _nodes_below(node))
    if size > MOST_VALUES:
        raise ValueError(f"{_place(node.start_mark)}more than {MOST_VALUES:,} values, counting repeated anchors")
    sizes[id(node)] = size
    return size


def _nodes_below(node: Node) -> list[Node]:
    """Return the nodes that a list or a mapping consists of; a mapping must not repeat a key."""
    if isinstance(node, MappingNode):
        _refuse_repeated_keys(node)
        return [below for pair in node.value for below in pair]
    return node.value if isinstance(node, SequenceNode) else []


def _refuse_repeated_keys(node: MappingNode) -> None:
    """Refuse a mapping with a key twice: YAML would silently use the last value."""
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, ScalarNode):
            continue
        if line := lines.get((key.tag, key.value)):
            raise ValueError(f"{_place(key.start_mark)}{cut(key.value)!r} is set again, after line {line}")
        lines[key.tag, key.value] = key.start_mark.line + 1


def _place(mark: Any) -> str:
    return "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
