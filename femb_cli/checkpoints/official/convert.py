"""From official weights to a femb checkpoint."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from femb_cli.checkpoints.card import FORMAT, QUALITY_HEADERS, ModelCard
from femb_cli.checkpoints.fingerprint import check_fingerprint
from femb_cli.checkpoints.official.class_weights import class_weights_beside, class_weights_inside, name_beside
from femb_cli.checkpoints.official.families import CVLFACE, INSIGHTFACE
from femb_cli.checkpoints.official.family import Family
from femb_cli.checkpoints.official.files.checkpoint_files import OfficialFiles, find_files
from femb_cli.checkpoints.official.files.hub import download_weights, is_hub_id
from femb_cli.checkpoints.official.files.reading import read_plain
from femb_cli.checkpoints.official.files.sidecar import stated_colours, stated_training
from femb_cli.checkpoints.official.files.state_dict import refuse_unusual
from femb_cli.checkpoints.official.networks.ir import reverse_input_channels
from femb_cli.checkpoints.official.onnx.network import read_onnx_network
from femb_cli.checkpoints.official.recognise import Recognised, family_named, recognise
from femb_cli.checkpoints.store import assemble_backbone, read_metadata, save_checkpoint
from femb_cli.config.schema import BackboneConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError, UsageError
from femb_cli.files import file_sha256, refuse_existing
from femb_cli.progress import Say


@dataclass(frozen=True)
class Converted:
    """A network under femb's names.

    Attributes:
        family: whose it was; None if femb itself wrote the file, whose card then has its source.
        tensors: its state dict.
        card: what it is; the source of a family's is added when it is written.
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
    overwrite: bool = False,
    say: Say = warnings.warn,
) -> ModelCard:
    """Read official weights, check that every tensor fits, and write a femb checkpoint.

    Args:
        source: a file, a folder with one network and what belongs to it, or "owner/name" on the Hugging Face Hub. What
            femb itself has written keeps its card.
        destination: the checkpoint folder to make.
        family_name: a key of `FAMILIES` or the beginning of one; None to recognise it by the tensors.
        overwrite: replace an existing folder.
        say: called with warnings on what the files do not tell.

    Raises:
        FembError: the files are no checkpoint, of no known family, or their tensors do not fit.
    """
    refuse_existing(destination, overwrite=overwrite)
    family = family_named(family_name) if family_name else None
    on_hub = is_hub_id(Path(source))
    files = find_files(download_weights(str(source), say) if on_hub else Path(source))
    where = str(files.network)
    if files.network.suffix == ".onnx":
        converted = _convert_onnx(files, family)
    elif family is None and (card := _own_card(files.network)) is not None:
        converted = _convert_own(files.network, card)
    else:
        converted = _convert(files, family, say)
    _refuse_non_finite(converted, where)
    backbone = assemble_backbone(converted.card.backbone, converted.tensors, where=where)
    card = converted.card
    if card.fingerprint:
        check_fingerprint(backbone, card.preprocessing, card.fingerprint, where)
    if converted.family is not None:
        card = card.with_source(**_source(converted.family, files))
    if on_hub:
        card = card.with_source(hub=str(source), revision=files.network.parent.name)
    classifier = None if converted.class_weights is None else {"weight": converted.class_weights.float()}
    # As it will be read, so that nothing is written which is refused later.
    card = ModelCard.from_metadata(card.to_metadata(), where)
    return save_checkpoint(destination, backbone, card, classifier=classifier, overwrite=overwrite)


def _own_card(file: Path) -> ModelCard | None:
    """The card of a safetensors file that femb wrote, from the Hub say; None for any other file."""
    try:
        metadata = read_metadata(file)
    except FembError:
        return None
    return ModelCard.from_metadata(metadata, str(file)) if metadata.get("format") == FORMAT else None


def _convert_own(file: Path, card: ModelCard) -> Converted:
    tensors = read_plain(file)
    refuse_unusual(tensors, str(file))
    return Converted(None, tensors, card)


def _convert(files: OfficialFiles, family: Family | None, say: Say) -> Converted:
    """Convert what torch.save or safetensors wrote."""
    where = files.network
    content = read_plain(where)
    found = recognise(content, family, name_beside(files.class_weights), where, say)
    preprocessing = _preprocessing(found, files, say)
    config, tensors = _to_femb(found, where)
    if found.architecture.folds_colours and preprocessing.channel_order == "BGR":
        tensors, preprocessing = reverse_input_channels(tensors), replace(preprocessing, channel_order="RGB")
    class_weights = _class_weights(found, files, config.embedding_dim)
    training = stated_training(content)
    num_identities = training.num_identities if class_weights is None else len(class_weights)
    if training.num_identities not in (None, num_identities):
        raise FembError(
            f"{where} states {training.num_identities} identities but has class weights of {num_identities}"
        )
    card = ModelCard(
        config,
        preprocessing=replace(preprocessing, input_size=config.input_size),
        flip=found.family.flip,
        header=training.header,
        num_identities=num_identities,
        magnitude_is_quality=(
            training.header["name"] in QUALITY_HEADERS if training.header else found.family.magnitude_is_quality
        ),
    )
    return Converted(found.family, tensors, card, class_weights)


def _convert_onnx(files: OfficialFiles, family: Family | None) -> Converted:
    """Convert an ONNX file; one that femb has exported keeps its card."""
    if family not in (None, INSIGHTFACE):
        raise FembError(f"{files.network} is not of the family {family.name}: it is an ONNX file")
    network = read_onnx_network(files.network)
    if network.metadata.get("format") == FORMAT:
        card = replace(ModelCard.from_metadata(network.metadata, str(files.network)), backbone=network.config)
        return Converted(None, network.tensors, card)
    usual = INSIGHTFACE.preprocessing
    preprocessing = Preprocessing(
        input_size=network.config.input_size, mean=network.mean or usual.mean, std=network.std or usual.std
    )
    return Converted(INSIGHTFACE, network.tensors, ModelCard(network.config, preprocessing, INSIGHTFACE.flip))


def _preprocessing(found: Recognised, files: OfficialFiles, say: Say) -> Preprocessing:
    """The family's; CVLface states the order of colours for every network."""
    preprocessing = found.family.preprocessing
    if found.family is not CVLFACE:
        return preprocessing
    colours = stated_colours(files.settings)
    if colours is None:
        say(f"no model.yaml or config.json beside {files.network} states the order of colours: taken for RGB")
    elif colours == "RGB" and files.settings is not None and files.settings.name == "config.json":
        say(f"{files.settings} states RGB, as CVLface's save_pretrained writes it for networks that see BGR, too")
    return replace(preprocessing, channel_order=colours or "RGB")


def _to_femb(found: Recognised, where: Path) -> tuple[BackboneConfig, dict[str, Tensor]]:
    """The network's configuration, and its tensors under femb's names."""
    family, architecture = found.family, found.architecture
    try:
        tensors = architecture.rename(found.network, family.bn_eps) if architecture.rename else found.network
        config = architecture.config(tensors, family.bn_eps)
    except KeyError as error:
        raise FembError(f"{where} looks like {family.name}'s weights, but has no tensor {error}") from error
    except (ValueError, IndexError, UsageError) as error:
        raise FembError(f"{where} looks like {family.name}'s weights, but fits no network: {error}") from error
    known = {*family.ignored, *(weights.name for weights in family.class_weights)}
    left_over = {name: tensor for name, tensor in found.others.items() if name not in known}
    return config, _with_counters({**tensors, **left_over})


def _with_counters(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add the counters of batch norms where there are none at all, as before torch 0.4.1; no result depends on them."""
    if any(name.endswith(".num_batches_tracked") for name in tensors):
        return dict(tensors)
    norms = [name.removesuffix("running_mean") for name in tensors if name.endswith(".running_mean")]
    return {**tensors, **{f"{norm}num_batches_tracked": torch.tensor(0) for norm in norms}}


def _class_weights(found: Recognised, files: OfficialFiles, embedding_dim: int) -> Tensor | None:
    if files.class_weights:
        return class_weights_beside(files.class_weights, embedding_dim, found.family.class_weights_beside)
    weights = class_weights_inside(found.family, found.others)
    if weights is not None and weights.shape[1:] != (embedding_dim,):
        raise FembError(
            f"{files.network} has class weights (identities, numbers) of the shape {tuple(weights.shape)} for"
            f" embeddings of {embedding_dim}"
        )
    return weights


def _refuse_non_finite(converted: Converted, where: str) -> None:
    named = {**converted.tensors, "class weights": converted.class_weights}
    for name, tensor in named.items():
        if tensor is None or not tensor.is_floating_point() or not tensor.numel():
            continue
        # The extremes tell (NaN is both), and need no mask of the tensor's size.
        if not all(extreme.isfinite() for extreme in tensor.aminmax()):
            raise FembError(f"{where}: the tensor {name} holds values that are not finite")


def _source(family: Family, files: OfficialFiles) -> dict[str, str]:
    """Where the weights come from: every file with its SHA-256."""
    facts = {
        "family": family.name,
        "repository": family.repository,
        "license": family.license,
        "file": files.network.name,
        "sha256": file_sha256(files.network),
    }
    return facts | {f"sha256 of {file.name}": file_sha256(file) for file in files.all[1:]}
