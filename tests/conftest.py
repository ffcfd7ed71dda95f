"""Options of the test suite."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nets", type=int, help="random nets to check against autograd (default 2,000)")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--nets"):
        os.environ["CONVVIZ_NETS"] = str(config.getoption("--nets"))
