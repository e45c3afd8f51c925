"""Freed memory stays with the process."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource
from femb_cli.runtime.allocator import keep_freed_memory

def page_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        bytearray(16 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = page_faults()
kept = keep_freed_memory()
page_faults()
print(kept, before, page_faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_memory_that_is_kept_is_not_faulted_in_again():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    kept, before, after = done.stdout.split()
    assert kept == "True"
    assert int(before) > 1000
    assert int(after) < int(before) / 10
