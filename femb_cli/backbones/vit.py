"""ViT, arcface_torch's vision transformer; it has no class token and computes the embedding from all tokens.

Dosovitskiy et al.: An Image is Worth 16x16 Words, ICLR 2021, https://arxiv.org/abs/2010.11929, equations 1 to 3, with
ReLU6 instead of GELU and no bias in query, key and value. Two regularisers act in training only:

- Stochastic depth: Huang, Sun, Liu, Sedra, Weinberger: Deep Networks with Stochastic Depth, ECCV 2016,
  https://arxiv.org/abs/1603.09382, section 3: an image skips a block with a probability that grows with depth.
- Masking: He, Chen, Xie, Li, Dollár, Girshick: Masked Autoencoders Are Scalable Vision Learners, CVPR 2022,
  https://arxiv.org/abs/2111.06377, section 3: the blocks process a random subset of the tokens; after them, a learned
  mask token takes the place of the others.

The caller chooses the precision; arcface_torch's network always uses autocast.

Tensor names are those of the published weights (arcface_torch).

Shapes: B images, N tokens, K tokens kept, F features of a token, H heads, f features of a head, D embedding dimension.
N is the square of input_size // 9: 144 for 112 pixels (the last four are ignored), 576 for 224 pixels. The positional
embedding and the first layer of the head depend on N, so weights work for one image size only.

CVLface's two sizes have patches of 8 pixels. TransFace weighs the tokens by a gate before the head:

Dan et al.: TransFace, ICCV 2023, https://arxiv.org/abs/2308.10133, section 3.3.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from femb_cli.backbones.backbone import Backbone
from femb_cli.backbones.dropout import PlaceDraws


@dataclass(frozen=True)
class Size:
    """The size of a ViT.

    Attributes:
        features: F, of a token.
        depth: number of blocks.
        heads: H, of the attention.
        expansion: width of the hidden layer of a block, as a multiple of the features.
        patch: height and width of a patch, pixels.
    """

    features: int
    depth: int
    heads: int = 8
    expansion: int = 4
    patch: int = 9

    def num_tokens(self, input_size: int) -> int:
        """Return N for images of this height and width."""
        return (input_size // self.patch) ** 2


SIZES = {
    "vit_t": Size(256, 12),
    "vit_s": Size(512, 12),
    "vit_b": Size(512, 24),
    "vit_l": Size(768, 24),
    "vit_h": Size(1024, 48),
    "vit_s_p8": Size(512, 12, expansion=5, patch=8),
    "vit_b_p8": Size(512, 24, heads=16, expansion=3, patch=8),
}


class ViT(Backbone):
    """The vision transformer, by size.

    Args:
        name: the size, a key of `SIZES`.
        embedding_dim: D.
        input_size: height and width of the images, at least a patch.
        drop_path: probability in training that an image skips the attention or the MLP of the last block; it rises
            linearly from 0 in the first block.
        mask_ratio: share of the tokens that are masked in training.
        weighs_tokens: whether a gate multiplies each token by a factor before the head.
        bn_eps: epsilon of the head's two batch norms.
    """

    def __init__(
        self,
        name: str,
        embedding_dim: int,
        input_size: int,
        drop_path: float,
        mask_ratio: float,
        weighs_tokens: bool,
        bn_eps: float,
    ) -> None:
        super().__init__()
        self.embedding_dim, self.input_size, self.mask_ratio = embedding_dim, input_size, mask_ratio
        self.masking = PlaceDraws()
        size = SIZES[name]
        features, depth, num_tokens = size.features, size.depth, size.num_tokens(input_size)
        self.pos_embed = nn.Parameter(torch.empty(1, num_tokens, features))
        # DistributedDataParallel expects a gradient for every parameter that requires one.
        self.mask_token = nn.Parameter(torch.empty(1, 1, features), requires_grad=mask_ratio > 0)
        self.patch_embed = PatchEmbedding(features, size.patch)
        self.blocks = nn.Sequential(*(Block(size, drop_path * index / (depth - 1)) for index in range(depth)))
        self.norm = nn.LayerNorm(features)
        self.senet = _token_gate(num_tokens, features) if weighs_tokens else None
        self.feature = nn.Sequential(
            nn.Linear(num_tokens * features, features, bias=False),
            nn.BatchNorm1d(features, eps=bn_eps),
            nn.Linear(features, embedding_dim, bias=False),
            nn.BatchNorm1d(embedding_dim, eps=bn_eps),
        )

    def blocks_to_recompute(self) -> list[nn.Module]:
        """Return the transformer blocks."""
        return list(self.blocks)

    def init_weights(self) -> None:
        """Draw all weights from a truncated normal distribution; biases start at 0."""
        for parameter in (self.pos_embed, self.mask_token):
            nn.init.trunc_normal_(parameter, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Map preprocessed images to raw embeddings (B, D)."""
        x_BNF = self.patch_embed(images_B3HW) + self.pos_embed
        x_BNF = self._blocks_of_a_subset(x_BNF) if self.training and self.mask_ratio > 0 else self.blocks(x_BNF)
        x_BNF = self.norm(x_BNF)
        if self.senet is not None:
            x_BNF = x_BNF * self.senet(x_BNF.flatten(1))[:, :, None]
        return self.feature(x_BNF.flatten(1))

    def _blocks_of_a_subset(self, x_BNF: Tensor) -> Tensor:
        """Apply the blocks to a random subset of each image's tokens and put the mask token in place of the others."""
        num_tokens = x_BNF.shape[1]
        num_kept = max(1, int(num_tokens * (1 - self.mask_ratio)))
        kept_BK = self.masking.draw(num_tokens, x_BNF).topk(num_kept).indices
        kept_BKF = kept_BK[:, :, None].expand(-1, -1, x_BNF.shape[2])
        seen_BKF = self.blocks(x_BNF.gather(1, kept_BKF))
        return self.mask_token.expand_as(x_BNF).scatter(1, kept_BKF, seen_BKF)


def _token_gate(num_tokens: int, features: int) -> nn.Sequential:
    """Return the layers that compute a factor for each token from all tokens: (B, N * F) to (B, N)."""
    first = nn.Linear(num_tokens * features, num_tokens, bias=False)
    return nn.Sequential(first, nn.ReLU(), nn.Linear(num_tokens, num_tokens, bias=False), nn.Sigmoid())


class PatchEmbedding(nn.Module):
    """A linear map of each square patch; pixels right of and below the last whole patch are ignored."""

    def __init__(self, features: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, features, patch, stride=patch)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Map images to tokens (B, N, F), row by row."""
        return self.proj(images_B3HW).flatten(2).transpose(1, 2)


class Block(nn.Module):
    """A transformer block: self-attention, then an MLP, each after a layer norm and with a shortcut around both."""

    def __init__(self, size: Size, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.features)
        self.norm2 = nn.LayerNorm(size.features)
        self.attn = Attention(size.features, size.heads)
        self.mlp = Mlp(size.features, size.expansion)
        self.drop_path = drop_path
        self.skipping = PlaceDraws()

    def forward(self, x_BNF: Tensor) -> Tensor:
        """Keep the shape."""
        if not self.training or not self.drop_path:
            x_BNF = x_BNF + self.attn(self.norm1(x_BNF))
            return x_BNF + self.mlp(self.norm2(x_BNF))
        # The updates of some images are 0, and the others' are scaled up, so that the mean stays the same.
        keep_B2 = self.skipping.keep(2, self.drop_path, x_BNF)
        x_BNF = x_BNF + self.attn(self.norm1(x_BNF)) * keep_B2[:, :1, None]
        return x_BNF + self.mlp(self.norm2(x_BNF)) * keep_B2[:, 1:, None]


class Attention(nn.Module):
    """Multi-head self-attention; scores and softmax are computed in float32 or float64, also under autocast."""

    def __init__(self, features: int, heads: int = 8) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(features, 3 * features, bias=False)
        self.proj = nn.Linear(features, features)

    def forward(self, x_BNF: Tensor) -> Tensor:
        """Keep the shape."""
        qkv_BN3F = self.qkv(x_BNF)
        precise = qkv_BN3F.to(torch.promote_types(qkv_BN3F.dtype, torch.float32))
        query_BHNf, key_BHNf, value_BHNf = precise.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()
        with _without_autocast(x_BNF.device.type):
            mixed_BHNf = F.scaled_dot_product_attention(query_BHNf, key_BHNf, value_BHNf)
        return self.proj(mixed_BHNf.transpose(1, 2).flatten(2).to(qkv_BN3F.dtype))


def _without_autocast(device: str) -> AbstractContextManager[object]:
    """Disable autocast on devices that support it; the meta device does not."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class Mlp(nn.Module):
    """Two linear layers around a ReLU6."""

    def __init__(self, features: int, expansion: int = 4) -> None:
        super().__init__()
        self.fc1 = nn.Linear(features, expansion * features)
        self.fc2 = nn.Linear(expansion * features, features)

    def forward(self, x_BNF: Tensor) -> Tensor:
        """Keep the shape."""
        return self.fc2(F.relu6(self.fc1(x_BNF)))
