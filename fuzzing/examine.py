"""What femb does with the files of a case: it reads, checks, converts and scores them."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path

import numpy as np

from femb_cli.checkpoints.inspection import inspect_model
from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.official.files.mxnet_params import read_mxnet_params
from femb_cli.checkpoints.official.onnx.network import read_onnx_network
from femb_cli.checkpoints.runs import MODEL
from femb_cli.data.conversion.benchmark import write_benchmark
from femb_cli.data.conversion.convert import convert
from femb_cli.data.dataset_info import read_dataset_info
from femb_cli.data.files.folder import FileListSource
from femb_cli.data.images.decode import decode_image
from femb_cli.data.images.encoded import check_image
from femb_cli.data.open import open_source
from femb_cli.data.source import HasExtraColumns, ImageSource, ReadsMany, check_identities
from femb_cli.data.verification_bin.verification_set import read_verification_set
from femb_cli.errors import FembError
from femb_cli.evaluation.templates.lists import read_landmarks
from femb_cli.evaluation.templates.verify import verify_templates
from femb_cli.evaluation.verification.pair_file import read_pairs
from femb_cli.evaluation.verification.pair_formats.columns import ColumnChoice
from femb_cli.evaluation.verification.result import with_metrics
from femb_cli.evaluation.verification.score_files.verify import ScoreFiles, read_scores
from femb_cli.inference import load_embedder

MOST_IMAGES_READ = 2000


class Outcome(Enum):
    """The result of reading a case."""

    WHOLE = "read whole"
    PARTLY = "read in part"
    REFUSED = "refused"
    FAILED = "failures"


def examine(path: Path, format: str, *, copy: Path | None) -> Outcome:
    """Do all that femb does with the files at `path`; with `copy`, also convert them to that path."""
    try:
        return EXAMINERS.get(format, examine_images)(path, copy)
    except FembError:
        return Outcome.REFUSED


def examine_images(path: Path, copy: Path | None) -> Outcome:
    """Read all images of a source with their people and other columns."""
    return _examine_source(open_source(path), path, copy)


def examine_image(path: Path, copy: Path | None) -> Outcome:
    """Read a single image."""
    return _examine_source(FileListSource([path]), path, None)


def examine_arrow(path: Path, copy: Path | None) -> Outcome:
    """Read a dataset with what its files state of it."""
    source = open_source(path)
    read_dataset_info(path)
    return _examine_source(source, path, copy)


def _examine_source(source: ImageSource, path: Path, copy: Path | None) -> Outcome:
    sound = [read_image(source.read, row) for row in range(min(len(source), MOST_IMAGES_READ))]
    rows_N = np.arange(len(sound))
    _ = [source.names[row] for row in rows_N.tolist()]
    if isinstance(source, ReadsMany):
        _ = [isinstance(read, FembError) or bytes(read) for read in source.read_many(rows_N)]
    if isinstance(source, HasExtraColumns) and (extra := source.extra(rows_N)) is not None:
        extra.validate(full=True)
    if copy is not None:
        convert(source, copy, on_error="skip")
        check_identities(source)
    return Outcome.WHOLE if all(sound) else Outcome.PARTLY


def examine_verification_set(path: Path, copy: Path | None) -> Outcome:
    """Read a verification set and all images in it."""
    pairs = read_verification_set(path)
    sound = [read_image(pairs.images.__getitem__, row) for row in range(min(len(pairs.images), MOST_IMAGES_READ))]
    if copy is not None:
        write_benchmark(pairs, copy, source=path.name, on_error="skip")
    return Outcome.WHOLE if all(sound) else Outcome.PARTLY


def examine_scores(path: Path, copy: Path | None) -> Outcome:
    """Read scores as femb finds their columns; with `copy`, also with columns that the user names."""
    if copy is not None:
        succeeds(lambda: _verify(ScoreFiles((path,), columns=ColumnChoice({"score": "1", "mated": "2"}))))
        succeeds(lambda: _verify(ScoreFiles((path,), impostors=path, are_distances=True)))
    _verify(ScoreFiles(tuple(sorted(path.parent.iterdir()))))
    return Outcome.WHOLE


def _verify(request: ScoreFiles) -> None:
    for read in read_scores(request):
        with_metrics(read.scored).to_json()


def _read_pairs(path: Path, choice: ColumnChoice) -> None:
    pairs = read_pairs(path, path.parent, choice)
    pairs.indices(pairs.names())
    _ = pairs.subjects(), pairs.num_folds


def examine_pair_list(path: Path, copy: Path | None) -> Outcome:
    """Read a list of pairs, its people and its images; with `copy`, also with columns that the user names."""
    if copy is not None:
        succeeds(lambda: _read_pairs(path, ColumnChoice({"ref": "1", "probe": "2", "mated": "3"})))
    _read_pairs(path, ColumnChoice())
    return Outcome.WHOLE


def examine_templates(path: Path, copy: Path | None) -> Outcome:
    """Verify and search the templates of a benchmark."""
    verify_templates(path, path / "embeddings.npy").to_json()
    read_landmarks(path)
    return Outcome.WHOLE


def examine_onnx(path: Path, copy: Path | None) -> Outcome:
    """Read the network in a graph, and inspect the file; with `copy`, also convert and run it."""
    if copy is not None:
        examine_checkpoint(path, copy)
    done = [succeeds(lambda: read_onnx_network(path)), succeeds(lambda: inspect_model(path))]
    # The network of another program is only run.
    return Outcome.WHOLE if any(done) else Outcome.REFUSED


def examine_mxnet(path: Path, copy: Path | None) -> Outcome:
    """Read the arrays of a file; with `copy`, also convert them."""
    read_mxnet_params(path)
    return Outcome.WHOLE if copy is None else examine_checkpoint(path, copy)


def examine_checkpoint(path: Path, copy: Path | None) -> Outcome:
    """Convert weights, load and inspect the result; load and inspect femb's own and ONNX files as they are, too.

    Raises:
        AssertionError: A refused conversion left files, or a converted checkpoint is not valid.
    """
    converted, is_own_folder = path.with_name("converted"), (path / MODEL).is_file()
    # A directory with class weights has several files, so name the one with the network.
    official = path / MODEL if is_own_folder else path
    done = [succeeds(lambda: convert_checkpoint(official, converted, say=lambda text: None))]
    assert converted.exists() == done[0], "a refused conversion left files"
    if done[0]:
        assert succeeds(lambda: load_embedder(converted, "cpu")), "the converted checkpoint cannot be loaded"
        assert inspect_model(converted).problem is None, "the converted checkpoint is not valid"
    if path.suffix == ".onnx" or is_own_folder:
        done += [succeeds(lambda: load_embedder(path, "cpu")), succeeds(lambda: inspect_model(path))]
    return _outcome(done)


def _outcome(done: list[bool]) -> Outcome:
    return Outcome.WHOLE if all(done) else Outcome.PARTLY if any(done) else Outcome.REFUSED


def succeeds(step: Callable[[], object]) -> bool:
    """Whether a step ends without a `FembError`."""
    try:
        step()
    except FembError:
        return False
    return True


EXAMINERS: dict[str, Callable[[Path, Path | None], Outcome]] = {
    "image": examine_image,
    "arrow": examine_arrow,
    "verification": examine_verification_set,
    "scores": examine_scores,
    "pairs": examine_pair_list,
    "templates": examine_templates,
    "checkpoint": examine_checkpoint,
    "onnx": examine_onnx,
    "mxnet": examine_mxnet,
}
"""By format; all others are sources of images."""


def read_image(read: Callable[[int], bytes], row: int) -> bool:
    """Read, check and decode one image; return whether it is intact."""
    try:
        encoded = read(row)
    except FembError:
        return False
    return check(encoded, decode=False) & check(encoded, decode=True) & decodes(encoded, 112) & decodes(encoded, None)


def check(encoded: bytes, *, decode: bool) -> bool:
    """Whether `check_image` accepts an image."""
    try:
        check_image(encoded, decode=decode)
    except ValueError:
        return False
    return True


def decodes(encoded: bytes, size: int | None) -> bool:
    """Whether an image decodes."""
    try:
        decode_image(encoded, size)
    except FembError:
        return False
    return True
