"""All settings of a training run, each with its type, its range and its default.

Every section is a frozen dataclass. Headers, backbones, data, optimizers and the operations of the augmentation are
unions: `name` chooses the dataclass (the first of the union where it is left out), and `implementation` says which
class or function is called to build it. A new header is one more dataclass in the union. Angles of headers are in
radians, those of the augmentation in degrees; magnitudes are L2 norms of raw embeddings.
"""

from dataclasses import dataclass, field, fields
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

from femb_cli.config.section import ByName, Duration, Section
from femb_cli.errors import UsageError

LARGEST_FLOAT = 1e30
"""float32, in which training computes, ends at 3.4e38."""
LARGEST_INT = 2**53
"""Up to here every whole number is also a float64, in which schedules compute."""

Positive = Annotated[float, Gt(0), Le(LARGEST_FLOAT)]
NonNegative = Annotated[float, Ge(0), Le(LARGEST_FLOAT)]
Probability = Annotated[float, Ge(0), Le(1)]
Count = Annotated[int, Gt(0), Le(LARGEST_INT)]
CountOrZero = Annotated[int, Ge(0), Le(LARGEST_INT)]
EmbeddingDim = Annotated[int, Gt(0), Le(2**16)]
PartOfRun = Annotated[float | str, Duration()]
"""A length within a run: a share of it (0.1), `1000 steps` or `2 epochs`."""

# --- headers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LinearConfig(Section):
    """Plain softmax: the raw inner product of embedding and class weight, no margin."""

    name: Literal["linear"] = "linear"
    implementation: ClassVar[str] = "femb_cli.headers.linear:Linear"


@dataclass(frozen=True)
class ArcFaceConfig(Section):
    """ArcFace (Deng et al., CVPR 2019): the margin is added to the target's angle."""

    name: Literal["arcface"] = "arcface"
    scale: Positive = 64.0
    margin: NonNegative = 0.5
    gradient: Literal["exact", "official"] = "exact"
    """`exact`: the gradient of the formula; `official`: that of the plain cosine, as in arcface_torch."""
    interclass_filter: Probability | None = None
    """Ignore other classes whose cosine is above this: probably the same person under two labels; null: ignore none."""
    implementation: ClassVar[str] = "femb_cli.headers.arcface:ArcFace"


@dataclass(frozen=True)
class CosFaceConfig(Section):
    """CosFace (Wang et al., CVPR 2018): the margin is subtracted from the target's cosine."""

    name: Literal["cosface"] = "cosface"
    scale: Positive = 64.0
    margin: NonNegative = 0.35
    interclass_filter: Probability | None = None
    """Ignore other classes whose cosine is above this: probably the same person under two labels; null: ignore none."""
    implementation: ClassVar[str] = "femb_cli.headers.cosface:CosFace"


@dataclass(frozen=True)
class CombinedConfig(Section):
    """SphereFace's, ArcFace's and CosFace's margins combined (Deng et al., CVPR 2019): cos(m1 theta + m2) - m3."""

    name: Literal["combined"] = "combined"
    scale: Positive = 64.0
    m1: Positive = 1.0
    """Factor on the target's angle."""
    m2: NonNegative = 0.5
    """Added to the target's angle, radians."""
    m3: NonNegative = 0.0
    """Subtracted from the target's cosine."""
    gradient: Literal["exact", "official"] = "exact"
    """`exact`: the gradient of the formula; `official`: that of the plain cosine, as in arcface_torch."""
    interclass_filter: Probability | None = None
    """Ignore other classes whose cosine is above this: probably the same person under two labels; null: ignore none."""
    implementation: ClassVar[str] = "femb_cli.headers.combined:Combined"


@dataclass(frozen=True)
class SphereFaceConfig(Section):
    """SphereFace (Liu et al., CVPR 2017): the margin multiplies the target's angle."""

    name: Literal["sphereface"] = "sphereface"
    scale: Positive | None = 30.0
    """null: the embedding's own magnitude, as in the paper (A-Softmax)."""
    margin: Annotated[float, Ge(1)] = 1.7
    variant: Literal["psi", "capped", "negatives"] = "psi"
    """`psi`: the paper's function, which falls from 0 to 180 degrees. SphereFace-R's two: `capped` multiplies the
    target's angle up to 180 degrees, `negatives` divides the other classes' angles instead."""
    annealing: NonNegative = 0.0
    """Constant weight of the target without margin against the one with margin (lambda of A-Softmax)."""
    gradient: Literal["exact", "official"] = "exact"
    """`exact`: the gradient of the formula; `official`: that of the plain cosine, as in opensphere."""
    implementation: ClassVar[str] = "femb_cli.headers.sphereface:SphereFace"

    def __post_init__(self) -> None:
        """Refuse an annealing that has no effect."""
        if self.variant == "negatives" and self.annealing:
            raise UsageError(
                f"sphereface: annealing = {self.annealing:g} has no effect in the variant 'negatives'",
                hint="annealing weakens the target's margin, and that variant has none; leave it at 0",
            )


@dataclass(frozen=True)
class MagFaceConfig(Section):
    """MagFace (Meng et al., CVPR 2021): the margin grows with the magnitude, which becomes a measure of quality."""

    name: Literal["magface"] = "magface"
    kind: Literal["arc", "cos"] = "arc"
    """`arc`: the margin is added to the angle; `cos`: it is subtracted from the cosine (published with
    l_margin 0.35 and lambda_g 150)."""
    scale: Positive = 64.0
    l_a: Positive = 10.0
    """Lower bound of the magnitude."""
    u_a: Positive = 110.0
    """Upper bound of the magnitude."""
    l_margin: NonNegative = 0.45
    """Margin at the lower bound: radians for `arc`, a difference of cosines for `cos`."""
    u_margin: NonNegative = 0.8
    """Margin at the upper bound."""
    lambda_g: NonNegative = 35.0
    """Weight of the regulariser on the magnitude; a run warns if it is below the paper's bound (22.6 by default)."""
    easy_margin: bool = True
    """For `arc`. `true`: apply the margin only to target angles below 90 degrees; `false`: to all, and continue the
    curve linearly where angle and margin exceed 180 degrees."""
    implementation: ClassVar[str] = "femb_cli.headers.magface:MagFace"

    def __post_init__(self) -> None:
        """Refuse a lower bound above the upper one."""
        if self.l_a >= self.u_a or self.l_margin > self.u_margin:
            raise UsageError(
                f"magface needs l_a < u_a and l_margin <= u_margin, not l_a = {self.l_a}, u_a = {self.u_a},"
                f" l_margin = {self.l_margin}, u_margin = {self.u_margin}"
            )


@dataclass(frozen=True)
class ElasticFaceConfig(Section):
    """ElasticFace (Boutros et al., CVPRW 2022): each sample's margin is drawn from a normal distribution."""

    name: Literal["elasticface"] = "elasticface"
    kind: Literal["arc", "cos"] = "arc"
    """`arc`: the margin is added to the angle; `cos`: it is subtracted from the cosine."""
    scale: Positive = 64.0
    margin: NonNegative | None = None
    """Mean of the margins; null: as published, 0.5 for `arc` and 0.35 for `cos`."""
    std: NonNegative | None = None
    """Standard deviation of the margins; null: as published, 0.05, or with `plus` 0.0175 (arc) and 0.02 (cos)."""
    plus: bool = False
    """ElasticFace+: the largest margins go to the samples farthest from their class."""
    official_order: bool = False
    """With `plus`: assign the sorted margins as the authors' code does, which in effect makes them random again."""
    implementation: ClassVar[str] = "femb_cli.headers.elasticface:ElasticFace"

    def __post_init__(self) -> None:
        """Refuse an official_order that has no effect."""
        if self.official_order and not self.plus:
            raise UsageError("elasticface: official_order has no effect without plus", hint="set header.plus=true, too")


@dataclass(frozen=True)
class AdaFaceConfig(Section):
    """AdaFace (Kim et al., CVPR 2022): the magnitude, as the image's quality, mixes an angle with a cosine margin."""

    name: Literal["adaface"] = "adaface"
    scale: Positive = 64.0
    margin: NonNegative = 0.4
    h: Positive = 0.333
    """Concentration: magnitudes 1/h standard deviations from the mean count as the lowest and the highest quality."""
    t_alpha: Probability = 0.01
    """Weight of the newest batch in the moving averages of the magnitudes' mean and standard deviation."""
    implementation: ClassVar[str] = "femb_cli.headers.adaface:AdaFace"


@dataclass(frozen=True)
class CurricularFaceConfig(Section):
    """CurricularFace (Huang et al., CVPR 2020): ArcFace that weighs hard negatives more as training proceeds."""

    name: Literal["curricularface"] = "curricularface"
    scale: Positive = 64.0
    margin: NonNegative = 0.5
    alpha: Probability = 0.01
    """Weight of the newest batch in the moving average of the targets' cosines."""
    implementation: ClassVar[str] = "femb_cli.headers.curricularface:CurricularFace"


HeaderConfig = Annotated[
    ArcFaceConfig
    | LinearConfig
    | CosFaceConfig
    | CombinedConfig
    | SphereFaceConfig
    | MagFaceConfig
    | ElasticFaceConfig
    | AdaFaceConfig
    | CurricularFaceConfig,
    ByName(),
]

# --- backbones -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IResNetConfig(Section):
    """ArcFace's improved residual network, with 18 to 200 layers; `ir`: AdaFace's variant; `irse`: that with gates."""

    name: Literal[
        "iresnet18",
        "iresnet34",
        "iresnet50",
        "iresnet100",
        "iresnet152",
        "iresnet200",
        "ir18",
        "ir34",
        "ir50",
        "ir101",
        "irse18",
        "irse34",
        "irse50",
        "irse101",
        "irse152",
    ] = "iresnet50"
    embedding_dim: EmbeddingDim = 512
    input_size: Annotated[int, Ge(16), Le(2048)] = 112
    width: Annotated[float, Gt(0), Le(64)] = 1.0
    """Factor on the channels of every stage (64, 64, 128, 256, 512)."""
    dropout: Annotated[float, Ge(0), Le(0.95)] = 0.0
    """Probability of dropping a feature before the last linear layer."""
    dropout_of: Literal["features", "channels"] = "features"
    """Drop single features (arcface_torch, AdaFace), or whole channels (MagFace)."""
    bn_eps: Positive = 1e-5
    """Epsilon of every batch norm: 1e-5 in arcface_torch, ElasticFace and AdaFace, 2e-5 in MagFace."""
    bn_momentum: Positive = 0.1
    """Weight of the newest batch in the running mean and variance: 0.1 in most recipes, 0.9 in MagFace's."""
    last_norm: Literal["trained", "trained_bias", "fixed"] = "trained"
    """What is trained of the embedding's batch norm: weight and bias (MagFace), the bias alone (arcface_torch and
    ElasticFace), or neither (AdaFace)."""
    initial_weights: Literal["he", "normal"] = "he"
    """Distribution of the initial convolutions: He's (MagFace, AdaFace), or N(0, 0.1^2), `normal` (arcface_torch,
    ElasticFace)."""
    implementation: ClassVar[str] = "femb_cli.backbones.iresnet:IResNet"


@dataclass(frozen=True)
class MobileFaceNetConfig(Section):
    """MobileFaceNet with ReLU6 (`mobilefacenet`) or PReLU (`mbf_small`); `mbf`, `mbf_large`: arcface_torch's, wider."""

    name: Literal["mobilefacenet", "mbf_small", "mbf", "mbf_large"] = "mbf"
    embedding_dim: EmbeddingDim = 512
    input_size: Annotated[int, Ge(16), Le(2048)] = 112
    bn_eps: Positive = 1e-5
    implementation: ClassVar[str] = "femb_cli.backbones.mobilefacenet:build_mobilefacenet"


@dataclass(frozen=True)
class ViTConfig(Section):
    """arcface_torch's vision transformer, tiny to huge, without a class token; `_p8`: CVLface's, of smaller patches."""

    name: Literal["vit_t", "vit_s", "vit_b", "vit_l", "vit_h", "vit_s_p8", "vit_b_p8"] = "vit_t"
    embedding_dim: EmbeddingDim = 512
    input_size: Annotated[int, Ge(9), Le(2048)] = 112
    drop_path: Annotated[float, Ge(0), Le(0.95)] = 0.1
    """Probability that an image skips a half of the last block (stochastic depth); it grows from 0 at the first."""
    mask_ratio: Annotated[float, Ge(0), Le(0.95)] = 0.1
    """Share of the tokens that are left out of a training step."""
    weighs_tokens: bool = False
    """Multiply each token by a factor between 0 and 1 before the head, as TransFace does."""
    bn_eps: Positive = 2e-5
    implementation: ClassVar[str] = "femb_cli.backbones.vit:ViT"


BackboneConfig = Annotated[IResNetConfig | MobileFaceNetConfig | ViTConfig, ByName()]

# --- data ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SyntheticConfig(Section):
    """Procedural faces, which femb draws once and keeps in its cache."""

    name: Literal["synthetic"] = "synthetic"
    num_identities: Annotated[int, Ge(2), Le(2**23)] = 250
    images_per_identity: Annotated[int, Gt(0), Le(2**20)] = 16
    seed: CountOrZero = 0


@dataclass(frozen=True)
class DatasetConfig(Section):
    """A dataset on disk, as `femb convert` writes it."""

    name: Literal["dataset"] = "dataset"
    path: str = ""
    label: str | None = None
    """Column of a table or list that names the person; null: found by its name and its values."""
    image_column: str | None = None
    """Column of the images of a table, or of the paths of a list; null: found by its kind and its name."""
    person_folder: int | str | None = None
    """Level of the folders that are people: 1 is the first below `path`, -1 holds the image, "1/2" both; null: the
    folders that hold the images."""
    channels: Literal["rgb", "bgr"] | None = None
    """`bgr`: red and blue are swapped in the stored images; training puts them right. null: as the dataset states."""


DataConfig = Annotated[SyntheticConfig | DatasetConfig, ByName()]


# --- augmentation ----------------------------------------------------------------------------------------------

Fraction = Annotated[float, Gt(0), Le(1)]
Quality = Annotated[int, Ge(1), Le(100)]


@dataclass(frozen=True)
class AugmentSection(Section):
    """Base of the operations of the augmentation. A pair of numbers is the smallest and the largest value drawn."""

    def __post_init__(self) -> None:
        """Refuse a pair whose first number is the larger one."""
        for item in fields(self):
            match getattr(self, item.name):
                case (int() | float() as low, int() | float() as high) if low > high:
                    key = f"augment: {getattr(self, 'name', '')}: {item.name}"
                    raise UsageError(f"{key} = [{low:g}, {high:g}] begins with the larger number")


@dataclass(frozen=True)
class FlipConfig(AugmentSection):
    """Mirror left and right."""

    name: Literal["flip"] = "flip"
    probability: Probability = 0.5
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.flip:Flip"


@dataclass(frozen=True)
class GeometryConfig(AugmentSection):
    """Rotate, shift and zoom, with a single resampling."""

    name: Literal["geometry"] = "geometry"
    probability: Probability = 1.0
    rotate: NonNegative = 10.0
    """Largest rotation, degrees."""
    shift: NonNegative = 0.05
    """Largest shift, as a fraction of the image's side."""
    zoom: NonNegative = 0.1
    """Largest change of scale, as a natural logarithm: 0.1 is about 10 %."""
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.geometry:Geometry"


@dataclass(frozen=True)
class ColourConfig(AugmentSection):
    """Change brightness, the direction of the light, contrast and saturation."""

    name: Literal["colour"] = "colour"
    probability: Probability = 1.0
    strength: NonNegative = 0.3
    """Largest change of each, as a natural logarithm."""
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.colour:Colour"


@dataclass(frozen=True)
class GreyConfig(AugmentSection):
    """Make the image grey."""

    name: Literal["grey"] = "grey"
    probability: Probability = 0.1
    weights: tuple[Positive, Positive, Positive] = (0.299, 0.587, 0.114)
    """Of red, green and blue."""
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.colour:Grey"


@dataclass(frozen=True)
class HSVConfig(AugmentSection):
    """Turn the hue and scale the saturation (arcface_torch with DALI)."""

    name: Literal["hsv"] = "hsv"
    probability: Probability = 0.2
    hue: tuple[float, float] = (0.0, 20.0)
    """Degrees."""
    saturation: tuple[NonNegative, NonNegative] = (1.0, 1.2)
    """Factor."""
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.colour:HSV"


@dataclass(frozen=True)
class PhotometricConfig(AugmentSection):
    """Change brightness, contrast and saturation in random order (AdaFace)."""

    name: Literal["photometric"] = "photometric"
    probability: Probability = 0.2
    brightness: NonNegative = 0.5
    """The factor is between 1 - brightness and 1 + brightness; in the same way below."""
    contrast: NonNegative = 0.5
    saturation: NonNegative = 0.5
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.photometric:Photometric"


@dataclass(frozen=True)
class RandomCropConfig(AugmentSection):
    """Keep a random rectangle and make the rest black (AdaFace)."""

    name: Literal["random_crop"] = "random_crop"
    probability: Probability = 0.2
    scale: tuple[Fraction, Fraction] = (0.2, 1.0)
    """Area of the rectangle, as a fraction of the image's."""
    aspect: tuple[Positive, Positive] = (0.75, 4 / 3)
    """Ratio of width to height."""
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.crop:RandomCrop"


@dataclass(frozen=True)
class LowResolutionConfig(AugmentSection):
    """Scale down with a filter and up again."""

    name: Literal["low_resolution"] = "low_resolution"
    probability: Probability = 0.2
    factor: tuple[Annotated[float, Ge(1), Le(2048)], Annotated[float, Ge(1), Le(2048)]] = (2.0, 4.0)
    """How many times smaller the side becomes."""
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.resolution:LowResolution"


@dataclass(frozen=True)
class DownscaleConfig(AugmentSection):
    """Scale down and up again, each with a random interpolation (AdaFace)."""

    name: Literal["downscale"] = "downscale"
    probability: Probability = 0.2
    ratio: tuple[Fraction, Fraction] = (0.2, 1.0)
    """Side of the small image, as a fraction of the side."""
    interpolations: Annotated[tuple[Literal["nearest", "bilinear", "area", "bicubic"], ...], MinLen(1)] = (
        "nearest",
        "bilinear",
        "area",
        "bicubic",
    )
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.resolution:Downscale"


@dataclass(frozen=True)
class BlurConfig(AugmentSection):
    """Blur with a Gaussian or a box."""

    name: Literal["blur"] = "blur"
    probability: Probability = 0.2
    sigma: tuple[Annotated[float, Ge(0), Le(100)], Annotated[float, Ge(0), Le(100)]] = (0.8, 1.1)
    """Standard deviation, pixels of the network's input."""
    kernel: Literal["gaussian", "box"] = "gaussian"
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.blur:Blur"


@dataclass(frozen=True)
class JpegConfig(AugmentSection):
    """Encode as JPEG and decode again, on the CPU."""

    name: Literal["jpeg"] = "jpeg"
    probability: Probability = 0.2
    quality: tuple[Quality, Quality] = (30, 90)
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.jpeg:Jpeg"


@dataclass(frozen=True)
class RandAugmentConfig(AugmentSection):
    """RandAugment (Cubuk et al., NeurIPS 2020): a few of fourteen changes with one magnitude, for example for ViT."""

    name: Literal["rand_augment"] = "rand_augment"
    probability: Probability = 1.0
    num_changes: Annotated[int, Ge(0), Le(100)] = 2
    """How many changes an image gets."""
    magnitude: Annotated[float, Ge(0), Le(30)] = 9.0
    """Strength of all of them, of 30."""
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.rand_augment:RandAugment"


@dataclass(frozen=True)
class EraseConfig(AugmentSection):
    """Fill a random rectangle with mid-grey or a random colour."""

    name: Literal["erase"] = "erase"
    probability: Probability = 0.3
    side: tuple[Fraction, Fraction] = (0.1, 0.4)
    """Width and height of the rectangle, as fractions of the image's side."""
    fill: Literal["grey", "colour"] = "grey"
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.cover:Erase"


@dataclass(frozen=True)
class OcclusionConfig(AugmentSection):
    """Cover the eyes or the mouth with a band of a random colour, in faces aligned to ArcFace's template."""

    name: Literal["occlusion"] = "occlusion"
    probability: Probability = 0.1
    parts: Annotated[tuple[Literal["eyes", "mouth"], ...], MinLen(1)] = ("eyes", "mouth")
    """An image draws one of them."""
    height: tuple[Fraction, Fraction] = (0.1, 0.3)
    """Height of the band, as a fraction of the image's."""
    implementation: ClassVar[str] = "femb_cli.data.images.augmentation.cover:Occlusion"


AugmentConfig = Annotated[
    FlipConfig
    | GeometryConfig
    | ColourConfig
    | GreyConfig
    | HSVConfig
    | PhotometricConfig
    | RandomCropConfig
    | LowResolutionConfig
    | DownscaleConfig
    | BlurConfig
    | JpegConfig
    | RandAugmentConfig
    | EraseConfig
    | OcclusionConfig,
    ByName(),
]

# --- classifier ------------------------------------------------------------------------------------------------

DEFAULT_CHUNK = 1024
"""Classes in one chunk: enough for a fast matrix product, few enough for a processor's cache."""


@dataclass(frozen=True)
class ClassifierConfig(Section):
    """How the softmax over all identities is computed; for null, femb chooses by size and logs the reason."""

    chunk: CountOrZero | None = None
    """Classes in one chunk, so that the matrix of all logits is never in memory; 0: compute the whole matrix."""
    sample_rate: Annotated[float, Gt(0), Le(1)] | None = None
    """Share of the identities in each step (Partial FC)."""
    update: Literal["sampled", "all"] = "sampled"
    """Which class weights a step updates: those of the `sampled` identities, or `all` (by weight decay and momentum,
    as in arcface_torch)."""
    fused_update: bool | None = None
    """Update the class weights within the backward pass, so that their gradient takes no memory; null: with SGD, all
    classes in chunks, and one micro-batch."""
    initial_weights: Literal["normal", "unit", "xavier"] = "normal"
    """Distribution of the initial class weights: N(0, 0.01^2) (arcface_torch, ElasticFace), uniform directions of
    length 1 (`unit`: MagFace, AdaFace), or Glorot's uniform one (`xavier`)."""
    matmul_precision: Literal["fp32", "bf16"] = "fp32"
    """Precision of the inputs of matrix products; their sums and the softmax are always float32."""


# --- optimisation ----------------------------------------------------------------------------------------------


Decayed = Literal["all", "no_batch_norms", "matrices"]
"""The parameters with weight decay: all (arcface_torch, MagFace, ElasticFace), all but the batch norms' (AdaFace), or
only those with two or more dimensions: no biases, norms and PReLU slopes."""


@dataclass(frozen=True)
class SGDConfig(Section):
    """Stochastic gradient descent with plain or Nesterov momentum; by default all parameters decay."""

    name: Literal["sgd"] = "sgd"
    lr: Positive = 0.02
    lr_batch_size: Count | None = None
    """The batch size that `lr` is for: a run with another one scales `lr` in proportion; null: `lr` as it is."""
    momentum: Annotated[float, Ge(0), Le(1)] = 0.9
    nesterov: bool = False
    weight_decay: NonNegative = 5e-4
    decayed: Decayed = "all"
    """`all`; all but batch norms, `no_batch_norms`; or `matrices`: no biases, norms and PReLU slopes."""
    classifier_lr: Positive | None = None
    """Learning rate of the class weights; null: `lr`."""
    classifier_weight_decay: NonNegative | None = None
    """Weight decay of the class weights; null: `weight_decay`."""
    implementation: ClassVar[str] = "torch.optim:SGD"

    def __post_init__(self) -> None:
        """Refuse Nesterov without momentum, as torch does."""
        if self.nesterov and not self.momentum:
            raise UsageError("optimizer.nesterov needs an optimizer.momentum above 0")


@dataclass(frozen=True)
class AdamWConfig(Section):
    """AdamW; by default biases, norms and PReLU slopes do not decay."""

    name: Literal["adamw"] = "adamw"
    lr: Positive = 1e-3
    lr_batch_size: Count | None = None
    """The batch size that `lr` is for: a run with another one scales `lr` by the square root of their ratio; null: `lr`
    as it is."""
    betas: tuple[Annotated[float, Ge(0), Lt(1)], Annotated[float, Ge(0), Lt(1)]] = (0.9, 0.999)
    """Decay of the moving averages of the gradient and of its square."""
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.05
    decayed: Decayed = "matrices"
    """`all`; all but batch norms, `no_batch_norms`; or `matrices`: no biases, norms and PReLU slopes."""
    classifier_lr: Positive | None = None
    """Learning rate of the class weights; null: `lr`."""
    classifier_weight_decay: NonNegative | None = None
    """Weight decay of the class weights; null: `weight_decay`."""
    implementation: ClassVar[str] = "torch.optim:AdamW"


OptimizerConfig = Annotated[SGDConfig | AdamWConfig, ByName()]


@dataclass(frozen=True)
class ScheduleConfig(Section):
    """How the learning rate changes during the run: a factor on the optimizer's `lr`."""

    name: Literal["polynomial", "cosine", "step", "constant"] = "polynomial"
    warmup: PartOfRun = 0.0
    """The beginning, in which the learning rate rises linearly: a share of the run, or as `1000 steps`, `2 epochs`."""
    first_warmup_step: Literal["low", "full"] = "low"
    """`low`: the rate of step t, counted from 0, of a warm-up of w steps is (t + 1) / (w + 1) of the full one. `full`:
    as in arcface_torch, it is t / w, but the very first step has the full rate."""
    power: Positive = 1.0
    """For `polynomial`: the exponent of the decay."""
    milestones: tuple[PartOfRun, ...] = (0.4, 0.72, 0.88)
    """For `step`: where the learning rate is multiplied by 0.1: shares of the run, or as `1000 steps`, `10 epochs`."""


@dataclass(frozen=True)
class PixelsConfig(Section):
    """The values that images have as a network's input: (x / 255 - mean) / std, in this order of colours."""

    channel_order: Literal["RGB", "BGR"] = "RGB"
    mean: Annotated[float, Ge(-LARGEST_FLOAT), Le(LARGEST_FLOAT)] = 0.5
    std: Positive = 0.5


@dataclass(frozen=True)
class InitConfig(Section):
    """The checkpoint whose weights a run starts from."""

    checkpoint: str | None = None
    """Run or checkpoint: its backbone, weights and preprocessing are used; null: random weights."""
    classifier: bool = False
    """Use its class weights, too. The training set must have the same identities in the same order."""

    def __post_init__(self) -> None:
        """Refuse class weights without a checkpoint."""
        if self.classifier and not self.checkpoint:
            raise UsageError("init.classifier needs a checkpoint to take the class weights from", hint="--init MODEL")


@dataclass(frozen=True)
class ValidationConfig(Section):
    """What a run verifies its network on, at its end and in between."""

    benchmarks: tuple[str, ...] | None = None
    """null: the synthetic benchmark for synthetic data, otherwise none."""
    held_out: Annotated[float, Ge(0), Lt(1)] | None = None
    """Share of the people of a dataset that is not trained on but verified on. null: 2 % (10 to 500 people) if
    `benchmarks` is null, otherwise none."""
    every: CountOrZero = 0
    """Steps between verifications during training; 0: only at the end."""


@dataclass(frozen=True)
class CheckpointConfig(Section):
    """When a run saves a checkpoint, from which it can be resumed."""

    every: Count = 2000
    """Steps between checkpoints; the last step always saves one."""
    keep: Count = 2
    """Number of checkpoints that are kept, the newest ones."""
    best: str | None = "first"
    """Benchmark on which the run keeps its best checkpoint, too, if `validation.every` is above 0: `first` of its
    benchmarks, or a name; null: keep none. A verification that is better than all before saves a checkpoint."""


Tracker = Literal["wandb", "mlflow", "comet_ml", "aim", "clearml", "dvclive", "swanlab", "trackio"]


@dataclass(frozen=True)
class TrainConfig(Section):
    """All settings of a training run. The defaults are ArcFace's published recipe for one GPU."""

    data: DataConfig = field(default_factory=SyntheticConfig)
    backbone: BackboneConfig = field(default_factory=IResNetConfig)
    init: InitConfig = field(default_factory=InitConfig)
    header: HeaderConfig = field(default_factory=ArcFaceConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    optimizer: OptimizerConfig = field(default_factory=SGDConfig)
    schedule: Annotated[ScheduleConfig, ByName()] = field(default_factory=ScheduleConfig)
    augment: tuple[AugmentConfig, ...] = (FlipConfig(),)
    """Random changes of the training images, in their order."""
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    pixels: PixelsConfig | None = None
    """The network's input; null: that of the checkpoint that the run starts from, or RGB from -1 to 1."""
    freeze: tuple[str, ...] = ()
    """Parts of the backbone that stay as they are: `backbone` (all of it), `batch_norms` (with their statistics), or
    parts by name, such as `conv1` or `layer1`."""
    batch_size: Count = 128
    """Images in one step, of all processes together."""
    micro_batches: Annotated[int, Ge(1), Le(4096)] = 1
    """Parts into which each process splits its images of a step, to need less memory; their gradients are added up."""
    accumulate: Literal["mean", "official"] = "mean"
    """With several micro-batches. `mean`: the step's gradient is that of the mean loss of all its images. `official`:
    as in arcface_torch, the sum of the micro-batches' gradients, at the learning rate of the last micro-batch."""
    epochs: Annotated[float, Gt(0), Le(1e9)] | None = 20.0
    """Length of the run in passes over the data; null if `steps` is set."""
    steps: Count | None = None
    """Length of the run in steps; null if `epochs` is set."""
    clip_gradient: Positive | None = 5.0
    """Largest L2 norm of the backbone's gradient; null: no limit."""
    precision: Literal["fp32", "tf32", "bf16", "fp16", "fp64"] = "fp32"
    """Floating-point format of the backbone's computations; margins and softmax are float32. `tf32`: GPUs multiply
    numbers of 10 bits in convolutions. `fp64`: everything is float64, to compare trainings without the noise of
    rounding."""
    recompute_activations: bool = False
    """Keep the input of each of the backbone's blocks only, and compute the rest again in the backward pass: slower by
    about a third, in a fraction of the memory."""
    compile: bool | None = None
    """Translate the backbone into machine code of its own before the first step (torch.compile), which takes about a
    minute; null: if the run is long, and this machine can."""
    workers: Annotated[int, Ge(0), Le(1024)] = 2
    """Threads of each process that read and decode images; 0: the training thread does it."""
    log_every: Count = 20
    """Steps between two lines of the log."""
    trackers: tuple[Tracker, ...] = ()
    """Experiment trackers that get the metrics, too; each needs its package. TensorBoard's files are always written."""
    compress_gradients: Literal["none", "fp16", "bf16"] = "none"
    """Format in which several processes send each other the backbone's gradient: half the bytes, rounded."""
    sync_batch_norm: bool = False
    """Whether batch norm uses the mean and variance of the whole batch, not those of each process's part."""
    ema: Annotated[float, Gt(0), Lt(1)] | None = None
    """Decay of the exponential moving average of the weights, such as 0.9999, which is verified and saved as the
    network; null: no average."""
    # New settings go above: a run's config.yaml is known to be whole because it ends with the seed.
    seed: CountOrZero = 42
