"""ElasticFace: a random margin for each sample.

Boutros, Damer, Kirchbuchner, Kuijper: ElasticFace: Elastic Margin Loss for Deep Face Recognition, CVPRW 2022,
https://arxiv.org/abs/2109.09416, equations 6 (arc) and 7 (cos): ArcFace and CosFace with a margin that is drawn
from the normal distribution N(m, std) for each sample of each batch. The "plus" variants assign the drawn margins by
the target's cosine: the largest cosine gets the smallest margin.

The authors' code indexes the sorted margins with the sorting order of the cosines instead of its inverse, so that
margins and cosines are unrelated; `official_order` reproduces that.
"""

import torch
from torch import Tensor

from femb_cli.headers.angle import add_angle
from femb_cli.headers.header import Header
from femb_cli.runtime.place_draws import normal, place_keys

PUBLISHED_MARGIN = {"arc": 0.5, "cos": 0.35}
PUBLISHED_STD = {("arc", False): 0.05, ("cos", False): 0.05, ("arc", True): 0.0175, ("cos", True): 0.02}


class ElasticFace(Header):
    """ElasticFace.

    The margins of a batch whose places are known, see `seed`, depend on the place of a sample in it; those of other
    batches come from a separate generator, which torch's global generator seeds once.

    Args:
        kind: `arc` adds the margin to the angle (radians), `cos` subtracts it from the cosine.
        scale: s.
        margin: mean of the margins; None takes the published value.
        std: standard deviation of the margins; None takes the published value.
        plus: assign the margins by the target's cosine.
        official_order: assign them as the authors' code does.
    """

    def __init__(
        self, kind: str, scale: float, margin: float | None, std: float | None, plus: bool, official_order: bool
    ) -> None:
        super().__init__(scale)
        self.kind = kind
        self.mean_margin = PUBLISHED_MARGIN[kind] if margin is None else margin
        self.std = PUBLISHED_STD[kind, plus] if std is None else std
        self.plus = plus
        self.official_order = official_order
        self.seed(int(torch.randint(2**31, ())))

    def seed(self, seed: int, places_B: Tensor | None = None) -> None:
        """Seed the draws of the next batch."""
        self.generator = torch.Generator().manual_seed(seed)
        self.key_B = None if places_B is None else place_keys(seed, places_B)

    def draw_margins(self, cosine_B: Tensor) -> Tensor:
        """Draw one margin for each sample, (B,), the same ones on every device."""
        key_B = self.key_B
        if key_B is None:
            key_B = torch.randint(2**32, (len(cosine_B),), generator=self.generator)
        normal_B = normal(key_B).to(cosine_B)
        margin_B = self.mean_margin + self.std * normal_B
        if not self.plus:
            return margin_B
        return assign_as_published(margin_B, cosine_B) if self.official_order else assign_by_cosine(margin_B, cosine_B)

    def target(self, cosine_B: Tensor, magnitude_B: Tensor) -> Tensor:
        """cos(theta + M) or cos(theta) - M, with margins M drawn for this batch."""
        margin_B = self.draw_margins(cosine_B.detach())
        return add_angle(cosine_B, margin_B) if self.kind == "arc" else cosine_B - margin_B


def assign_by_cosine(margin_B: Tensor, cosine_B: Tensor) -> Tensor:
    """Assign the margins so that the largest cosine gets the smallest one."""
    order_B = cosine_B.argsort(descending=True)
    return torch.empty_like(margin_B).scatter(0, order_B, margin_B.sort().values)


def assign_as_published(margin_B: Tensor, cosine_B: Tensor) -> Tensor:
    """Index the sorted margins with the sorting order of the cosines, as the authors' code does."""
    return margin_B.sort().values[cosine_B.argsort(descending=True)]
