"""Partial FC: a softmax over the identities of the batch and a random share of all others.

An, Deng, Guo, Feng, Zhu, Yang, Liu: Killing Two Birds with One Stone: Efficient and Robust Training of Face
Recognition CNNs by Partial FC, CVPR 2022, https://arxiv.org/abs/2203.15565, section 3.3.
"""

from torch import Tensor


def sample_rows(positives: Tensor, draw_C: Tensor, count: int) -> Tensor:
    """Choose classes: all positives, then those with the largest draws.

    Args:
        positives: rows of the classes that have a sample in the batch, each once.
        draw_C: a random number in [0, 1) for each class; those of the positives are overwritten.
        count: number of classes to choose. If there are more positives, exactly the positives are chosen.

    Returns:
        Rows of the chosen classes, ascending.
    """
    if len(positives) > count:
        return positives.sort().values
    draw_C[positives] = 2.0
    return draw_C.topk(count, sorted=False).indices.sort().values
