"""The compiled kernels of quick.c: built once for this machine by its C compiler, if it has one, and loaded.

Nothing needs them: without a compiler, or with ``CONVVIZ_NATIVE=0``, torch does the same at half the speed.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("quick.c")
# No -ffast-math: a NaN must stay one, or a run that diverged would not be seen.
FLAGS = ["-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC"]
if platform.machine() == "x86_64":
    FLAGS.append("-mprefer-vector-width=512")  # else compilers use half of that: a third slower in bfloat16
PATIENCE = 60  # seconds for the compiler
POINTER, LONG, FLOAT, DOUBLE = ctypes.c_void_p, ctypes.c_long, ctypes.c_float, ctypes.c_double
FORWARD = [POINTER] * 3 + [LONG] * 2 + [FLOAT] * 3 + [DOUBLE] * 2 + [POINTER] * 7 + [LONG]
BACKWARD = [POINTER] * 4 + [LONG] * 2 + [FLOAT] * 3 + [POINTER] * 7 + [LONG]


@functools.cache
def kernels() -> ctypes.CDLL | None:
    """The library, compiled now where it never was (a second or two); None where that cannot be done."""
    if os.environ.get("CONVVIZ_NATIVE") == "0" or not sys.platform.startswith("linux"):
        return None
    # Loaded after torch, whose OpenMP it then shares: two of them would fight for the cores.
    import torch  # noqa: F401

    with contextlib.suppress(OSError, subprocess.SubprocessError, AttributeError):
        library = ctypes.CDLL(str(_built()))
        for kind in ("float32", "bfloat16"):
            getattr(library, f"forward_{kind}").argtypes = FORWARD
            getattr(library, f"backward_{kind}").argtypes = BACKWARD
        return library
    return None


def _built() -> Path:
    """The compiled file in the user's cache; raises OSError or SubprocessError."""
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")
    if compiler is None:
        raise OSError("no C compiler")
    # A home folder may be shared by machines of several kinds, and the code is for this one.
    parts = (SOURCE.read_text(encoding="utf-8"), *FLAGS, compiler, _processor())
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "convviz"
    file = cache / f"quick-{name}.so"
    if file.exists():
        return file
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        fresh = Path(folder) / file.name
        subprocess.run(
            [compiler, *FLAGS, "-o", str(fresh), str(SOURCE), "-lm"],
            check=True, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        os.replace(fresh, file)  # whole or not at all, whoever else builds it now
    return file


def _processor() -> str:
    """What tells this processor from another that runs the same system."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return platform.machine() + "".join(
            sorted({line for line in lines if line.startswith(("flags", "Features"))})
        )
    return platform.machine() + platform.node()


@functools.cache
def keep_memory() -> bool:
    """Let freed memory stay with the process, where the C library can: whether it does now.

    glibc hands the large tensors of each step back to the system and asks for them anew in the next, and every page
    of them is then cleared again: ten thousand pages in a step of a small net.
    """
    if not sys.platform.startswith("linux"):
        return False
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        trim, mapped = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD; 32 MiB is the most for the second
        return bool(mallopt(mapped, 32 << 20) and mallopt(trim, 2**31 - 1))
    return False
