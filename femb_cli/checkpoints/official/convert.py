"""Convert official weights to a femb checkpoint."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.card import FORMAT, QUALITY_HEADERS, ModelCard
from femb_cli.checkpoints.fingerprint import check_fingerprint
from femb_cli.checkpoints.official.class_weights import (
    class_weights_beside,
    class_weights_inside,
    is_like_class_weights,
    names_beside,
)
from femb_cli.checkpoints.official.families import CVLFACE, INSIGHTFACE, OTHER_ONNX
from femb_cli.checkpoints.official.family import Family
from femb_cli.checkpoints.official.files.checkpoint_files import OfficialFiles, find_files
from femb_cli.checkpoints.official.files.hub import download_weights, find_hub_id
from femb_cli.checkpoints.official.files.reading import read_plain
from femb_cli.checkpoints.official.files.sidecar import read_channel_order, read_settings
from femb_cli.checkpoints.official.files.state_dict import refuse_unusual
from femb_cli.checkpoints.official.onnx.network import read_onnx_network
from femb_cli.checkpoints.official.onnx.pixels import describe_pixels, onnx_preprocessing
from femb_cli.checkpoints.official.published import PublishedModel, find_published, is_published
from femb_cli.checkpoints.official.recognise import Recognised, Signs, family_named, recognise
from femb_cli.checkpoints.onnx_file import onnx_weight_files, read_onnx_model
from femb_cli.checkpoints.stated_pixels import read_stated_pixels, stated_pixels_file
from femb_cli.checkpoints.store import assemble_backbone, empty_backbone, read_metadata, save_checkpoint
from femb_cli.config.schema import BackboneConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError, UsageError
from femb_cli.files import file_sha256, refuse_existing
from femb_cli.hub import HubId
from femb_cli.progress import Say, silent


@dataclass(frozen=True)
class Converted:
    """An official network with its tensors renamed to femb's names.

    Attributes:
        family: the project that it comes from; None for a file that femb wrote, whose card names its source already.
        tensors: its state dict.
        card: its model card; for a family's weights, `source` is added later.
        class_weights: (C, D), or None.
    """

    family: Family | None
    tensors: Mapping[str, Tensor]
    card: ModelCard
    class_weights: Tensor | None = None


def convert_checkpoint(
    source: Path | str,
    destination: Path,
    family_name: str | None = None,
    *,
    network: str | None = None,
    overwrite: bool = False,
    say: Say = warnings.warn,
) -> ModelCard:
    """Read official weights, check that every tensor fits, and write a femb checkpoint.

    Args:
        source: as `read_official`.
        destination: the checkpoint directory to make.
        family_name: a key of `FAMILIES` or the beginning of one; None to recognise the family by the tensors.
        network: which network of a file that holds several, by its key or prefix, such as `ema`.
        overwrite: replace an existing directory.
        say: called with a warning if the files do not state a setting and femb assumes it.

    Raises:
        FembError: the files are not a checkpoint, their family is unknown, their tensors do not fit, or they cannot be
            fetched.
    """
    refuse_existing(destination, overwrite=overwrite)
    backbone, card, classifier = read_official(source, family_name, network=network, say=say)
    return save_checkpoint(destination, backbone, card, classifier=classifier, overwrite=overwrite)


def is_remote(source: str, family_name: str | None) -> bool:
    """Whether `read_official` would fetch a source: it is a name of `PUBLISHED`, or on the Hub.

    Raises:
        FembError: the family is unknown, or femb cannot fetch this one.
    """
    if family_name:
        family_named(family_name)
    published = find_published(source)
    if published is not None and not published.can_be_fetched:
        published.locate(silent)  # raises the error that says what to do by hand
    return published is not None or find_hub_id(source) is not None


def read_official(
    source: Path | str, family_name: str | None = None, *, network: str | None = None, say: Say = warnings.warn
) -> tuple[Backbone, ModelCard, dict[str, Tensor] | None]:
    """Read official weights, and check that every tensor fits.

    Args:
        source: a file, a directory with one network, "owner/name" on the Hugging Face Hub, or a name in `PUBLISHED`,
            which is fetched. A file that femb itself wrote keeps its card.
        family_name: as `convert_checkpoint`.
        network: as `convert_checkpoint`.
        say: as `convert_checkpoint`.

    Returns:
        The network, its card, and the classifier's tensors (None if there are none).

    Raises:
        FembError: as `convert_checkpoint`.
    """
    published = find_published(str(source))
    if published is not None:
        source, family_name = published.locate(say), family_name or published.family_name
    family = family_named(family_name) if family_name else None
    hub_id = find_hub_id(str(source))
    files = find_files(_download(hub_id, published, say) if hub_id else Path(source))
    where = str(files.network)
    converted = _convert(files, family, network, say)
    _refuse_non_finite(converted, where)
    # Parse the card as loading does, so that femb never writes a card that it refuses to read.
    card = ModelCard.from_metadata(converted.card.to_metadata(), where)
    backbone = assemble_backbone(card.backbone, converted.tensors, where=where)
    if card.fingerprint:
        check_fingerprint(backbone, card.preprocessing, card.fingerprint, where)
    if converted.family is not None:
        sha256 = file_sha256(files.network)
        is_theirs = published is not None or is_published(sha256, hub_id.name if hub_id else None)
        card = card.with_source(**_describe_source(converted.family, files, sha256, is_theirs=is_theirs))
    if published is not None:
        card = card.with_source(training_data=published.training_data)
    if hub_id is not None:
        card = card.with_source(hub=str(source), revision=files.network.parent.name)
    classifier = None if converted.class_weights is None else {"weight": converted.class_weights.float()}
    return backbone, card, classifier


def _download(hub_id: HubId, published: PublishedModel | None, say: Say) -> Path:
    try:
        return download_weights(hub_id, say)
    except FembError as error:
        raise error if published is None else FembError(error.message, hint=published.by_hand) from error


def _convert(files: OfficialFiles, family: Family | None, network: str | None, say: Say) -> Converted:
    is_onnx = files.network.suffix == ".onnx"
    own_card = None if is_onnx or family else _read_own_card(files.network)
    if network is not None and (is_onnx or own_card):
        raise UsageError(f"--network {network}: {files.network} holds one network only")
    if is_onnx:
        return _convert_onnx(files.network, family, say)
    if own_card is not None:
        return _convert_own(files.network, own_card)
    return _convert_official(files, family, network, say)


def _convert_onnx(file: Path, family: Family | None, say: Say) -> Converted:
    """Convert an ONNX file: one of insightface's packs, another project's, or one that femb exported, with its card."""
    if family not in (None, INSIGHTFACE):
        raise FembError(f"{file} is not of the family {family.name}: it is an ONNX file")
    network = read_onnx_network(file)
    for text in network.left_out:
        say(f"the checkpoint leaves out {text}")
    if network.metadata.get("format") == FORMAT:
        card = replace(ModelCard.from_metadata(network.metadata, str(file)), backbone=network.config)
        return Converted(None, network.tensors, card)
    stated = read_stated_pixels(file)
    preprocessing = onnx_preprocessing(network, stated)
    if stated is None and family is None:
        say(
            f"{file} does not state its pixels: taken for one of insightface's, {describe_pixels(preprocessing)};"
            f" {stated_pixels_file(file).name} beside it can state others, --from insightface that it is one"
        )
    flip = INSIGHTFACE.flip if stated is None else stated.flip
    found = INSIGHTFACE if stated is None or family is not None else OTHER_ONNX
    return Converted(found, network.tensors, ModelCard(network.config, preprocessing, flip))


def _read_own_card(file: Path) -> ModelCard | None:
    """Read the card of a safetensors file that femb wrote; None for any other file."""
    try:
        metadata = read_metadata(file)
    except FembError:
        return None
    return ModelCard.from_metadata(metadata, str(file)) if metadata.get("format") == FORMAT else None


def _convert_own(file: Path, card: ModelCard) -> Converted:
    tensors = read_plain(file)
    refuse_unusual(tensors, str(file))
    return Converted(None, tensors, card)


def _convert_official(files: OfficialFiles, family: Family | None, network: str | None, say: Say) -> Converted:
    """Convert a file that an official program wrote with torch.save, safetensors or MXNet."""
    where = files.network
    content = read_plain(where)
    signs = Signs(names_beside(files.class_weights), files.settings)
    found = recognise(content, family, network, signs, where, say)
    preprocessing = _read_preprocessing(found, files, say)
    config, tensors, others = _rename(found, where)
    if found.architecture.first_layer and preprocessing.channel_order == "BGR":
        tensors = _reverse_input_channels(tensors, found.architecture.first_layer)
        preprocessing = replace(preprocessing, channel_order="RGB")
    class_weights = _read_class_weights(found.family, others, files, config.embedding_dim, say)
    settings = read_settings(content)
    num_identities = settings.num_identities if class_weights is None else len(class_weights)
    if settings.num_identities not in (None, num_identities):
        raise FembError(
            f"{where} states {settings.num_identities} identities but has class weights of {num_identities}"
        )
    card = ModelCard(
        config,
        preprocessing=replace(preprocessing, input_size=config.input_size),
        flip=found.family.flip,
        header=settings.header,
        num_identities=num_identities,
        magnitude_is_quality=(
            settings.header["name"] in QUALITY_HEADERS if settings.header else found.family.magnitude_is_quality
        ),
    )
    return Converted(found.family, tensors, card, class_weights)


def _read_preprocessing(found: Recognised, files: OfficialFiles, say: Say) -> Preprocessing:
    """Return the family's preprocessing; the colour order comes from the settings file, if the family has one."""
    preprocessing = found.family.preprocessing
    if found.family.assumed:
        say(f"assuming of {files.network}: {found.family.assumed}")
    if not found.family.has_colour_settings:
        return preprocessing
    channel_order = read_channel_order(files.settings)
    if channel_order is None:
        say(f"no model.yaml or config.json beside {files.network} states the colour order: assuming RGB")
    elif channel_order == "RGB" and files.settings is not None and files.settings.name == "config.json":
        say(f"{files.settings} states RGB, but CVLface's save_pretrained writes RGB for BGR networks, too")
    return replace(preprocessing, channel_order=channel_order or "RGB")


def _rename(found: Recognised, where: Path) -> tuple[BackboneConfig, dict[str, Tensor], dict[str, Tensor]]:
    """Return the network's configuration, its tensors under femb's names, and the tensors beside it."""
    family, architecture = found.family, found.architecture
    bn_eps = family.bn_eps_of(architecture)
    try:
        tensors = architecture.rename(found.network, bn_eps) if architecture.rename else found.network
        config = architecture.config(tensors, bn_eps)
    except KeyError as error:
        raise FembError(f"{where} looks like {family.name}'s weights, but has no tensor {error}") from error
    except (ValueError, IndexError, FembError) as error:
        raise FembError(f"{where} looks like {family.name}'s weights, but fits no network: {error}") from error
    tensors = _with_counters(tensors)
    header = _find_header(tensors, empty_backbone(config, where=str(where)).state_dict(), config.embedding_dim)
    others = {**found.others, **{name: tensors.pop(name) for name in header}}
    return config, tensors, others


def _find_header(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], embedding_dim: int) -> list[str]:
    """Return the names of a header among a network's tensors: one matrix that fits class weights, with what is its own.

    Any other tensor that the network does not have is left, so that it is refused.
    """
    left_over = [name for name in tensors if name not in own]
    matrices = [name for name in left_over if is_like_class_weights(tensors[name], embedding_dim)]
    if len(matrices) != 1:
        return []
    module = matrices[0].rpartition(".")[0]
    return [name for name in left_over if name == matrices[0] or (module and name.startswith(f"{module}."))]


def _reverse_input_channels(tensors: Mapping[str, Tensor], first_layer: str) -> dict[str, Tensor]:
    """Reverse the first layer's input channels, so that a network for BGR images takes RGB images.

    This is exact where mean and std are the same for the three colours.
    """
    return {**tensors, first_layer: tensors[first_layer].flip(1)}


def _with_counters(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add `num_batches_tracked` if no batch norm has it (torch before 0.4.1); no embedding depends on it."""
    if any(name.endswith(".num_batches_tracked") for name in tensors):
        return dict(tensors)
    norms = [name.removesuffix("running_mean") for name in tensors if name.endswith(".running_mean")]
    return {**tensors, **{f"{norm}num_batches_tracked": torch.tensor(0) for norm in norms}}


def _read_class_weights(
    family: Family, others: Mapping[str, Tensor], files: OfficialFiles, embedding_dim: int, say: Say
) -> Tensor | None:
    if files.class_weights:
        if family is CVLFACE and (processes := len(files.class_weights)) > 1:
            say(
                f"CVLface fills its class weights up to a multiple of its {processes} processes: up to {processes - 1}"
                " at the end may belong to nobody"
            )
        return class_weights_beside(files.class_weights, embedding_dim, family.class_weights_beside)
    return class_weights_inside(others, family, embedding_dim, files.network, say)


def _refuse_non_finite(converted: Converted, where: str) -> None:
    named = {**converted.tensors, "class weights": converted.class_weights}
    for name, tensor in named.items():
        if tensor is None or not tensor.is_floating_point() or not tensor.numel():
            continue
        # A NaN or infinity shows in the minimum or maximum; isfinite() on all values would allocate a mask.
        if not all(extreme.isfinite() for extreme in tensor.aminmax()):
            raise FembError(f"{where}: the tensor {name} holds values that are not finite")


def _describe_source(family: Family, files: OfficialFiles, sha256: str, *, is_theirs: bool) -> dict[str, str]:
    """Say where the weights come from: the family, and every file with its SHA-256, that of the network given.

    Its tensors show the family that a file is laid out for, not who trained it: so its repository and its licence are
    the weights' own only if `is_theirs`.
    """
    if is_theirs or family is OTHER_ONNX:
        origin = {"repository": family.repository, "license": family.license}
    else:
        origin = {"layout_of": family.repository, "license_of_authors": family.license}
    entries = {
        "family": family.name,
        **origin,
        "file": files.network.name,
        "sha256": sha256,
    }
    further = files.all[1:]
    if files.network.suffix == ".onnx":
        further = onnx_weight_files(read_onnx_model(files.network), files.network)
    return entries | {f"sha256 of {file.name}": file_sha256(file) for file in further}
