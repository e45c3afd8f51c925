"""What `femb inspect` says of a model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from femb_cli.cli.facts import format_facts
from femb_cli.cli.output import Output
from femb_cli.cli.stored_thresholds import describe
from femb_cli.errors import FembError, UsageError
from femb_cli.text import rate_text

if TYPE_CHECKING:
    from femb_cli.checkpoints.inspection import ModelDetails
    from femb_cli.checkpoints.threshold import Threshold


def inspect_model(path: Path | None, output: Output, *, out: Path | None = None, overwrite: bool = False) -> None:
    """Print what a model is, and write the curves of a run as a page or a picture if `out` is given.

    Raises:
        FembError: there is no model, its weights do not match its fingerprint, or the page cannot be written.
        UsageError: `out` has another ending, or the model is no run.
    """
    from femb_cli.checkpoints.runs import is_run, newest_finished_run

    path = path or newest_finished_run()
    if out is not None:
        _check_page(out, overwrite=overwrite)
        if not is_run(path):
            raise UsageError(f"--out does not apply to {path}, which has no curves", hint="it is for runs and images")
    output.load_libraries()
    from femb_cli.checkpoints.inspection import inspect_model as inspect
    from femb_cli.checkpoints.onnx_inspection import OnnxDetails
    from femb_cli.cli.inspect_onnx import describe_onnx

    details = inspect(path)
    facts = describe_onnx(details) if isinstance(details, OnnxDetails) else _describe(details)
    output.result(details.to_json(), format_facts(facts))
    if out is not None:
        _write_curves(path, out, output, overwrite=overwrite)
    if details.problem:
        raise FembError(details.problem, hint=details.hint if isinstance(details, OnnxDetails) else None)


def _check_page(out: Path, *, overwrite: bool) -> None:
    """Refuse a file that cannot be written, before the weights are read."""
    from femb_cli.files import check_output_file
    from femb_cli.search.sheets.inspection import ENDINGS

    check_output_file(out, overwrite=overwrite, endings=ENDINGS, what="a page")


def _write_curves(run: Path, out: Path, output: Output, *, overwrite: bool) -> None:
    """Write the page that `femb report` makes of a run, or its curves as a picture."""
    from femb_cli.training.report.contents import read_runs
    from femb_cli.training.report.write import write_run_picture, write_run_report

    reported = read_runs([run])
    if out.suffix.lower() == ".png":
        write_run_picture(out, reported[0], overwrite=overwrite)
    else:
        write_run_report(out, reported, command=f"femb inspect {run} -o {out}", overwrite=overwrite)
    output.say(f"wrote {out}")


def _describe(details: "ModelDetails") -> dict[str, str]:
    """Describe the model in words; an entry with an empty text is left out."""
    card, source = details.card, details.card.source
    return {
        details.kind: str(details.path),
        "network": _describe_network(details),
        "pixels": _describe_pixels(details),
        "mirror images": "their embeddings are added" if card.flip == "sum" else "not used",
        "magnitude": "measures the image's quality" if card.magnitude_is_quality else "",
        "header": _describe_header(card.header),
        "trained on": _describe_training_data(details),
        "started from": source.get("init", ""),
        "weights from": source.get("repository", ""),
        "original file": _describe_original_file(source),
        "licence": source.get("license", ""),
        "layout": _describe_layout(source),
        "fingerprint": _describe_fingerprint(details),
        **_describe_thresholds(card.thresholds),
        "training": _describe_training(details),
        **_describe_results(details.summary),
    }


def _describe_network(details: "ModelDetails") -> str:
    backbone = details.card.backbone
    width = getattr(backbone, "width", 1)
    return (
        f"{backbone.name}{'' if width == 1 else f' of width {width:g}'}:"
        f" {details.num_parameters / 1e6:.1f} million parameters, {details.num_bytes / 1e6:.1f} MB,"
        f" embeddings of {backbone.embedding_dim}"
    )


def _describe_pixels(details: "ModelDetails") -> str:
    """Say the order of colours, the formula of the values and the size; x is a pixel's value, 0 to 255."""
    pixels = details.card.preprocessing
    mean, std = _one_or_three(pixels.mean), _one_or_three(pixels.std)
    value = "x / 255"
    if mean != "0":
        value = f"({value} - {mean})"
    if std != "1":
        value = f"{value} / {std}"
    return f"{pixels.channel_order}, {value}, {pixels.input_size} x {pixels.input_size}"


def _one_or_three(values: Sequence[float]) -> str:
    texts = [f"{value:g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else f"({', '.join(texts)})"


def _describe_header(header: Mapping[str, Any]) -> str:
    """Return the header's name and parameters, without options that are off."""
    parameters = [
        f"{key} {value:g}" if isinstance(value, float) else key if value is True else f"{key} {value}"
        for key, value in header.items()
        if key != "name" and value not in (None, False)
    ]
    return f"{header['name']} ({', '.join(parameters)})" if parameters else header.get("name", "")


def _describe_training_data(details: "ModelDetails") -> str:
    card, data = details.card, (details.training and details.training.data) or {}
    name = data if isinstance(data, str) else data.get("path") or data.get("name")
    name = name or card.source.get("training_data", "")
    people = f"{card.num_identities:,} identities".replace(",", " ") if card.num_identities else ""
    return ", ".join(text for text in (name, people) if text)


def _describe_layout(source: Mapping[str, str]) -> str:
    """Say whose layout the original file had, and the licence if the weights are theirs."""
    if "layout_of" not in source:
        return ""
    licence = source.get("license_of_authors", "not known")
    return f"{source['layout_of']}; if the weights are its authors', their licence holds: {licence}"


def _describe_original_file(source: Mapping[str, str]) -> str:
    digest = f"SHA-256 {source['sha256'][:12]}..." if source.get("sha256") else ""
    return ", ".join(text for text in (source.get("file", ""), digest) if text)


def _describe_fingerprint(details: "ModelDetails") -> str:
    if details.matches_fingerprint is None:
        return "checked when the model is used" if details.card.fingerprint else "none"
    return "ok" if details.matches_fingerprint else "does not match: the weights or the settings were changed"


def _describe_thresholds(thresholds: "Sequence[Threshold]") -> dict[str, str]:
    """Describe the stored thresholds, one entry for each FMR."""
    return {f"at FMR {rate_text(threshold.fmr)}": describe(threshold) for threshold in thresholds}


def _describe_training(details: "ModelDetails") -> str:
    """Say how far the model was trained, and whether the training can continue."""
    training = details.training
    if training is None or details.problem:
        return ""
    done = f"{training.step} steps done, " if training.step is not None else ""
    number = training.class_weights
    weights = f"with class weights of {number} identities" if number else "without class weights"
    return f"{done}{'can be resumed' if training.can_be_resumed else 'femb train --init starts from it'}, {weights}"


def _describe_results(summary: Mapping[str, Any] | None) -> dict[str, str]:
    """Describe the metrics of a finished run."""
    if summary is None:
        return {}
    from femb_cli.cli.output import percent

    verification = summary["verification"] or {"results": []}
    return {"loss": f"{summary['loss']:.4f}"} | {
        item["benchmark"]: f"{percent(item['accuracy'])} of pairs right (eer {percent(item['eer'])})"
        for item in verification.get("results", [verification])
    }
