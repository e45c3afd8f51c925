"""Export a checkpoint, either completely or not at all."""

import shutil
from pathlib import Path

from femb_cli.checkpoints.official.families import LAYOUTS
from femb_cli.checkpoints.official.write import refuse_other_conventions, write_official
from femb_cli.checkpoints.store import Checkpoint
from femb_cli.export.calibration import open_calibration
from femb_cli.export.graph import export_graph
from femb_cli.export.hub import write_hub_directory
from femb_cli.export.onnx_file import check_onnx_packages, refuse_too_large
from femb_cli.export.parity import Comparison
from femb_cli.export.plan import GRAPHS, ExportPlan
from femb_cli.files import new_file, new_folder, refuse_existing
from femb_cli.progress import ShowProgress, unseen


def export_checkpoint(
    checkpoint: Checkpoint,
    out: Path,
    plan: ExportPlan,
    *,
    overwrite: bool = False,
    show_progress: ShowProgress = unseen,
) -> Comparison | None:
    """Write a checkpoint's network in another format, and check that an exported graph still computes the same.

    Args:
        checkpoint: what to export.
        out: the file to make; for the format `hub` the directory.
        plan: the format and its settings.
        overwrite: replace an existing file or directory.
        show_progress: shows the progress of each part of the export.

    Returns:
        The comparison of the exported network with the checkpoint's; None for a format without a graph.

    Raises:
        FembError: the format cannot hold this network, or the exported network differs.
    """
    if plan.format == "hub":
        with new_folder(out, overwrite=overwrite) as aside:
            write_hub_directory(checkpoint, aside, out.resolve().name)
        return None
    with new_file(out, overwrite=overwrite) as aside:
        if plan.format in GRAPHS:
            return export_graph(checkpoint, plan, aside, show_progress)
        if plan.format in LAYOUTS:
            write_official(checkpoint, LAYOUTS[plan.format], aside)
        else:
            copy_model(checkpoint, aside)
    return None


def check_export(checkpoint: Checkpoint, out: Path, plan: ExportPlan, *, overwrite: bool = False) -> None:
    """Refuse what `export_checkpoint` would refuse, as far as that is known without writing anything.

    Raises:
        FembError: `out` exists, the weights are damaged, a package is missing, the format cannot hold this network, or
            the calibration images cannot be opened.
    """
    refuse_existing(out, overwrite=overwrite)
    backbone = checkpoint.load_backbone()
    if plan.format == "onnx":
        check_onnx_packages()
        refuse_too_large(backbone, half=plan.half)
    if plan.format in LAYOUTS:
        refuse_other_conventions(checkpoint.card, LAYOUTS[plan.format])
    if plan.calibration is not None:
        open_calibration(plan.calibration)


def copy_model(checkpoint: Checkpoint, file: Path) -> None:
    """Copy a checkpoint's own safetensors file, which has the card in its header, after checking that it loads."""
    checkpoint.load_backbone()
    shutil.copyfile(checkpoint.model_file, file)
