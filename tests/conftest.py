"""Options of the test suite, and one thread for each process: two that share a core are ten times slower than one."""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before torch and numpy are imported

import pytest  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nets", type=int, help="random nets to check against autograd (default 2,000)")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--nets"):
        os.environ["CONVVIZ_NETS"] = str(config.getoption("--nets"))
