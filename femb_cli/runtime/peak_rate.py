"""The largest rate at which a GPU multiplies matrices, as its maker states it; a training reaches a share of it."""

import torch

PEAK_TFLOPS = {
    "B200": 2250.0,
    "H200": 989.0,
    "H100 PCIe": 756.0,
    "H100 NVL": 835.0,
    "H100": 989.0,
    "A100": 312.0,
    "A40": 149.7,
    "A10G": 70.0,
    "A10": 125.0,
    "L40S": 362.0,
    "L4": 121.0,
    "RTX 6000 Ada": 364.2,
    "RTX 4090": 165.2,
    "RTX 3090": 71.0,
}
"""10^12 operations in a second with dense bfloat16 matrices and float32 sums, from NVIDIA's data sheets; a name that
contains another stands before it."""
_SHARES = {"bf16": 1.0, "fp16": 1.0, "tf32": 0.5}
"""Of that rate, in another precision; float32 has units of its own."""


def peak_rate(device: torch.device, precision: str) -> float | None:
    """Return the floating-point operations in a second that a device reaches at most; None if that is not known.

    Args:
        device: where the training runs.
        precision: that of the configuration.
    """
    if device.type != "cuda" or precision not in _SHARES:
        return None
    name = torch.cuda.get_device_name(device)
    known = next((rate for part, rate in PEAK_TFLOPS.items() if part in name), None)
    return None if known is None else known * 1e12 * _SHARES[precision]
