"""Measure time and memory of converting a large official checkpoint, for three file formats.

    python benchmarks/checkpoints.py --identities 70000

The checkpoint is an IResNet-100 with random weights and class weights: 404 MB with 70,000 identities. The formats are
those of arcface_torch, MagFace (the old format of torch.save) and safetensors. Each conversion runs in its own process.
Memory is the peak of that process above its memory after importing torch.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES = {
    "arcface_torch's checkpoint_gpu_0.pt": "1/checkpoint_gpu_0.pt",
    "MagFace's .pth, old format": "2/magface.pth",
    "safetensors": "3/magface.safetensors",
}


def main() -> None:
    """Write the files, convert them in turn and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--identities", type=int, default=70_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--convert", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        _write(arguments.write, arguments.identities)
        return
    if arguments.convert:
        print(json.dumps(_measure(arguments.convert)))
        return
    with tempfile.TemporaryDirectory(prefix="femb-") as folder:
        # In its own process, because a child process inherits the peak memory of its parent.
        command = [sys.executable, __file__, "--write", folder, "--identities", str(arguments.identities)]
        subprocess.run(command, check=True)
        files = {name: Path(folder) / file for name, file in FILES.items()}
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in files}
        for _ in range(arguments.rounds):
            for name, file in files.items():
                command = [sys.executable, __file__, "--convert", str(file)]
                runs[name].append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
        print("| file | MB | s | memory over torch's, MB | as a share of the file |")
        print("|---|--:|--:|--:|--:|")
        for name, file in files.items():
            size = file.stat().st_size / 1e6
            seconds, megabytes = (statistics.median(run[key] for run in runs[name]) for key in ("s", "mb"))
            print(f"| {name} | {size:.0f} | {seconds:.1f} | {megabytes:.0f} | {megabytes / size:.2f} |")


def _write(folder: Path, num_identities: int) -> None:
    """Write the same network and class weights in three formats, each in its own folder."""
    import torch
    from safetensors.torch import save_file

    from femb_cli.backbones import build_backbone

    torch.manual_seed(0)
    network = build_backbone("iresnet100").state_dict()
    class_weights = torch.randn(num_identities, 512) * 0.01
    magface = {f"features.module.{name}": tensor.contiguous() for name, tensor in network.items()}
    magface["parallel_fc.weight"] = class_weights
    resume, old, plain = (folder / file for file in FILES.values())
    for file in (resume, old, plain):
        file.parent.mkdir()
    torch.save({"epoch": 1, "state_dict_backbone": network, "state_dict_softmax_fc": {"weight": class_weights}}, resume)
    torch.save({"epoch": 1, "state_dict": magface}, old, _use_new_zipfile_serialization=False)
    save_file(magface, plain)


def _measure(file: Path) -> dict[str, float]:
    """Return the seconds of a conversion, and the megabytes of its peak above those after importing torch."""
    import torch  # noqa: F401  (its memory does not count)

    before = _peak_megabytes()
    from femb_cli.checkpoints.official import convert_checkpoint

    start = time.perf_counter()
    convert_checkpoint(file, file.parent / "converted", overwrite=True, say=lambda text: None)
    return {"s": time.perf_counter() - start, "mb": _peak_megabytes() - before}


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
