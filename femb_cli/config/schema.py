"""What can be configured, and the one place where defaults live.

Every section is a frozen dataclass. Headers, backbones, optimizers and data sources are unions: the entry's
`name` chooses the dataclass (the union's first where it is left out) and its `implementation` says which class
is built from it, so the union itself is the registry. Angles are radians, magnitudes are L2 norms of raw embeddings.
"""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from femb_cli.config.section import ByName, Section
from femb_cli.errors import UsageError

Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Probability = Annotated[float, Ge(0), Le(1)]
Count = Annotated[int, Gt(0)]

# --- headers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LinearConfig(Section):
    """Plain softmax: the raw inner product of embedding and class weight, no margin."""

    name: Literal["linear"] = "linear"
    implementation: ClassVar[str] = "femb_cli.headers.linear:Linear"


@dataclass(frozen=True)
class ArcFaceConfig(Section):
    """ArcFace (Deng et al., CVPR 2019): the margin is an angle added to the target's."""

    name: Literal["arcface"] = "arcface"
    scale: Positive = 64.0
    margin: NonNegative = 0.5
    gradient: Literal["exact", "official"] = "exact"
    """`exact` is calculus; `official` lets the margin pass the gradient unchanged, as arcface_torch does."""
    interclass_filter: Probability | None = None
    """Cosine above which a foreign class is left out as a mislabelled image of the same person; null: never."""
    implementation: ClassVar[str] = "femb_cli.headers.arcface:ArcFace"


@dataclass(frozen=True)
class CosFaceConfig(Section):
    """CosFace (Wang et al., CVPR 2018): the margin is subtracted from the target's cosine."""

    name: Literal["cosface"] = "cosface"
    scale: Positive = 64.0
    margin: NonNegative = 0.35
    interclass_filter: Probability | None = None
    """Cosine above which a foreign class is left out as a mislabelled image of the same person; null: never."""
    implementation: ClassVar[str] = "femb_cli.headers.cosface:CosFace"


@dataclass(frozen=True)
class CombinedConfig(Section):
    """The margins of SphereFace, ArcFace and CosFace together (Deng et al., CVPR 2019): cos(m1 theta + m2) - m3."""

    name: Literal["combined"] = "combined"
    scale: Positive = 64.0
    m1: Positive = 1.0
    """Factor on the target's angle."""
    m2: NonNegative = 0.5
    """Angle added to it, radians."""
    m3: NonNegative = 0.0
    """Subtracted from the cosine."""
    gradient: Literal["exact", "official"] = "exact"
    """`exact` is calculus; `official` lets the margins pass the gradient unchanged, as arcface_torch does."""
    interclass_filter: Probability | None = None
    """Cosine above which a foreign class is left out as a mislabelled image of the same person; null: never."""
    implementation: ClassVar[str] = "femb_cli.headers.combined:Combined"


@dataclass(frozen=True)
class SphereFaceConfig(Section):
    """SphereFace (Liu et al., CVPR 2017): the margin multiplies the target's angle."""

    name: Literal["sphereface"] = "sphereface"
    scale: Positive | None = 30.0
    """None: the embedding's own magnitude, as in the paper (A-Softmax)."""
    margin: Annotated[float, Ge(1)] = 1.7
    variant: Literal["psi", "capped", "negatives"] = "psi"
    """`psi` falls over the whole half circle. SphereFace-R's two: the target's angle multiplied but `capped` at 180
    degrees, or the `negatives`' angles divided instead."""
    annealing: NonNegative = 0.0
    """Weight of the plain target against the one with the margin (lambda of A-Softmax), constant."""
    gradient: Literal["exact", "official"] = "exact"
    """`exact` is calculus; `official` lets the margin pass the gradient unchanged, as opensphere does."""
    implementation: ClassVar[str] = "femb_cli.headers.sphereface:SphereFace"

    def __post_init__(self) -> None:
        """Refuse what would have no effect."""
        if self.variant == "negatives" and self.annealing:
            raise UsageError(
                f"sphereface: annealing = {self.annealing:g} has no effect in the variant 'negatives'",
                hint="it weakens the target's margin, which that variant does not have; leave it at 0",
            )


@dataclass(frozen=True)
class MagFaceConfig(Section):
    """MagFace (Meng et al., CVPR 2021): the margin grows with the magnitude, which a regulariser makes a quality."""

    name: Literal["magface"] = "magface"
    kind: Literal["arc", "cos"] = "arc"
    """`arc` adds the margin to the angle, `cos` subtracts it from the cosine (published with an l_margin of 0.35 and
    a lambda_g of 150)."""
    scale: Positive = 64.0
    l_a: Positive = 10.0
    """Lower bound of the magnitude."""
    u_a: Positive = 110.0
    """Upper bound of the magnitude."""
    l_margin: NonNegative = 0.45
    """Margin at the lower bound, radians (arc) or a difference of cosines (cos)."""
    u_margin: NonNegative = 0.8
    """Margin at the upper bound."""
    lambda_g: NonNegative = 35.0
    """Weight of the magnitude's regulariser; a run warns where it is below the paper's bound, 22.6 by default."""
    easy_margin: bool = True
    """For arc: apply the margin only where the target's angle is below 90 degrees; else continue the curve linearly."""
    implementation: ClassVar[str] = "femb_cli.headers.magface:MagFace"

    def __post_init__(self) -> None:
        """Refuse bounds without room between them."""
        if self.l_a >= self.u_a or self.l_margin > self.u_margin:
            raise UsageError(
                f"magface needs l_a < u_a and l_margin <= u_margin, not l_a = {self.l_a}, u_a = {self.u_a},"
                f" l_margin = {self.l_margin}, u_margin = {self.u_margin}"
            )


@dataclass(frozen=True)
class ElasticFaceConfig(Section):
    """ElasticFace (Boutros et al., CVPRW 2022): every sample draws its margin from a normal distribution."""

    name: Literal["elasticface"] = "elasticface"
    kind: Literal["arc", "cos"] = "arc"
    scale: Positive = 64.0
    margin: NonNegative | None = None
    """Mean of the draws; None: as published, 0.5 for arc and 0.35 for cos."""
    std: NonNegative | None = None
    """Deviation of the draws; None: as published, 0.05 (arc and cos), 0.0175 (arc plus), 0.02 (cos plus)."""
    plus: bool = False
    """Give the largest margins to the samples farthest from their class."""
    official_order: bool = False
    """With plus: hand the sorted margins out as the authors' code does, which makes them random again."""
    implementation: ClassVar[str] = "femb_cli.headers.elasticface:ElasticFace"

    def __post_init__(self) -> None:
        """Refuse what would have no effect."""
        if self.official_order and not self.plus:
            raise UsageError("elasticface: official_order has no effect without plus", hint="set header.plus=true, too")


@dataclass(frozen=True)
class AdaFaceConfig(Section):
    """AdaFace (Kim et al., CVPR 2022): the margin turns from angle to cosine with the image's quality (magnitude)."""

    name: Literal["adaface"] = "adaface"
    scale: Positive = 64.0
    margin: NonNegative = 0.4
    h: Positive = 0.333
    """Concentration: magnitudes 1/h deviations from the mean count as the poorest and the best quality."""
    t_alpha: Probability = 0.01
    """Weight of the newest batch in the moving averages of the magnitudes' mean and deviation."""
    implementation: ClassVar[str] = "femb_cli.headers.adaface:AdaFace"


@dataclass(frozen=True)
class CurricularFaceConfig(Section):
    """CurricularFace (Huang et al., CVPR 2020): ArcFace that turns to the hard negatives as training goes on."""

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
    """The improved residual network of ArcFace, by depth."""

    name: Literal["iresnet18", "iresnet34", "iresnet50", "iresnet100", "iresnet200"] = "iresnet50"
    embedding_dim: Count = 512
    input_size: Annotated[int, Ge(16)] = 112
    width: Positive = 1.0
    """Factor on the channels of every stage (64, 64, 128, 256, 512)."""
    dropout: Annotated[float, Ge(0), Le(0.95)] = 0.0
    bn_eps: Positive = 1e-5
    implementation: ClassVar[str] = "femb_cli.backbones.iresnet:IResNet"


@dataclass(frozen=True)
class MobileFaceNetConfig(Section):
    """MobileFaceNet: as in the paper (`mobilefacenet`), or arcface_torch's variants `mbf` and `mbf_large`."""

    name: Literal["mobilefacenet", "mbf", "mbf_large"] = "mbf"
    embedding_dim: Count = 512
    input_size: Annotated[int, Ge(16)] = 112
    bn_eps: Positive = 1e-5
    implementation: ClassVar[str] = "femb_cli.backbones.mobilefacenet:build_mobilefacenet"


@dataclass(frozen=True)
class ViTConfig(Section):
    """arcface_torch's vision transformer by size, tiny to huge: patches of 9 pixels, no class token."""

    name: Literal["vit_t", "vit_s", "vit_b", "vit_l", "vit_h"] = "vit_t"
    embedding_dim: Count = 512
    input_size: Annotated[int, Ge(9)] = 112
    drop_path: Annotated[float, Ge(0), Le(0.95)] = 0.1
    """Probability that a training image skips half of the last block; earlier blocks have less, the first has 0."""
    mask_ratio: Annotated[float, Ge(0), Le(0.95)] = 0.1
    """Share of the tokens that a training step hides from the blocks."""
    bn_eps: Positive = 2e-5
    implementation: ClassVar[str] = "femb_cli.backbones.vit:ViT"


BackboneConfig = Annotated[IResNetConfig | MobileFaceNetConfig | ViTConfig, ByName()]

# --- data ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SyntheticConfig(Section):
    """The built-in procedural faces, drawn once and cached."""

    name: Literal["synthetic"] = "synthetic"
    num_identities: Annotated[int, Ge(2)] = 250
    images_per_identity: Count = 16
    seed: Annotated[int, Ge(0)] = 0


@dataclass(frozen=True)
class DatasetConfig(Section):
    """A dataset on disk, as `femb convert` writes it."""

    name: Literal["dataset"] = "dataset"
    path: str = ""


DataConfig = Annotated[SyntheticConfig | DatasetConfig, ByName()]


@dataclass(frozen=True)
class AugmentConfig(Section):
    """Random changes to a training image; a strength of 0 switches one off. Applied on the device."""

    flip: Probability = 0.5
    """Probability of a mirror image."""
    rotate: NonNegative = 0.0
    """Largest rotation, degrees."""
    shift: NonNegative = 0.0
    """Largest shift, as a fraction of the image's side."""
    zoom: NonNegative = 0.0
    """Largest change of scale, as a natural logarithm (0.1 is about 10 %)."""
    colour: NonNegative = 0.0
    """Largest change of brightness and of contrast and saturation (logarithms)."""
    grey: Probability = 0.0
    """Probability of a greyscale image."""
    low_resolution: Probability = 0.0
    """Probability of a 2- to 4-fold down- and upsampling."""
    erase: Probability = 0.0
    """Probability of one erased rectangle, 10 to 40 % of the side each way."""


# --- classifier ------------------------------------------------------------------------------------------------

DEFAULT_CHUNK = 1024
"""Classes of one block: large enough for the matrix product, small enough for a processor's cache."""


@dataclass(frozen=True)
class ClassifierConfig(Section):
    """How the softmax over all identities is computed. What is null follows from the sizes; a run says what and why."""

    chunk: Annotated[int, Ge(0)] | None = None
    """Classes looked at together, so that the matrix of all logits never exists; 0: that plain matrix."""
    sample_rate: Annotated[float, Gt(0), Le(1)] | None = None
    """Share of the identities in each step (Partial FC)."""
    update: Literal["sampled", "all"] = "sampled"
    """Whom a step moves: the sampled identities, or, as arcface_torch, all (weight decay and momentum)."""
    matmul_precision: Literal["fp32", "bf16"] = "fp32"
    """Precision of the factors in matrix products; sums and softmax are always float32."""


# --- optimisation ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SGDConfig(Section):
    """Stochastic gradient descent with Nesterov's or plain momentum; biases and norms are not decayed."""

    name: Literal["sgd"] = "sgd"
    lr: Positive = 0.02
    momentum: Annotated[float, Ge(0), Le(1)] = 0.9
    nesterov: bool = False
    weight_decay: NonNegative = 5e-4
    implementation: ClassVar[str] = "torch.optim:SGD"

    def __post_init__(self) -> None:
        """Refuse what torch refuses."""
        if self.nesterov and not self.momentum:
            raise UsageError("optimizer.nesterov needs an optimizer.momentum above 0")


@dataclass(frozen=True)
class AdamWConfig(Section):
    """AdamW; biases and norms are not decayed."""

    name: Literal["adamw"] = "adamw"
    lr: Positive = 1e-3
    weight_decay: NonNegative = 0.05
    implementation: ClassVar[str] = "torch.optim:AdamW"


OptimizerConfig = Annotated[SGDConfig | AdamWConfig, ByName()]


@dataclass(frozen=True)
class ScheduleConfig(Section):
    """The learning rate's course, as a factor on the optimizer's `lr`."""

    name: Literal["polynomial", "cosine", "step", "constant"] = "polynomial"
    warmup: Probability = 0.0
    """Share of the run in which the rate rises linearly from 0."""
    power: Positive = 1.0
    """Exponent of the polynomial decay."""
    milestones: tuple[Probability, ...] = (0.4, 0.72, 0.88)
    """Shares of the run at which `step` multiplies the rate by 0.1."""


@dataclass(frozen=True)
class InitConfig(Section):
    """What a run starts from, if not from random weights."""

    checkpoint: str | None = None
    """Run or checkpoint whose backbone, with its weights and its pixels, the run goes on with; null: random weights."""
    classifier: bool = False
    """Take its class weights, too: for going on with the very identities that it was trained on, in their order."""

    def __post_init__(self) -> None:
        """Refuse what would have no effect."""
        if self.classifier and not self.checkpoint:
            raise UsageError("init.classifier needs a checkpoint to take the class weights from", hint="--init MODEL")


@dataclass(frozen=True)
class ValidationConfig(Section):
    """Which benchmarks a run verifies on: at its end, and every so many steps."""

    benchmarks: tuple[str, ...] | None = None
    """None: the synthetic benchmark for synthetic data, else none."""
    every: Annotated[int, Ge(0)] = 0
    """Steps between verifications during training; 0: only at the end."""


@dataclass(frozen=True)
class CheckpointConfig(Section):
    """When a run saves what it needs to be continued."""

    every: Count = 2000
    """Steps between checkpoints; the last step always makes one."""
    keep: Count = 2
    """How many of the newest checkpoints stay."""


@dataclass(frozen=True)
class TrainConfig(Section):
    """Everything that a training run depends on. The defaults are the published one-GPU ArcFace recipe."""

    data: DataConfig = field(default_factory=SyntheticConfig)
    backbone: BackboneConfig = field(default_factory=IResNetConfig)
    init: InitConfig = field(default_factory=InitConfig)
    header: HeaderConfig = field(default_factory=ArcFaceConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    optimizer: OptimizerConfig = field(default_factory=SGDConfig)
    schedule: Annotated[ScheduleConfig, ByName()] = field(default_factory=ScheduleConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    batch_size: Count = 128
    """Images in one step, over all processes together."""
    epochs: Positive | None = 20.0
    """Passes over the data; either this or `steps`."""
    steps: Count | None = None
    clip_gradient: Positive | None = 5.0
    """Largest L2 norm of the backbone's gradient; null: no limit."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Arithmetic of the backbone. Margins and softmax are always float32."""
    workers: Annotated[int, Ge(0)] = 2
    """Threads per process that read and decode images; 0: the training thread itself."""
    log_every: Count = 20
    """Steps between two lines of the log."""
    seed: Annotated[int, Ge(0)] = 42
