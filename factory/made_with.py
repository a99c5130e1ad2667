"""What made a product: library versions, CPU, threads, device. Recorded beside it, never part of its key."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from factory.config import Runtime

LIBRARIES = (
    "factory-slm",
    "torch",
    "transformers",
    "peft",
    "trl",
    "bitsandbytes",
    "liger-kernel",
    "accelerate",
    "datasets",
    "tokenizers",
    "mlflow",
    "numpy",
    "pyarrow",
)


def made_with(runtime: Runtime) -> dict[str, str | int]:
    """Python, libraries, machine and how it is used. Same bytes are promised for the same of these."""
    return {
        "python": platform.python_version(),
        **{name: library(name) for name in LIBRARIES},
        "cpu": processor(),
        "threads": runtime.threads,
        "device": runtime.device,
    }


def library(name: str) -> str:
    """A library's installed version."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


@cache
def processor() -> str:
    """The CPU's model name, and the vector instructions that decide how floats are summed."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    lines = dict(line.split(":", 1) for line in info.read_text().split("\n\n")[0].splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in lines.items()}
    flags = [flag for flag in fields.get("flags", "").split() if flag.startswith(("avx2", "avx512f", "amx", "fma"))]
    return f"{fields.get('model name', platform.machine())} {' '.join(flags)}".strip()
