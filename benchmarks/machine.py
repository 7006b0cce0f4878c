"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import sklearn
import torch

import seqwise


def describe_machine() -> dict[str, object]:
    """Name the processor, its cores, the threads in use and the versions."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
        "seqwise": seqwise.__version__,
    }
