"""The faces that a command is given: stored embeddings, or images that it embeds; and the images that it shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from femb_cli.cli.output import Output
from femb_cli.errors import UsageError

if TYPE_CHECKING:
    from femb_cli.evaluation.embeddings.read import StoredEmbeddings
    from femb_cli.search.sheets.pictures import Pictures


def read_faces(
    output: Output,
    paths: Sequence[Path],
    *,
    model: Path | None,
    flip: bool | None,
    batch_size: int,
    skip_bad: bool,
    device: str | None,
) -> "list[StoredEmbeddings]":
    """Read stored embeddings and embed images, all with one network; torch is loaded only if there are images.

    Args:
        output: gets what is not known about a network, warnings and progress.
        paths: stored embeddings, or images.
        model: the model for images; None for that of the stored embeddings, or else the newest finished run.
        flip: add the embeddings of the mirror images; None to do as in the stored embeddings, or else as the model.
        batch_size: images in a batch.
        skip_bad: leave out unreadable images instead of failing.
        device: where to compute.

    Raises:
        FembError: a path cannot be read, or two of them come from two networks.
    """
    from femb_cli.evaluation.embeddings.read import read_embeddings
    from femb_cli.evaluation.embeddings.recognise import holds_embeddings

    if all(map(holds_embeddings, paths)):
        if model is not None or flip is not None:
            output.warn("--model and --flip are for images: stored embeddings stay as they are")
        opened = {path: read_embeddings(path, mmap_mode="r") for path in dict.fromkeys(paths)}
        faces = [opened[path] for path in paths]
    else:
        output.load_libraries()
        from femb_cli.inference.comparable import EmbeddingSettings, read_comparable

        settings = EmbeddingSettings(model, flip, batch_size, skip_bad, device)
        faces = read_comparable(paths, settings, warn=output.warn, show_progress=output.progress)
    for other in faces[1:]:
        say_origins(output, faces[0], other)
    return faces


def say_origins(output: Output, one: "StoredEmbeddings", other: "StoredEmbeddings") -> None:
    """Refuse embeddings of two networks, and say what is not known or doubtful.

    Raises:
        FembError: the two come from two networks.
    """
    from femb_cli.evaluation.embeddings.same_network import compare_origins

    origins = compare_origins(one, other)
    if origins.unknown:
        output.say(origins.unknown)
    if origins.warning:
        output.warn(origins.warning)


def open_pictures(faces: Path, images: Path | None) -> "Pictures":
    """Open the images that a command was given, or those that its stored embeddings were made from.

    Args:
        faces: stored embeddings, or images.
        images: the images of stored embeddings; None if the command line does not say.

    Raises:
        UsageError: `faces` are stored embeddings, and `images` is None.
        FembError: the images cannot be opened, or are not those of the embeddings.
    """
    from femb_cli.data.open import open_images
    from femb_cli.evaluation.embeddings.read import read_embeddings
    from femb_cli.evaluation.embeddings.recognise import holds_embeddings
    from femb_cli.search.sheets.pictures import Pictures

    if not holds_embeddings(faces):
        return Pictures(open_images((faces,)))
    if images is None:
        raise UsageError(
            f"{faces} holds embeddings, but not the images that are to be shown or moved",
            hint="--images names the folder or the archive that was embedded",
        )
    pictures = Pictures(open_images((images,)))
    pictures.check_names(read_embeddings(faces, mmap_mode="r").names, faces)
    return pictures
