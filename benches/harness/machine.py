"""The machine and the Python a run was made on."""

import os
import platform
import sysconfig
from dataclasses import dataclass
from pathlib import Path

QUIET_LOAD = 0.5


@dataclass(frozen=True, slots=True)
class Machine:
    """What figures depend on besides the code."""

    cpu: str
    cores: int
    kernel: str
    libc: str
    python: str
    compiler: str
    optimizations_enabled: bool


def describe() -> Machine:
    """Looks at this machine and at the Python that runs this."""
    return Machine(
        cpu=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        kernel=f"{platform.system()} {platform.release()}",
        libc=" ".join(platform.libc_ver()),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        compiler=platform.python_compiler(),
        # Its absence proves nothing: Debian builds with profiles and does not configure it.
        optimizations_enabled="--enable-optimizations"
        in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
    )


def load_average() -> float:
    """How many processes wanted to run in the last minute."""
    return os.getloadavg()[0]


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
