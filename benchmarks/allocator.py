"""Compare the CPU time of a forward pass with glibc's defaults and with freed memory kept.

    python benchmarks/allocator.py

The two variants take turns, each in its own process; the table shows medians over the rounds.
"""

import statistics
import subprocess
import sys
import time

ROUNDS = 5
BATCHES = (16, 64)


def measure(keep: bool, batch: int) -> float:
    """Return the CPU milliseconds per image of MobileFaceNet: one thread, batches of 112 x 112 images."""
    import torch

    from femb_cli.backbones import build_backbone
    from femb_cli.runtime.allocator import keep_freed_memory

    if keep:
        keep_freed_memory()
    torch.set_num_threads(1)
    network = build_backbone("mobilefacenet", embedding_dim=128).eval().to(memory_format=torch.channels_last)
    images = torch.randn(batch, 3, 112, 112).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        network(images)
        started = time.process_time()
        for _ in range(3):
            network(images)
    return 1000 * (time.process_time() - started) / (3 * batch)


def main() -> None:
    """Measure both variants and print the table."""
    print(f"{'batch':>5}   {'default':>10}   {'kept':>10}   ratio    (CPU ms per image, medians of {ROUNDS})")
    for batch in BATCHES:
        times: dict[str, list[float]] = {"0": [], "1": []}
        for _ in range(ROUNDS):
            for keep in times:
                command = [sys.executable, __file__, keep, str(batch)]
                times[keep].append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        default, kept = (statistics.median(times[keep]) for keep in "01")
        print(f"{batch:>5}   {default:>10.2f}   {kept:>10.2f}   {kept / default:.2f}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(measure(sys.argv[1] == "1", int(sys.argv[2])))
    else:
        main()
