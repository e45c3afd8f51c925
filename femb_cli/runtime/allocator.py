"""Make glibc keep freed memory: on a CPU, torch allocates the same large blocks again at every step.

By default glibc returns such blocks to the kernel, which hands them out again page by page, so that page faults limit
a network's speed. `benchmarks/allocator.py` measures the gain.
"""

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Parameters of mallopt(3)."""


def keep_freed_memory() -> bool:
    """Make glibc keep freed memory for the next allocation, until this process ends.

    Returns:
        Whether that was possible: False on systems without glibc.
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
