"""Measure the images per second from encoded bytes to normalised batches, beside arcface_torch's own dataset.

    python benchmarks/loader.py --records records --rival-python PYTHON --arcface-torch CHECKOUT

The rival is the checkout's own `MXFaceDataset` (mxnet's reader and decoder, then torchvision's transforms) in torch's
DataLoader, in a Python that has mxnet. Its DataLoaderX needs a GPU, so it is not used. The contestants take turns, each
in its own process, with two workers or two threads. The first batches of a round do not count.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

RIVAL = """
import json, sys, time
sys.path.insert(0, sys.argv[2])
import torch
from torch.utils.data import DataLoader
torch.set_num_threads(1)
from dataset import MXFaceDataset
make_tensor = torch.tensor
# The labels are float32, which the current torch does not convert to integers.
torch.tensor = lambda value, dtype=None: make_tensor(int(value), dtype=dtype)
images = MXFaceDataset(sys.argv[1], local_rank=0)
generator = torch.Generator().manual_seed(0)
loader = DataLoader(images, batch_size=128, shuffle=True, num_workers=2, drop_last=True, generator=generator)
times, until = [], time.perf_counter() + float(sys.argv[3])
for pixels, labels in loader:
    times.append(time.perf_counter())
    if times[-1] > until:
        break
print(json.dumps(times))
"""
BATCH, WORKERS, WARM_UP = 128, 2, 20
WAYS = (
    *("threads, arrow", "threads, webdataset", "threads, recordio", "threads, parquet", "threads, torchvision"),
    "processes, arrow",
)


def main() -> None:
    """Run the contestants in turn and print their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, required=True, help="folder with train.rec, see recordset.py")
    parser.add_argument("--rival-python", help="a Python with mxnet and torch; left out: femb alone")
    parser.add_argument("--arcface-torch", type=Path, help="insightface/recognition/arcface_torch")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="only these of femb's ways")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(_arrivals(arguments.way, arguments.data, arguments.seconds)))
        return
    with tempfile.TemporaryDirectory() as folder:
        rates = _race(arguments, Path(folder))
    rival = statistics.median(rates.get("arcface_torch", [float("nan")]))
    print(f"{'way':<24}{'images/s':>10}{'ratio':>8}   all rounds")
    for way, of_way in rates.items():
        median = statistics.median(of_way)
        print(f"{way:<24}{median:>10,.0f}{median / rival:>8.2f}   {' '.join(f'{rate:.0f}' for rate in of_way)}")


def _race(arguments: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    data = {"recordio": arguments.records / "train.rec"}
    for form in ("arrow", "webdataset", "parquet"):
        data[form] = folder / form
        command = ["femb", "convert", str(arguments.records), str(data[form]), "--format", form, "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    commands = {}
    for way in arguments.ways:
        path = data.get(way.split()[-1], data["arrow"])
        own = ["--records", ".", "--way", way, "--data", str(path), "--seconds", str(arguments.seconds)]
        commands[way] = [sys.executable, __file__, *own]
    if arguments.rival_python:
        rival = [str(arguments.records), str(arguments.arcface_torch), str(arguments.seconds)]
        commands = {"arcface_torch": [arguments.rival_python, "-c", RIVAL, *rival]} | commands
    rates: dict[str, list[float]] = {way: [] for way in commands}
    for _ in range(arguments.rounds):
        for way, command in commands.items():
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            rates[way].append(_rate(json.loads(output.splitlines()[-1])))
    return rates


def _rate(times: list[float]) -> float:
    """Return the images per second after the first batches, which include the start and the batches read ahead."""
    return BATCH * (len(times) - 1 - WARM_UP) / (times[-1] - times[WARM_UP])


def _arrivals(way: str, data: Path, seconds: float) -> list[float]:
    """Return the time at which each normalised batch is ready."""
    import torch

    from femb_cli.data.images.preprocess import Preprocessing
    from femb_cli.runtime.allocator import keep_freed_memory

    keep_freed_memory()  # as the command line does
    torch.set_num_threads(1)
    preprocess = Preprocessing()
    times: list[float] = []
    for images_BHW3 in _batches(way, data):
        preprocess(images_BHW3)
        times.append(time.perf_counter())
        if times[-1] > times[0] + seconds:  # opening a source does not count
            break
    return times


def _batches(way: str, data: Path) -> Iterator["torch.Tensor"]:  # noqa: F821
    from femb_cli.data.images import decode
    from femb_cli.data.loading.loader import ShuffledBatches, TrainingImages, training_batches
    from femb_cli.data.open import open_source

    images = TrainingImages(open_source(data))
    rows = ShuffledBatches(len(images), BATCH, start=0, stop=10**9, seed=0, groups=images.groups)
    if way.startswith("processes"):
        return _in_processes(images, rows)
    if way == "threads, torchvision":
        decode.simplejpeg = _Torchvision()
    return (batch.images_BHW3 for batch in training_batches(images, rows, threads=WORKERS))


def _in_processes(images: "TrainingImages", rows: Iterable["np.ndarray"]) -> Iterator["torch.Tensor"]:  # noqa: F821
    """Decode in the same way in the worker processes of torch's DataLoader."""
    import numpy as np
    import torch
    from torch.utils.data import DataLoader

    class Whole:
        def __getitem__(self, rows_B: "np.ndarray") -> "torch.Tensor":
            pixels = torch.empty((len(rows_B), images.size, images.size, 3), dtype=torch.uint8)
            images.decode(rows_B, pixels.numpy())
            return pixels

    return iter(DataLoader(Whole(), sampler=rows, batch_size=None, num_workers=WORKERS, prefetch_factor=4))


class _Torchvision:
    """torchvision's decoder with the interface of simplejpeg."""

    def decode_jpeg(self, encoded: bytes, colours: str, buffer: "np.ndarray") -> "np.ndarray":  # noqa: F821
        import torch

        pixels = torch.ops.image.decode_jpeg(torch.frombuffer(encoded, dtype=torch.uint8), 3, False)
        buffer[:] = pixels.permute(1, 2, 0).numpy()
        return buffer


if __name__ == "__main__":
    import torchvision  # noqa: F401 - registers its operators

    main()
