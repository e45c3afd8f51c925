"""Stop a training whose loss is not finite, and say at which step, on which images and what was saved before.

Shapes: B images in this process's part of a batch, D embedding dimension, S steps.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.fingerprint import fixed_image
from femb_cli.checkpoints.runs import DIVERGENCE, checkpoint_step, run_checkpoints
from femb_cli.data.source import names_of
from femb_cli.errors import FembError
from femb_cli.files import write_errors, write_text
from femb_cli.runtime.collectives import gather_to_main
from femb_cli.runtime.ranks import is_main_process
from femb_cli.training.network.embedding import embedder_in_training
from femb_cli.training.planning.job import TrainJob
from femb_cli.training.run.run_directory import replaced_run

_NAMED = 3
"""Images that the error names."""


@dataclass(frozen=True)
class _Seen:
    """A batch that was trained on: the loss is on the device, where nobody waits for it."""

    step: int
    lr: float
    loss: Tensor
    rows_B: np.ndarray
    magnitudes_B: Tensor


class LossWatch:
    """Keeps the losses and the images since it last looked at them, so that looking waits for the device only rarely.

    All processes have the same loss, so they all stop at the same step.

    Args:
        job: the training; what an earlier session of its run says about a divergence is removed.

    Attributes:
        magnitudes_N: the magnitudes of this process's images (N,) between the last two looks.
    """

    def __init__(self, job: TrainJob) -> None:
        self.job = job
        self.seen: list[_Seen] = []
        self.magnitudes_N = np.zeros(0, np.float32)
        if is_main_process():
            with write_errors(job.run):
                (job.run / DIVERGENCE).unlink(missing_ok=True)

    def add(self, step: int, lr: float, loss: Tensor, rows_B: np.ndarray, embeddings_BD: Tensor) -> None:
        """Remember a batch.

        Args:
            step: the step that it belongs to, counted from 1.
            lr: the learning rate of that step.
            loss: its loss, a scalar.
            rows_B: the row of each image in the training set, (B,).
            embeddings_BD: their embeddings, (B, D).
        """
        magnitudes_B = embeddings_BD.detach().float().norm(dim=1)
        self.seen.append(_Seen(step, lr, loss.detach(), rows_B, magnitudes_B))

    def refuse_divergence(self) -> None:
        """Look at the losses since the last call; every process must call this.

        Raises:
            FembError: one of them is not finite.
        """
        seen, self.seen = self.seen, []
        if not seen:
            return
        losses_S = torch.stack([batch.loss for batch in seen])
        is_finite_S = losses_S.isfinite()
        if not is_finite_S.all():
            first = seen[int(is_finite_S.int().argmin())]
            images = self._images(first)
            if is_main_process():
                raise self._error(first, images)
            raise FembError(_what_happened(first))
        self.magnitudes_N = torch.cat([batch.magnitudes_B for batch in seen]).cpu().numpy()

    def refuse_broken_weights(self, step: int, network: Backbone, card: ModelCard) -> None:
        """Look at the losses, and at the network itself: no loss has seen the weights of the newest step.

        Every process must call this.

        Args:
            step: steps that are done.
            network: the network, in training mode; left in training mode.
            card: its model card.

        Raises:
            FembError: a loss, or the network's embedding of a fixed image, is not finite.
        """
        self.refuse_divergence()
        with embedder_in_training(network, card, str(self.job.run)) as embedder:
            embedding_1D = embedder(fixed_image(card.backbone.input_size))
        if not embedding_1D.isfinite().all():
            raise FembError(
                f"the network's embeddings are not finite after step {step}: the training has diverged",
                hint=self._hint(step - 1),
            )

    def _images(self, batch: _Seen) -> list[dict[str, Any]]:
        """Name the images of a batch of all processes, the worst first, with the magnitudes of their embeddings."""
        rows_B = gather_to_main(torch.from_numpy(np.asarray(batch.rows_B, dtype=np.int64)).to(batch.loss.device))
        magnitudes_B = gather_to_main(batch.magnitudes_B).cpu().nan_to_num(torch.inf)
        order_B = magnitudes_B.argsort(descending=True, stable=True)
        names = names_of(self.job.source, rows_B.cpu()[order_B].numpy())
        magnitudes = [value if np.isfinite(value) else None for value in magnitudes_B[order_B].tolist()]
        return [{"name": name, "magnitude": value} for name, value in zip(names, magnitudes, strict=True)]

    def _error(self, batch: _Seen, images: list[dict[str, Any]]) -> FembError:
        """Return the error that names the first images and what was saved before; write all images to a file."""
        if any(image["magnitude"] is not None for image in images):
            names = ", ".join(image["name"] for image in images[:_NAMED])
            where = f"its images with the largest embeddings are {names}"
        else:
            where = "no embedding of its batch is finite, so the update before broke the weights"
        if not replaced_run(self.job.run).is_dir():  # else this run is removed, as it has no checkpoint
            file = self.job.run / DIVERGENCE
            content = {"step": batch.step, "lr": batch.lr, "loss": str(batch.loss.item()), "images": images}
            write_text(file, json.dumps(content, indent=2) + "\n")
            where += f"; {file} lists all"
        # The weights after step s are sound if the loss of step s + 1, which is computed with them, is finite.
        return FembError(f"{_what_happened(batch)}; {where}", hint=self._hint(batch.step - 2))

    def _hint(self, last_sound: int) -> str:
        """Say what to try, from the newest checkpoint of at most `last_sound` steps if there is one."""
        steps = {checkpoint_step(path) or 0: path for path in run_checkpoints(self.job.run)}
        sound = [path for step, path in steps.items() if step <= last_sound]
        start = f"femb train --init {sound[-1]} starts from the last checkpoint before, with" if sound else "try"
        precision = "" if self.job.config.precision == "fp32" else ", or --set precision=fp32"
        return f"{start} a smaller --lr or a longer schedule.warmup{precision}"


def _what_happened(batch: _Seen) -> str:
    loss = batch.loss.item()
    return f"the loss is {loss} at step {batch.step} (learning rate {batch.lr:.3g}): the training has diverged"
