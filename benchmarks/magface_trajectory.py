"""Train a small network with the official MagFace head and with femb's, and compare every step.

    git clone https://github.com/IrvingMeng/MagFace CHECKOUT
    python benchmarks/magface_trajectory.py CHECKOUT [-o FOLDER]

Both trainings start from the same weights and see the same batches; only the head differs. The official head is
`MagLinear` and `MagLoss` of the checkout, put together as in its run/trainer.py. The script prints the table of
magface_trajectory.md and draws magface_trajectory.png.

Shapes: T steps, B samples in the batch, F numbers of a sample, D embedding dimension, C identities.
"""

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from unittest import mock

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from femb_cli.classifier import MarginClassifier
from femb_cli.errors import FembError
from femb_cli.headers import build_header

T, B, F, D, C = 500, 64, 64, 32, 100
HIDDEN = 128
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.02, 0.9, 5e-4
DROPS = (250, 400)
SCALE, LAMBDA_G = 64.0, 35.0
BOUNDS = {"l_a": 10.0, "u_a": 110.0, "l_margin": 0.45, "u_margin": 0.8}

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From embeddings (B, D) and labels (B,) to the loss and the regulariser in it, which includes lambda_g."""


@dataclass(frozen=True)
class Problem:
    """What all trainings share, in float64.

    Attributes:
        inputs_TBF: samples; their contrast, and so the embedding's magnitude, varies by a factor of 20.
        labels_TB: their identities.
        backbone: a network of one hidden layer as it is before the first step.
        weight_CD: the class weights before the first step.
    """

    inputs_TBF: Tensor
    labels_TB: Tensor
    backbone: dict[str, Tensor]
    weight_CD: Tensor

    @classmethod
    def draw(cls, seed: int) -> "Problem":
        """Draw random directions as identities, and noisy copies of them as samples."""
        torch.manual_seed(seed)
        labels_TB = torch.randint(C, (T, B))
        noisy_TBF = torch.randn(C, F, dtype=torch.float64)[labels_TB] + torch.randn(T, B, F, dtype=torch.float64)
        contrast_TB1 = 20 ** (torch.rand(T, B, 1, dtype=torch.float64) - 0.5)
        backbone = new_backbone().state_dict()
        backbone["2.weight"] *= 8  # otherwise nearly all magnitudes start below l_a
        return cls(noisy_TBF * contrast_TB1, labels_TB, backbone, torch.randn(C, D, dtype=torch.float64))

    def nudged(self, factor: float) -> "Problem":
        """Return the same problem with the weights of the first layer multiplied."""
        backbone = self.backbone | {"0.weight": self.backbone["0.weight"] * factor}
        return Problem(self.inputs_TBF, self.labels_TB, backbone, self.weight_CD)


@dataclass(frozen=True)
class Trajectory:
    """One training, converted to float64.

    Attributes:
        loss_T: the loss of each step, before its update.
        regularizer_T: the part of it that acts on the magnitudes.
        magnitude_TB: magnitudes of the embeddings.
        weights: all weights of the backbone and the classes after the last step, in one row.
    """

    loss_T: Tensor
    regularizer_T: Tensor
    magnitude_TB: Tensor
    weights: Tensor


def new_backbone() -> nn.Sequential:
    """Build a smooth network of one hidden layer; at the kink of a ReLU, rounding would separate two trainings."""
    return nn.Sequential(nn.Linear(F, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, D)).double()


def load_official(checkout: Path) -> ModuleType:
    """Load the official models/magface.py without the backbones and the coloured output that it imports.

    Raises:
        FembError: there is no such file.
    """
    path = checkout / "models/magface.py"
    if not path.is_file():
        raise FembError(f"{path} does not exist", hint="git clone https://github.com/IrvingMeng/MagFace")
    spec = importlib.util.spec_from_file_location("official_magface", path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    unused = {"models": mock.Mock(), "termcolor": mock.Mock()}
    with mock.patch.dict(sys.modules, unused), mock.patch.object(sys, "path", [*sys.path]):
        spec.loader.exec_module(module)
    return module


def official_loss(official: ModuleType, weight_CD: nn.Parameter) -> Loss:
    """Return the official head and loss, added up as in its run/trainer.py."""
    head = official.MagLinear(D, C, scale=SCALE)
    criterion = official.MagLoss(**BOUNDS, scale=SCALE)
    slope = (BOUNDS["u_margin"] - BOUNDS["l_margin"]) / (BOUNDS["u_a"] - BOUNDS["l_a"])
    del head.weight  # a parameter can only be replaced by a parameter, and weight_CD.T is none

    def margin(magnitude_B1: Tensor) -> Tensor:
        return slope * (magnitude_B1 - BOUNDS["l_a"]) + BOUNDS["l_margin"]

    def loss(embeddings_BD: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor]:
        head.weight = weight_CD.T
        logits, magnitude_B1 = head(embeddings_BD, margin, BOUNDS["l_a"], BOUNDS["u_a"])
        cross_entropy, g, _ = criterion(logits, labels_B, magnitude_B1)
        return cross_entropy + LAMBDA_G * g, LAMBDA_G * g

    return loss


def femb_loss(weight_CD: nn.Parameter) -> Loss:
    """Return the loss of femb's classifier with the same parameters."""
    classifier = MarginClassifier(build_header("magface", scale=SCALE, lambda_g=LAMBDA_G, **BOUNDS), D, C)
    classifier.weight = weight_CD

    def loss(embeddings_BD: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor]:
        output = classifier(embeddings_BD, labels_B)
        return output.loss, output.regularizer

    return loss


def train(problem: Problem, make_loss: Callable[[nn.Parameter], Loss], dtype: torch.dtype) -> Trajectory:
    """Train with SGD, momentum, weight decay and a learning rate that drops twice."""
    backbone = new_backbone()
    backbone.load_state_dict(problem.backbone)
    backbone.to(dtype)
    weight_CD = nn.Parameter(problem.weight_CD.to(dtype, copy=True))
    loss_of = make_loss(weight_CD)
    parameters = [*backbone.parameters(), weight_CD]
    optimizer = torch.optim.SGD(parameters, lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, DROPS)
    losses, regularizers, magnitudes = [], [], []
    for inputs_BF, labels_B in zip(problem.inputs_TBF.to(dtype), problem.labels_TB, strict=True):
        embeddings_BD = backbone(inputs_BF)
        loss, regularizer = loss_of(embeddings_BD, labels_B)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.detach())
        regularizers.append(regularizer.detach())
        magnitudes.append(embeddings_BD.detach().norm(dim=1))
    weights = torch.cat([parameter.detach().flatten() for parameter in parameters])
    figures = torch.stack(losses), torch.stack(regularizers), torch.stack(magnitudes), weights
    return Trajectory(*(figure.double() for figure in figures))


def table_row(name: str, ours: Trajectory, official: Trajectory) -> str:
    """Return the largest absolute difference of each quantity, and its share of the largest value."""
    cells = []
    for part in ("loss_T", "regularizer_T", "weights"):
        expected = getattr(official, part)
        difference = (getattr(ours, part) - expected).abs().max()
        cells.append(f"{difference:.1e} ({difference / expected.abs().max():.0e})")
    return f"| {name} | {T} | {' | '.join(cells)} |"


def describe(official: Trajectory) -> str:
    """Say how the loss and the magnitudes changed."""
    first, last = official.magnitude_TB[0].mean(), official.magnitude_TB[-1].mean()
    below = (official.magnitude_TB < BOUNDS["l_a"]).double().mean()
    above = (official.magnitude_TB > BOUNDS["u_a"]).double().mean()
    return (
        f"loss {official.loss_T[0]:.1f} to {official.loss_T[-1]:.1f}, mean magnitude {first:.1f} to {last:.1f}; of all"
        f" samples {below:.1%} lay below l_a = {BOUNDS['l_a']:g} and {above:.1%} above u_a = {BOUNDS['u_a']:g}"
    )


def draw(path: Path, official: Trajectory, ours: Trajectory, differences: dict[str, Tensor]) -> None:
    """Draw the two losses, and beside them their largest difference so far as a share of the largest loss."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.6, 4.8), dpi=100, layout="constrained")
    left.plot(official.loss_T, color="moccasin", linewidth=5, label="official MagLinear + MagLoss")
    left.plot(ours.loss_T, color="black", linewidth=1, label="femb magface")
    left.set(title="Loss, float64", xlabel="step", ylabel="loss", ylim=0)
    for name, difference_T in differences.items():
        largest_T = difference_T.cummax(0).values / official.loss_T.max()
        right.semilogy(largest_T.where(largest_T > 0, torch.nan), label=name)
    right.set(title="Largest difference of the losses so far / largest loss", xlabel="step")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, pil_kwargs={"optimize": True})


def compare(official: ModuleType, out: Path) -> None:
    """Run the five trainings, print the table and draw the picture."""

    def reference(weight_CD: nn.Parameter) -> Loss:
        return official_loss(official, weight_CD)

    problem = Problem.draw(seed=0)
    official64, official32 = (train(problem, reference, dtype) for dtype in (torch.float64, torch.float32))
    femb64, femb32 = (train(problem, femb_loss, dtype) for dtype in (torch.float64, torch.float32))
    nudged64 = train(problem.nudged(1 + 1e-15), reference, torch.float64)
    pairs = {
        "femb and official, float64": (femb64, official64),
        "femb and official, float32": (femb32, official32),
        "official float64, nudged and not": (nudged64, official64),
        "official, float32 and float64": (official32, official64),
    }
    print(f"{describe(official64)}\n")
    print("| compared | steps | loss | regulariser | final weights |\n|---|--:|--:|--:|--:|")
    for name, (ours, theirs) in pairs.items():
        print(table_row(name, ours, theirs))
    differences = {name: (ours.loss_T - theirs.loss_T).abs() for name, (ours, theirs) in pairs.items()}
    draw(out / "magface_trajectory.png", official64, femb64, differences)


def main() -> None:
    """Compare with the checkout in the arguments."""
    parser = argparse.ArgumentParser(description="Compare femb's MagFace training with the official code's.")
    parser.add_argument("checkout", type=Path, help="a clone of github.com/IrvingMeng/MagFace")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent, help="folder of the picture")
    arguments = parser.parse_args()
    official = load_official(arguments.checkout)
    command = ["git", "-C", str(arguments.checkout), "rev-parse", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    print(f"MagFace {commit}, torch {torch.__version__}")
    compare(official, arguments.out)


if __name__ == "__main__":
    main()
