"""Options of the test suite, and one thread for each process: two that share a core are ten times slower than one."""

from __future__ import annotations

import gc
import os
from collections import Counter

gc.disable()  # until all is collected: what is imported and collected stays
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before torch and numpy are imported

import pytest  # noqa: E402

# Of every test in a browser.
from tests.browsing import browser_of_all, pages, pytest_terminal_summary, tab  # noqa: E402, F401
from tests.sweeps import reseed  # noqa: E402

KEPT = 5  # of a slow test's cases every so-manieth is run (or as its mark says: `keep=8`), the first always


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nets", type=int, help="random nets to check against autograd (default 2,000)")
    parser.addoption("--slow", action="store_true", help=f"all slow cases, not every {KEPT}th of each test")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--nets"):
        os.environ["CONVVIZ_NETS"] = str(config.getoption("--nets"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests run in a reduced form, unless all of them are asked for or they are named."""
    if config.getoption("--slow") or any("::" in argument for argument in config.args):
        return
    seen: Counter[str] = Counter()
    left = []
    for item in items:
        slow = item.get_closest_marker("slow")
        if slow:
            test = item.nodeid.partition("[")[0]
            seen[test] += 1
            if seen[test] % slow.kwargs.get("keep", KEPT) != 1:
                left.append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        dropped = set(left)
        items[:] = [item for item in items if item not in dropped]


def pytest_collection_finish() -> None:
    """What has come so far stays to the end: walking it again and again would take a tenth of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    reseed()
