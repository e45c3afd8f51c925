"""The export of a checkpoint, whole or not at all."""

import shutil
from pathlib import Path

from femb_cli.checkpoints.official.write import write_arcface, write_magface
from femb_cli.checkpoints.store import Checkpoint
from femb_cli.export.graph import export_graph
from femb_cli.export.hub import write_hub_folder
from femb_cli.export.parity import Comparison
from femb_cli.export.plan import GRAPHS, ExportPlan
from femb_cli.files import new_file, new_folder


def export_checkpoint(
    checkpoint: Checkpoint, out: Path, plan: ExportPlan, *, overwrite: bool = False
) -> Comparison | None:
    """Write a checkpoint's network and check, where the result computes, that it still computes the same.

    Args:
        checkpoint: what to export.
        out: the file to make, or the folder under the format `hub`.
        plan: the format and what goes with it.
        overwrite: replace what is there.

    Returns:
        How the exported network compares with the checkpoint's, for a format that holds the computation.

    Raises:
        FembError: the format does not hold this network, or the exported network differs.
    """
    if plan.format == "hub":
        with new_folder(out, overwrite=overwrite) as folder:
            write_hub_folder(checkpoint, folder, out.resolve().name)
        return None
    with new_file(out, overwrite=overwrite) as aside:
        if plan.format in GRAPHS:
            return export_graph(checkpoint, plan, aside)
        if plan.format == "safetensors":
            copy_model(checkpoint, aside)
        elif plan.format == "arcface":
            write_arcface(checkpoint, aside)
        else:
            write_magface(checkpoint, aside)
    return None


def copy_model(checkpoint: Checkpoint, file: Path) -> None:
    """Copy a checkpoint's own file, which has the card in it, once it is known to be whole."""
    checkpoint.load_backbone()
    shutil.copyfile(checkpoint.model_file, file)
