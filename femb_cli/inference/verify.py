"""Verify a model on images: embed the images of the pairs, then score the pairs."""

from typing import Any, Literal

import numpy as np

from femb_cli.data.source import names_of
from femb_cli.evaluation.metrics.protocols import check_protocol
from femb_cli.evaluation.verification.open import PairSet
from femb_cli.evaluation.verification.result import ScoredPairs, Verification, find_images, score_embedded, with_metrics
from femb_cli.evaluation.verification.score import EmbeddedPairs
from femb_cli.inference.cache import embed_with_cache
from femb_cli.inference.embed import embed_source
from femb_cli.inference.embedder import Embedder
from femb_cli.progress import Progress

Flip = Literal["none", "sum"]
"""Embed the image alone, or add the embedding of its mirror image."""


def verify(
    embedder: Embedder,
    pair_set: PairSet,
    *,
    flip: Flip | None = None,
    batch_size: int | None = None,
    use_cache: bool = False,
    progress: Progress | None = None,
) -> Verification:
    """Embed the images of the pairs and score the pairs; arguments and errors as `score`, and as `with_metrics`."""
    scored = score(
        embedder,
        pair_set,
        flip=flip,
        batch_size=batch_size,
        use_cache=use_cache,
        progress=progress,
        allow_missing=False,
    )
    return with_metrics(scored)


def score(
    embedder: Embedder,
    pair_set: PairSet,
    *,
    flip: Flip | None = None,
    batch_size: int | None = None,
    use_cache: bool = False,
    allow_missing: bool = False,
    progress: Progress | None = None,
) -> ScoredPairs:
    """Embed the images of the pairs and compute the cosine of each pair.

    Args:
        embedder: the model.
        pair_set: the pairs and their images.
        flip: None for the model's own convention, except that MagFace's protocols never use mirror images.
        batch_size: images in a batch; None for the embedder's.
        use_cache: take embeddings from the cache, and store new ones there.
        allow_missing: leave out the pairs of which an image is missing.
        progress: called with the number of images done, and the total.

    Raises:
        FembError: a pair names a missing image, or an image cannot be read.
    """
    check_protocol(pair_set.protocol)
    found = find_images(pair_set.pairs, pair_set.images.names, allow_missing=allow_missing)
    used_N, places_N = np.unique(np.concatenate([found.left_N, found.right_N]), return_inverse=True)
    chosen = flip or ("none" if pair_set.protocol.startswith("magface") else embedder.flip)
    settings: dict[str, Any] = {"batch_size": batch_size, "flip": chosen == "sum", "progress": progress}
    if use_cache:
        rows_ND = embed_with_cache(embedder, pair_set.images, used_N, **settings)
    else:
        embedder.expect(len(used_N), flip=chosen == "sum", batch_size=batch_size or embedder.batch_size)
        rows_ND = embed_source(embedder, pair_set.images, used_N, **settings).rows_ND
    num_pairs = len(found.pairs)
    return score_embedded(
        ScoredPairs(
            benchmark=pair_set.name,
            title=pair_set.title,
            model=embedder.name,
            flip=chosen,
            scores_N=np.empty(0),
            pairs=found.pairs,
            protocol=pair_set.protocol,
            embedded=EmbeddedPairs(rows_ND, places_N[:num_pairs], places_N[num_pairs:]),
            images=pair_set.images,
            card=embedder.facts,
            fingerprint=embedder.fingerprint,
            listed=found.listed,
            listed_N=found.listed_N,
        ),
        names_of(pair_set.images, used_N),
    )
