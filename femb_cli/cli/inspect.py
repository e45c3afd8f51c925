"""`femb inspect`."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output
from femb_cli.errors import FembError

SCREEN = 80
INDENT = 14


def inspect(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="Run, checkpoint, .safetensors or .onnx file. Default: the newest finished run.", show_default=False
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Show what a model is: network, pixels, training, source, licence, and whether its weights are what it says.

    \b
    Examples:
      femb inspect runs/arcface_iresnet18_synthetic_1
      femb inspect mobilefacenet --json
    """
    from femb_cli.checkpoints.runs import newest_finished_run, runs_folder

    output = Output(json=json)
    path = model or newest_finished_run(runs_folder())
    output.load_libraries()
    from femb_cli.checkpoints.inspection import inspect_model

    facts = inspect_model(path)
    output.result(facts, "\n".join(_line(name, text) for name, text in _describe(facts).items() if text))
    if facts["problem"]:
        raise FembError(facts["problem"])


def _describe(facts: Mapping[str, Any]) -> dict[str, str]:
    """The facts in words; an empty text is nothing to say."""
    source = facts["source"]
    return {
        facts["kind"]: facts["path"],
        "network": _network(facts),
        "pixels": _pixels(facts),
        "mirror images": "embeddings of both are added" if facts["flip"] == "sum" else "not used",
        "magnitude": "tells the image's quality" if facts["magnitude_is_quality"] else "",
        "header": _header(facts["header"]),
        "trained on": _training_data(facts),
        "started from": source.get("init", ""),
        "weights from": source.get("repository", ""),
        "original file": _original_file(source),
        "licence": source.get("license", ""),
        "fingerprint": _fingerprint(facts),
        "training": _training(facts),
        **_results(facts.get("summary")),
    }


def _network(facts: Mapping[str, Any]) -> str:
    backbone = facts["backbone"]
    width = "" if backbone.get("width", 1) == 1 else f" of width {backbone['width']:g}"
    return (
        f"{backbone['name']}{width}: {facts['parameters'] / 1e6:.1f} million parameters, {facts['bytes'] / 1e6:.1f} MB,"
        f" embeddings of {backbone['embedding_dim']}"
    )


def _pixels(facts: Mapping[str, Any]) -> str:
    """Colours, range and size; x is a pixel's value, 0 to 255."""
    mean, std = (_one_or_three(facts[key]) for key in ("mean", "std"))
    value = "x / 255"
    if mean != "0":
        value = f"({value} - {mean})"
    if std != "1":
        value = f"{value} / {std}"
    return f"{facts['channel_order']}, {value}, {facts['input_size']} x {facts['input_size']}"


def _one_or_three(values: Sequence[float]) -> str:
    texts = [f"{value:g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else f"({', '.join(texts)})"


def _header(header: Mapping[str, Any]) -> str:
    """The header's name and parameters, without those that are off."""
    parameters = [
        f"{key} {value:g}" if isinstance(value, float) else key if value is True else f"{key} {value}"
        for key, value in header.items()
        if key != "name" and value not in (None, False)
    ]
    return f"{header['name']} ({', '.join(parameters)})" if parameters else header.get("name", "")


def _training_data(facts: Mapping[str, Any]) -> str:
    data = facts.get("data") or {}
    name = data if isinstance(data, str) else data.get("path") or data.get("name")
    name = name or facts["source"].get("training_data", "")
    people = f"{facts['num_identities']:,} identities".replace(",", " ") if facts["num_identities"] else ""
    return ", ".join(text for text in (name, people) if text)


def _original_file(source: Mapping[str, str]) -> str:
    digest = f"SHA-256 {source['sha256'][:12]}..." if source.get("sha256") else ""
    return ", ".join(text for text in (source.get("file", ""), digest) if text)


def _fingerprint(facts: Mapping[str, Any]) -> str:
    if facts["answers_as_stated"] is None:
        return "stated, not checked" if facts["fingerprint"] else "none"
    return "the network answers as stated" if facts["answers_as_stated"] else "THE WEIGHTS ARE NOT WHAT IS STATED"


def _training(facts: Mapping[str, Any]) -> str:
    """How far it was trained, and whether that can go on."""
    if "class_weights" not in facts or facts["problem"]:
        return ""
    done = f"{facts['step']} steps done, " if facts["step"] is not None else ""
    number = facts["class_weights"]
    weights = f"with class weights of {number} identities" if number else "without class weights"
    return f"{done}{'can be resumed' if facts['can_be_resumed'] else 'femb train --init starts from it'}, {weights}"


def _results(summary: Mapping[str, Any] | None) -> dict[str, str]:
    """The metrics of a finished run."""
    if summary is None:
        return {}
    from femb_cli.cli.output import percent

    verification = summary["verification"] or {"results": []}
    return {"loss": f"{summary['loss']:.4f}"} | {
        item["benchmark"]: f"{percent(item['accuracy'])} of pairs right (eer {percent(item['eer'])})"
        for item in verification.get("results", [verification])
    }


def _line(name: str, text: str) -> str:
    """One fact, its text wrapped beside its name."""
    wrapped = textwrap.wrap(text, SCREEN - INDENT - 1, break_long_words=False, break_on_hyphens=False)
    return f"{name.ljust(INDENT)} " + f"\n{' ' * (INDENT + 1)}".join(wrapped)
