"""`femb export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from femb_cli.cli import options
from femb_cli.cli.next_commands import after_quantization
from femb_cli.cli.output import Output
from femb_cli.errors import UsageError
from femb_cli.text import counted

if TYPE_CHECKING:
    from femb_cli.checkpoints.card import ModelCard
    from femb_cli.export.parity import Comparison
    from femb_cli.export.plan import ExportPlan

Format = Literal["onnx", "torchscript", "pt2", "safetensors", "arcface", "magface", "hub"]


def export(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="Run or checkpoint, or --model. Default: the newest finished run.",
            show_default=False,
        ),
    ] = None,
    named_model: options.Model = None,
    out: Annotated[
        Path | None,
        options.out("a file; for hub a directory. Default: MODEL's name with .safetensors."),
    ] = None,
    export_format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="Format of the output. Default: by FILE's ending, .onnx .ts .pt .pt2 .safetensors .pth (arcface).",
        ),
    ] = None,
    with_preprocessing: Annotated[
        bool,
        typer.Option(
            "--with-preprocessing", help="The graph takes uint8 RGB images (N, H, W, 3): onnx, torchscript, pt2."
        ),
    ] = False,
    half: Annotated[bool, typer.Option("--half", help="Store weights in half the bytes, as float16 (onnx).")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Compute with 8-bit integers (onnx).")] = False,
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration", metavar="DIR", help="Aligned faces for --int8: far more accurate and faster than without."
        ),
    ] = None,
    json: options.Json = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
) -> None:
    """Export a network: ONNX, TorchScript, torch.export, safetensors, ArcFace's and MagFace's own layouts, the Hub.

    An exported graph is compared with the original before the file is written. All formats except arcface and magface
    store the network's preprocessing (size, channel order, mean and std) and whether mirror images are added (--flip);
    .onnx, .safetensors and hub directories can be used as a --model.

    \b
    Examples:
      femb export -o model.onnx
      femb export runs/arcface_iresnet50_ms1mv3_1 -o model.onnx --with-preprocessing --half
      femb export mobilefacenet -o small.onnx --int8 --calibration faces/
      femb export runs/arcface_iresnet50_ms1mv3_1 -o backbone.pth --format arcface
      femb export mobilefacenet -o mobilefacenet_hub --format hub
    """
    output = Output(json=json, quiet=quiet)
    output.load_libraries()
    from femb_cli.checkpoints.runs import newest_finished_run
    from femb_cli.checkpoints.store import open_checkpoint
    from femb_cli.export import ExportPlan, check_export, default_target, export_checkpoint, format_of
    from femb_cli.runtime.signals import interruption_says

    if model is not None and named_model is not None:
        raise UsageError(f"two models are given: {model} and {named_model}", hint="femb export MODEL exports one")
    model = model or named_model or newest_finished_run()
    checkpoint = open_checkpoint(model)
    target = out or default_target(model, export_format)
    plan = ExportPlan(
        format_of(target, export_format),
        with_preprocessing=with_preprocessing,
        half=half,
        int8=int8,
        calibration=calibration,
    )
    result = {"format": plan.format, "model": str(model), **_describe(checkpoint.card, plan), "path": str(target)}
    if dry_run:
        check_export(checkpoint, target, plan, overwrite=overwrite)
    else:
        with interruption_says("interrupted; nothing was written"):
            comparison = export_checkpoint(checkpoint, target, plan, overwrite=overwrite, show_progress=output.progress)
        result |= _describe_file(target, comparison)
        if comparison is not None:
            output.say(_summarise(comparison, plan))
    output.fields(result)
    if plan.format in ("arcface", "magface"):
        output.say(f"not stored in this layout: {_not_in_a_layout(checkpoint.card)}")
    if not dry_run and plan.int8:
        output.next(*after_quantization(model, target))


def _describe(card: "ModelCard", plan: "ExportPlan") -> dict[str, Any]:
    """Describe the exported network and its input images."""
    pixels = card.preprocessing
    size = pixels.input_size
    return {
        "backbone": card.backbone.name,
        "input": f"(batch, {size}, {size}, 3)" if plan.with_preprocessing else f"(batch, 3, {size}, {size})",
        "embedding_dim": card.backbone.embedding_dim,
        "channel_order": "RGB" if plan.with_preprocessing else pixels.channel_order,
        "mean": list(pixels.mean),
        "std": list(pixels.std),
        "flip": card.flip,
        "precision": plan.precision,
    }


def _not_in_a_layout(card: "ModelCard") -> str:
    """Return what a card says that the official programs have no place for, and that changes results."""
    flip = f"mirror images are {'added' if card.flip == 'sum' else 'not added'} (--flip {card.flip})"
    return f"{flip}, and {counted(len(card.thresholds), 'threshold')}" if card.thresholds else flip


def _describe_file(target: Path, comparison: "Comparison | None") -> dict[str, Any]:
    """Return the size of the export, and the differences from the original network."""
    files = [path for path in target.rglob("*") if path.is_file()] if target.is_dir() else [target]
    measured = {
        "bytes": sum(path.stat().st_size for path in files),
        "relative_difference": comparison and comparison.relative_difference,
        "mean_cosine": comparison and comparison.mean_cosine,
        "least_cosine": comparison and comparison.least_cosine,
    }
    return {name: value for name, value in measured.items() if value is not None}


def _summarise(comparison: "Comparison", plan: "ExportPlan") -> str:
    """Return a sentence that compares the exported network with the original."""
    images = f"{comparison.num_images} {'drawn faces' if plan.calibration is None else 'calibration images'}"
    parts = []
    if comparison.relative_difference is not None:
        weights = "the same float16 weights" if plan.half else "the same weights"
        difference = f"{comparison.relative_difference:.1e} of the largest entry"
        parts.append(f"differs from torch with {weights} by {difference}, in batches of 1, 3 and 64")
    if comparison.mean_cosine is not None:
        mean, least = comparison.mean_cosine, comparison.least_cosine
        parts.append(f"mean cosine with the float32 embedding {mean:.5f}, lowest {least:.5f}")
    return f"{'; '.join(parts)} ({images})"
