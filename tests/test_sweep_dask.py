"""A sweep on a real Dask cluster of two workers, one of which is killed on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
distributed = pytest.importorskip("distributed")

from convviz.errors import ConvvizError  # noqa: E402
from convviz.runs.run import SUMMARY, find_runs  # noqa: E402
from convviz.train import cluster as clusters  # noqa: E402
from convviz.train import sweep as sweeps  # noqa: E402
from convviz.train.cluster import cluster  # noqa: E402
from convviz.train.sweep import Progress, sweep  # noqa: E402
from convviz.train.task import Task, run_task  # noqa: E402
from tests.datafiles import write_mnist  # noqa: E402
from tests.sweeping import Notes, quick, weights  # noqa: E402
from tests.tiny import same  # noqa: E402


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a scheduler with two workers; a third takes the place of one that is killed."""
    options = {"processes": True, "dashboard_address": None, "memory_limit": 0, "silence_logs": 50}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as found:
        yield found.scheduler_address


class Killer(Notes):
    """Kills the process of a run that is past its first epoch, once."""

    def __init__(self) -> None:
        super().__init__()
        self.killed: Any = None

    def look(self, progress: Progress) -> None:
        for job, news in progress.running.items():
            if self.killed is None and news.get("epoch", 0) >= 2:
                self.killed = (job.arm, job.recipe.seed)
                os.kill(int(news["pid"]), signal.SIGKILL)


def test_every_run_is_there_once_though_a_worker_is_killed(
    address: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sweeps, "LOOK", 0.02)
    data = write_mnist(tmp_path / "data" / "mnist", 96, 20, level=1).parent
    experiment = quick(tmp_path).changed(dataset="mnist", epochs=10, train_images=None)
    folder, killer = tmp_path / "out", Killer()
    swept = sweep(experiment, folder, backend=cluster("dask", address), watch=killer, data_dir=data)
    assert killer.killed and not swept.failures and swept.complete
    assert sorted((arm, seed) for arm, seed, _ in killer.ends) == sorted(
        (j.arm, j.recipe.seed) for j in experiment.jobs
    )
    assert len(find_runs(folder)) == len(list(folder.rglob(SUMMARY))) == 4
    assert all([row["epoch"] for row in run.history] == list(range(1, 11)) for run in swept.runs)
    arm, seed = killer.killed  # the run that was killed is the one that it would have been
    run_task(Task(experiment.recipe(arm, seed), str(tmp_path / "here"), arm, "quick", data_dir=str(data)))
    (there,) = [run for run in swept.runs if (run.arm, run.seed) == killer.killed]
    assert same(weights(there), weights(tmp_path / "here"))


def test_workers_that_do_not_see_the_folder_send_their_runs(
    address: str, tmp_path: Path, monkeypatch: Any
) -> None:
    data = write_mnist(tmp_path / "data" / "mnist", 64, 20, level=1).parent
    experiment = quick(tmp_path).changed(dataset="mnist", train_images=None)
    real = cluster("dask", address)

    class Blind(type(real)):  # type: ignore[misc]
        def start(self, task: Task) -> Any:
            return super().start(replace(task, going="/not/shared"))

    real.__class__ = Blind
    swept = sweep(experiment.with_seeds(0), tmp_path / "out", backend=real, data_dir=data)
    assert swept.complete and all(run.summary["output"] == str(run.folder) for run in swept.runs)


def test_a_cluster_that_does_not_answer(monkeypatch: Any) -> None:
    monkeypatch.setattr(clusters, "JOIN", 0.2)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(ConvvizError, match=f"{address}: no Dask scheduler answers: ") as err:
            cluster("dask", address)
        assert "\n" not in str(err.value)
