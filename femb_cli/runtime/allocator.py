"""Keeping freed memory: torch on a CPU asks for the same large blocks at every step.

glibc gives such blocks back to the kernel when they are freed, and the kernel hands them out again page by page;
a network's forward pass is then limited by page faults. See `benchmarks/allocator.py` for what this is worth.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Parameters of mallopt(3)."""


def keep_freed_memory() -> bool:
    """Tell glibc to keep what is freed for the next allocation, for the life of this process.

    Returns:
        Whether there was a glibc to tell.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 64 << 20)
    return True
