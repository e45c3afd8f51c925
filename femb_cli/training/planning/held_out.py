"""Hold out a share of the people of a training set, to verify the network on people that it has not seen (no torch).

Who is held out, and in which pairs, follows from the names of the people and images alone. So a resumed run holds out
the same people; runs with other settings and seeds can be compared; and a run that starts from the weights of another
one on the same training set verifies on nobody that the other was trained on.

Shapes: N images, C identities.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from femb_cli.checkpoints.runs import HELD_OUT, read_config
from femb_cli.config.schema import TrainConfig
from femb_cli.data.selected_rows import SelectedRows, WithoutIdentities
from femb_cli.data.source import ImageSource, names_of
from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.protocols import DEFAULT_PROTOCOL
from femb_cli.evaluation.text_column import TextColumn
from femb_cli.evaluation.verification.drawn_pairs import draw_pairs
from femb_cli.evaluation.verification.folds import default_folds
from femb_cli.evaluation.verification.open import PairSet
from femb_cli.evaluation.verification.pair_formats.line import inner_parts
from femb_cli.evaluation.verification.pairs import PairList, distinct_places
from femb_cli.progress import Say

NAME = "held-out"
"""Name of the held-out people in metrics and results, where others have the name of a benchmark."""

USUAL_SHARE, LARGEST_USUAL_SHARE = 0.02, 0.1
FEWEST_PEOPLE, MOST_PEOPLE = 10, 500
"""Limits of what is held out without being asked for: fewer people say little, and more cost training images."""

MOST_PAIRS = 3000
"""Of each kind, as in LFW."""
MOST_IMAGES = 20
"""Images of a person in pairs."""


@dataclass(frozen=True)
class HeldOut:
    """A training set without some of its people, and pairs of these.

    Attributes:
        training: the images of all others.
        pair_set: the pairs; its images are those in pairs.
        num_people: people held out.
        num_images: all of their images.
    """

    training: ImageSource
    pair_set: PairSet
    num_people: int
    num_images: int

    def pairs_of(self, run: Path) -> PairSet:
        """Return the pairs as those of the file in a run's directory."""
        return replace(self.pair_set, pairs=replace(self.pair_set.pairs, path=run / HELD_OUT))


def hold_out(
    config: TrainConfig, source: ImageSource | None, *, resumed: bool, say: Say
) -> tuple[TrainConfig, HeldOut | None]:
    """Hold out people as the configuration says, and tell the user.

    Args:
        config: the run's configuration.
        source: the training set; None if it is drawn.
        resumed: whether the run has begun before.
        say: prints a line for the user.

    Returns:
        The configuration, which for a new run on a dataset states the share; and what is held out, None if nobody is.
    """
    if source is None or source.identities is None:
        if config.validation.held_out and source is None:
            say("nobody is held out: drawn faces have a benchmark of other people")
        return config, None
    share = held_out_share(config, source, resumed=resumed)
    held_out = split(source, share) if share else None
    if resumed:
        return config, held_out
    people = len(source.identities.names)
    if held_out is not None:
        each = len(held_out.pair_set.pairs) // 2
        say(
            f"holding out {held_out.num_people} of {people:,} people ({held_out.num_images:,} images) to verify on, in"
            f" {each:,} genuine and {each:,} impostor pairs; --set validation.held_out=0 trains on everybody"
        )
    elif share:
        say(
            f"nobody is held out: {share:g} of {people:,} people, of whom {len(_suitable(source)):,} have two images or"
            " more, are fewer than two"
        )
    elif config.validation.held_out is None and config.validation.benchmarks is None and not config.init.classifier:
        say(
            f"nobody is held out to verify on: {people:,} people, of whom {len(_suitable(source)):,} have two images or"
            " more, are too few; --set validation.held_out=0.2 holds out a fifth"
        )
    return replace(config, validation=replace(config.validation, held_out=share)), held_out


def held_out_share(config: TrainConfig, source: ImageSource, *, resumed: bool) -> float:
    """Return the share of the people to hold out: what the configuration says, or what fits if it says nothing.

    A new run writes the share into its configuration, so a run whose configuration says nothing is of an older femb and
    held out nobody.

    Args:
        config: the run's configuration.
        source: the training set, with identities.
        resumed: whether the run has begun before.
    """
    assert source.identities is not None, "the source has identities"
    if config.validation.held_out is not None:
        return config.validation.held_out
    if resumed:
        return 0.0
    if config.init.classifier:
        return _share_of_class_weights(Path(config.init.checkpoint or ""))
    if config.validation.benchmarks is not None:
        return 0.0
    num_people, num_suitable = len(source.identities.names), len(_suitable(source))
    if num_suitable < FEWEST_PEOPLE or num_people * LARGEST_USUAL_SHARE < FEWEST_PEOPLE:
        return 0.0
    share = min(max(USUAL_SHARE, FEWEST_PEOPLE / num_people), MOST_PEOPLE / num_people)
    return float(f"{share:.3g}")


def _share_of_class_weights(checkpoint: Path) -> float:
    """Return the share that the run of a checkpoint has held out: class weights fit the people that it trained on."""
    try:
        return read_config(checkpoint).validation.held_out or 0.0
    except FembError:  # not femb's own, or of an older femb, which held out nobody
        return 0.0


def split(source: ImageSource, share: float) -> HeldOut | None:
    """Hold out a share of the people of a source with identities.

    Two or more people are left to train on.

    Returns:
        What is held out; None if it would be fewer than two people, or there is no pair of their images.
    """
    assert source.identities is not None, "the source has identities"
    names = source.identities.names
    suitable = _suitable(source)
    number = min(round(share * len(names)), len(suitable), len(names) - 2)
    if number < 2:
        return None
    people = sorted(suitable.tolist(), key=lambda person: _draw(names[person]))[:number]
    held_C1 = np.zeros(len(names) + 1, dtype=bool)  # the last entry is for images without an identity, label -1
    held_C1[people] = True
    rows_N = np.flatnonzero(held_C1[source.identities.labels_N])
    pair_set = _draw_pair_set(source, rows_N)
    return HeldOut(WithoutIdentities(source, people), pair_set, number, len(rows_N)) if len(pair_set.pairs) else None


def _suitable(source: ImageSource) -> NDArray[np.int64]:
    """Return the numbers of the people who have two images or more, and a name that can stand in a list of pairs."""
    assert source.identities is not None, "the source has identities"
    names, labels_N = source.identities.names, source.identities.labels_N
    counts_C = np.bincount(labels_N[labels_N >= 0], minlength=len(names))
    return np.array([person for person in np.flatnonzero(counts_C >= 2).tolist() if _is_plain(names[person])], np.int64)


def _draw(name: str) -> int:
    """Return a number that looks random and depends on a name alone; the smallest ones are held out.

    So more people in a training set, or a larger share, change little in who is held out.
    """
    return xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogatepass"))


def _is_plain(name: str) -> bool:
    """Whether a list of pairs keeps a name as it is."""
    return name != "" and name == name.strip() and name.isprintable()


def _is_plain_path(name: str) -> bool:
    """Whether a list of pairs keeps the name of an image as it is."""
    return _is_plain(name) and "/".join(inner_parts(name)) == name


def _draw_pair_set(source: ImageSource, rows_N: NDArray[np.int64]) -> PairSet:
    """Draw pairs of the images in some rows."""
    assert source.identities is not None, "the source has identities"
    rows_N = _first_images(np.random.default_rng(0).permutation(rows_N), source.identities.labels_N)
    names = names_of(source, rows_N)
    places = [place for place in distinct_places(names) if _is_plain_path(names[place])]
    labels_N = source.identities.labels_N[rows_N[places]]
    drawn = draw_pairs(labels_N, MOST_PAIRS)
    people = [source.identities.names[label] for label in labels_N.tolist()]
    sides = (drawn.left_P, drawn.right_P)
    left, right = ([places[place] for place in side.tolist()] for side in sides)
    left_names, right_names = TextColumn.of_both(*([names[place] for place in side] for side in (left, right)))
    pairs = PairList(
        left=left_names,
        right=right_names,
        genuine_N=drawn.genuine_P,
        folds_N=default_folds(drawn.genuine_P),
        lines_N=np.arange(2, len(left) + 2),  # below the table's header
        path=Path(HELD_OUT),
        stated_subjects=TextColumn.of_both(*([people[place] for place in side.tolist()] for side in sides)),
    )
    used = sorted({*left, *right})
    images = SelectedRows(source, rows_N[used], names=[names[place] for place in used])
    return PairSet(NAME, "people held out from training", pairs, images, DEFAULT_PROTOCOL)


def _first_images(rows_N: NDArray[np.int64], labels_N: np.ndarray) -> NDArray[np.int64]:
    """Return the first rows of each person, `MOST_IMAGES` at most, sorted."""
    sorted_N = rows_N[np.argsort(labels_N[rows_N], kind="stable")]
    _, first, counts = np.unique(labels_N[sorted_N], return_index=True, return_counts=True)
    number_N = np.arange(len(sorted_N)) - np.repeat(first, counts)
    return np.sort(sorted_N[number_N < MOST_IMAGES])
