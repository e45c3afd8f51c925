"""Plain softmax, the baseline without a margin: logit = <w, x>, on raw embeddings and class weights."""

from femb_cli.headers.header import Header


class Linear(Header):
    """The raw inner product; nothing is normalised."""

    normalized = False
