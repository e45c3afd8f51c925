"""Measure the CPU time of embedding images, beside onnxruntime, OpenVINO and a plain loop of PyTorch.

    python benchmarks/embed.py FACES [--network iresnet50] [--images 128] [--rounds 5] [--threads 1]

FACES is a folder of aligned JPEGs of 112 x 112 pixels. All ways read, decode and embed the
same images with the same random weights in one process, and take turns. Counted is the time of the process, of all its
threads; loading and compiling are not, and are shown apart. The plain loop is that of face-embeddings' predict.py:
torch's DataLoader with batches of 64, Pillow, PyTorch's default layout. Its workers, processes there, are left out, so
that their time is counted, too. OpenVINO is measured where it is installed. The cosine is the least to the exact one.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.registry import make
from femb_cli.config.schema import BackboneConfig
from femb_cli.data.images.decode import decode_image
from femb_cli.data.open import open_source
from femb_cli.export.export import export_checkpoint
from femb_cli.export.plan import ExportPlan
from femb_cli.inference import load_embedder
from femb_cli.inference.embed import embed_source
from femb_cli.runtime.allocator import keep_freed_memory

BATCH = 64
EXACT = "femb --exact"

Embed = Callable[[], NDArray[np.float32]]


def main() -> None:
    """Print the table."""
    arguments = parse()
    keep_freed_memory()  # as the command line does
    torch.set_num_threads(arguments.threads)
    print(f"{processor()}, {arguments.threads} threads, torch {torch.__version__}, {arguments.network}\n")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        save_network(arguments.network, model)
        race(ways(model, arguments.faces, arguments.images), arguments.images, arguments.rounds)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("faces", type=Path, help="a folder of aligned JPEGs")
    parser.add_argument("--network", default="iresnet50")
    parser.add_argument("--images", type=int, default=2 * BATCH)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def processor() -> str:
    """Return the processor's name and the instructions that torch uses."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0].partition(': ')[2]} ({torch.backends.cpu.get_cpu_capability()})"


def save_network(name: str, path: Path) -> None:
    """Save a network of random weights whose batch norms have the statistics of random images."""
    torch.manual_seed(0)
    config = make(BackboneConfig, name)
    network = build_configured_backbone(config)
    with torch.no_grad():
        network.train()(torch.rand(16, 3, config.input_size, config.input_size) * 2 - 1)
    save_checkpoint(path, network.eval(), ModelCard(config))


def race(ways: dict[str, Embed], num_images: int, rounds: int) -> None:
    """Let the ways take turns, and print the medians of their times."""
    first, rows, times = {}, {}, {name: [] for name in ways}
    for name, embed in ways.items():
        started = time.process_time()
        rows[name] = embed()
        first[name] = time.process_time() - started
    for _ in range(rounds):
        for name, embed in ways.items():
            started = time.process_time()
            embed()
            times[name].append(1000 * (time.process_time() - started) / num_images)
    exact = statistics.median(times[EXACT])
    print("| way | CPU ms an image | ratio | all rounds | cosine | first round, s |\n|---|--:|--:|---|--:|--:|")
    for name, values in times.items():
        median, all_rounds = statistics.median(values), " ".join(f"{value:.0f}" for value in values)
        cosine = least_cosine(rows[name], rows[EXACT])
        print(f"| {name} | {median:.1f} | {median / exact:.2f} | {all_rounds} | {cosine:.6f} | {first[name]:.1f} |")
    print(flush=True)


def least_cosine(found_ND: NDArray[np.float32], exact_ND: NDArray[np.float32]) -> float:
    """Return the smallest cosine of an embedding to the exact one."""
    lengths_N = np.linalg.norm(found_ND, axis=1) * np.linalg.norm(exact_ND, axis=1)
    return float(((found_ND * exact_ND).sum(axis=1) / lengths_N).min())


def ways(model: Path, faces: Path, num_images: int) -> dict[str, Embed]:
    """Return the ways of embedding aligned faces."""
    source, rows = open_source(faces), np.arange(num_images)
    onnx = model.with_suffix(".onnx")
    export_checkpoint(open_checkpoint(model), onnx, ExportPlan("onnx"))
    exact, exported = load_embedder(model, "cpu"), load_embedder(onnx, "cpu")
    default_layout = open_checkpoint(model).load_backbone().eval()
    plain = load_embedder(model, "cpu", exact=False)
    compiled = load_embedder(model, "cpu", exact=False)
    compiled.expect(10**9, flip=False, batch_size=BATCH)  # as in a long job
    found = {
        "plain loop of PyTorch": lambda: plain_loop(default_layout, faces, num_images),
        EXACT: lambda: embed_source(exact, source, rows).rows_ND,
        f"femb, short job ({plain.computation})": lambda: embed_source(plain, source, rows).rows_ND,
        f"femb, long job ({compiled.computation}, compiled)": lambda: embed_source(compiled, source, rows).rows_ND,
        "onnxruntime, by femb": lambda: embed_source(exported, source, rows).rows_ND,
    }
    try:
        import openvino
    except ImportError:
        print("OpenVINO is not installed, and is left out")
        return found
    compiled_onnx = openvino.Core().compile_model(
        str(onnx), "CPU", {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
    )

    def by_openvino() -> NDArray[np.float32]:
        pixels = [decode_image(source.read(row), 112) for row in range(num_images)]
        batches = [exact.preprocessing(torch.from_numpy(np.stack(pixels[at : at + BATCH]))) for at in starts]
        return np.concatenate([compiled_onnx(batch.contiguous().numpy())[0] for batch in batches])

    starts = range(0, num_images, BATCH)
    return {**found, "OpenVINO, float32": by_openvino}


class Files(Dataset):
    """Images as face-embeddings reads them: by Pillow, to normalised tensors."""

    def __init__(self, faces: Path, num_images: int) -> None:
        self.source, self.folder, self.num_images = open_source(faces), faces, num_images

    def __len__(self) -> int:
        return self.num_images

    def __getitem__(self, row: int) -> torch.Tensor:
        with Image.open(self.folder / self.source.names[row]) as image:
            pixels_HW3 = np.array(image.convert("RGB"))
        return torch.from_numpy(pixels_HW3).permute(2, 0, 1).float().div(255).sub(0.5).div(0.5)


def plain_loop(network: torch.nn.Module, faces: Path, num_images: int) -> NDArray[np.float32]:
    """Embed as face-embeddings' predict.py at 8438913 does."""
    rows = []
    for batch in DataLoader(Files(faces, num_images), batch_size=BATCH):
        with torch.no_grad():
            rows.append(network(batch).cpu().numpy())
    return np.concatenate(rows)


if __name__ == "__main__":
    main()
