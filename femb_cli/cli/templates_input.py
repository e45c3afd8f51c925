"""`femb verify --templates`: from a file of embeddings, or from the images of the benchmark and a model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from femb_cli.cli.output import Output
from femb_cli.errors import UsageError

if TYPE_CHECKING:
    from femb_cli.evaluation.templates.mode import TemplateMode
    from femb_cli.evaluation.templates.verify import TemplateVerification
    from femb_cli.inference.template_job import TemplateJob

Flip = Literal["none", "sum"]


@dataclass(frozen=True)
class TemplateRequest:
    """The options of `femb verify --templates`; see `femb verify --help`."""

    directory: Path
    embeddings: Path | None
    images: Path | None
    ijb_mode: str | None
    flip: Flip | None
    processes: int | None
    gpus: int | None

    def verify(
        self,
        models: Sequence[Path] | None,
        device: str | None,
        output: Output,
        *,
        batch_size: int | None,
        exact: bool,
        use_cache: bool,
    ) -> "TemplateVerification | None":
        """Verify the templates; None on all processes but the main one.

        Raises:
            UsageError: options contradict each other.
            FembError: the lists, the images, the embeddings or the model cannot be read.
        """
        from femb_cli.evaluation.templates.mode import TemplateMode
        from femb_cli.evaluation.templates.verify import verify_templates

        mode = None if self.ijb_mode is None else TemplateMode.parse(self.ijb_mode)
        if self.embeddings is not None:
            result = verify_templates(self.directory, self.embeddings, mode)
            if result.description is None:
                output.say(f"nothing is known about the model of {result.embeddings_file}")
            return result
        job = self._job(models, mode, device, batch_size=batch_size, exact=exact, use_cache=use_cache)
        return self._verify_images(job, mode, output)

    def describe(self, models: Sequence[Path] | None, device: str | None, *, use_cache: bool) -> dict[str, Any]:
        """Describe what `verify` would read and embed, for a dry run; raises as `verify` does before it embeds."""
        from femb_cli.evaluation.templates.lists import read_templates
        from femb_cli.evaluation.templates.mode import TemplateMode
        from femb_cli.evaluation.templates.verify import check_embeddings

        mode = None if self.ijb_mode is None else TemplateMode.parse(self.ijb_mode)
        if self.embeddings is not None:
            lists, used = check_embeddings(self.directory, self.embeddings), {"embeddings": str(self.embeddings)}
        else:
            job = self._job(models, mode, device, batch_size=None, exact=True, use_cache=use_cache)
            used = {"model": job.check()}
            lists = read_templates(self.directory)
        counts = {"num_images": len(lists.names), "num_pairs": len(lists.left_P)}
        return {"benchmark": self.directory.resolve().name, **counts, **used}

    def _job(
        self,
        models: Sequence[Path] | None,
        mode: "TemplateMode | None",
        device: str | None,
        *,
        batch_size: int | None,
        exact: bool,
        use_cache: bool,
    ) -> "TemplateJob":
        (model,) = self._one_model(models)
        from femb_cli.inference.template_job import TemplateJob
        from femb_cli.runtime.devices import check_devices

        flip, num_processes = self._flip(mode), self.processes or self.gpus or 1
        if num_processes > 1 and not use_cache:
            raise UsageError(
                "--no-cache needs one process", hint="several processes share embeddings through the cache"
            )
        check_devices(num_processes, self.gpus, device)
        return TemplateJob(
            self.directory, self.images, model, flip, batch_size, exact, use_cache=use_cache, device=device
        )

    def _verify_images(
        self, job: "TemplateJob", mode: "TemplateMode | None", output: Output
    ) -> "TemplateVerification | None":
        from femb_cli.evaluation.templates.mode import TemplateMode
        from femb_cli.evaluation.templates.verify import verify_templates
        from femb_cli.inference.template_job import cache_template_embeddings, remove_embeddings
        from femb_cli.runtime.launch import launch
        from femb_cli.runtime.ranks import inside_launcher, is_main_process
        from femb_cli.runtime.signals import interruption_says

        num_processes = self.processes or self.gpus or 1
        kept = "the same command continues" if job.use_cache else "nothing was written"
        with interruption_says(f"interrupted; {kept}"):
            if num_processes > 1 and not inside_launcher():
                output.say(f"embedding on {num_processes} processes")
                launch(cache_template_embeddings, num_processes, job, output.progress)
            path, flip = job.embed(output.progress)
        if not is_main_process():
            return None
        # The rows hold the sum with the mirror image already.
        of_rows = TemplateMode(flip=None) if mode is None else replace(mode, flip=None)
        try:
            result = verify_templates(job.directory, path, of_rows)
        finally:
            if not job.use_cache:
                remove_embeddings(path)
        shown = replace(of_rows, flip=flip == "sum")
        return replace(result, metrics=replace(result.metrics, mode=str(shown)))

    def _one_model(self, models: Sequence[Path] | None) -> Sequence[Path]:
        if models is None or len(models) != 1:
            raise UsageError("--templates takes one --model", hint="call femb verify once for each model")
        return models

    def _flip(self, mode: "TemplateMode | None") -> Flip | None:
        """How mirror images are used: as --flip or the mode says."""
        if mode is None or mode.flip is None:
            return self.flip
        of_mode: Flip = "sum" if mode.flip else "none"
        if self.flip is not None and self.flip != of_mode:
            raise UsageError(f"--flip {self.flip} contradicts --ijb-mode {self.ijb_mode}")
        return of_mode
