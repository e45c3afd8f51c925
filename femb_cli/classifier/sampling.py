"""Partial FC: a softmax over the classes of the batch and a random share of the others.

An, Deng, Guo, Feng, Zhu, Yang, Liu: Killing Two Birds with One Stone: Efficient and Robust Training of Face
Recognition CNNs by Partial FC, CVPR 2022, https://arxiv.org/abs/2203.15565, section 3.3.
"""

from torch import Tensor


def sample_rows(positives: Tensor, draw_C: Tensor, count: int) -> Tensor:
    """Choose classes: all positives, and of the others those with the largest draws, `count` together.

    Args:
        positives: numbers of the classes that have a sample in the batch, each once.
        draw_C: a number in [0, 1) for each class, which is overwritten for the positives.
        count: how many to choose; where there are more positives, they are chosen alone.

    Returns:
        Class numbers, ascending.
    """
    if len(positives) > count:
        return positives.sort().values
    draw_C[positives] = 2.0
    return draw_C.topk(count, sorted=False).indices.sort().values
