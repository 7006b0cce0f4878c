"""The peak memory of a process."""

from pathlib import Path


def peak_megabytes() -> int:
    """Read it from Linux; `ru_maxrss` begins with the memory of the process before this one."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))
