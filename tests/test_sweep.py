"""`convviz sweep`: every run is there once at the end, whoever dies, waits or fails on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

torch = pytest.importorskip("torch")
pytest.importorskip("joblib")
pytest.importorskip("sklearn")

from convviz.cli import main  # noqa: E402
from convviz.errors import ConvvizError  # noqa: E402
from convviz.runs import lock as locks  # noqa: E402
from convviz.runs.experiment import Job  # noqa: E402
from convviz.runs.lock import Busy, Lock, holder_of  # noqa: E402
from convviz.runs.recipe import Recipe  # noqa: E402
from convviz.runs.run import CHECKPOINT, SUMMARY, Run, find_runs, read_run  # noqa: E402
from convviz.runs.status import all_of, check_folder  # noqa: E402
from convviz.train import cluster as clusters  # noqa: E402
from convviz.train import sweep as sweeps  # noqa: E402
from convviz.train import task as tasks  # noqa: E402
from convviz.train.sweep import Progress, Times, sweep  # noqa: E402
from convviz.train.task import BUSY, DONE, FAILED, STOPPED, Task, adopt, asked_to_stop, run_away, run_task  # noqa: E402
from tests.datafiles import write_mnist  # noqa: E402
from tests.sweeping import EXPERIMENT, NET, Here, Notes, quick, weights  # noqa: E402
from tests.tiny import same  # noqa: E402

BAD = """
  diverges: {lr: 1.0e+30}
  unfit: {net: code1, dataset: cifar10}
"""
HOLD = (
    "import sys, time; from convviz.runs.lock import Lock; "
    "Lock(sys.argv[1]).__enter__(); print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def experiment(tmp_path: Path) -> Any:
    return quick(tmp_path)


def call(*arguments: object, backend: Here | None = None, monkeypatch: Any = None) -> Result:
    if backend is not None:
        monkeypatch.setattr(sweeps, "local", lambda jobs, runs: backend)
    return CliRunner().invoke(main, ["sweep", *map(str, arguments)], standalone_mode=False)


# -- every run once ---------------------------------------------------------------------------------------------
def test_every_run_is_there_once_and_is_kept(experiment: Any, tmp_path: Path) -> None:
    folder, first, notes = tmp_path / "out", Here(), Notes()
    swept = sweep(experiment, folder, backend=first, watch=notes)
    assert first.started == [("plain", 0), ("L2", 0), ("plain", 1), ("L2", 1)]  # seed by seed
    assert first.most == 2 and first.closed
    assert swept.complete and not swept.failures and not swept.stopped
    assert [(run.arm, run.seed) for run in swept.runs] == [
        (job.arm, job.recipe.seed) for job in experiment.jobs
    ]
    assert [end[:2] for end in notes.ends] == first.started
    assert len(find_runs(folder)) == 4
    assert {path.name for path in folder.iterdir()} == {"plain", "L2"}  # nothing else is left behind
    assert not list(folder.rglob(".*"))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    again = Here()
    assert sweep(experiment.with_seeds(0, 1, 2), folder, backend=again).complete
    assert again.started == [("plain", 2), ("L2", 2)]
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())


def test_arms_have_the_same_first_weights_and_other_results(experiment: Any, tmp_path: Path) -> None:
    plain, l2 = sweep(experiment.with_seeds(3), tmp_path / "out", backend=Here()).runs
    assert not same(weights(plain), weights(l2))
    assert plain.recipe.differences(l2.recipe).keys() == {"l2"}


def test_a_stopped_run_goes_on_to_the_same_weights(experiment: Any, tmp_path: Path) -> None:
    straight = sweep(experiment, tmp_path / "straight", backend=Here()).runs
    backend, steps = Here(slots=1), iter(range(10**6))
    backend.run = lambda task: run_task(
        task, stop=lambda: next(steps) == 3
    )  # the stop is asked after each step
    real, tasks.LOOKED = tasks.LOOKED, 0.0
    try:
        folder = tmp_path / "halves"
        one = sweep(experiment.only("plain").with_seeds(0), folder, backend=backend)
    finally:
        tasks.LOOKED = real
    assert not one.runs and not one.stopped
    assert [failure.message for failure in one.failures] == [
        "was stopped from outside; the same command goes on with it"
    ]
    (left,) = [item for item in all_of(experiment, folder) if item.state == "stopped"]
    assert (left.folder / CHECKPOINT).exists() and left.epochs == 1
    halves = sweep(experiment, folder, backend=Here())
    assert all(same(weights(a), weights(b)) for a, b in zip(straight, halves.runs, strict=True))


def test_runs_that_fail_do_not_stop_the_others(tmp_path: Path, monkeypatch: Any) -> None:
    text = EXPERIMENT.replace("seeds: 2", "seeds: 2").replace(
        "  L2: {l2: 1.0e-3}\n", "  L2: {l2: 1.0e-3}" + BAD
    )
    experiment = quick(
        tmp_path, text.replace("dataset: cifar10", "dataset: digits").replace("code1", "cifar_s7_small")
    )
    swept = sweep(experiment, tmp_path / "out", backend=Here())
    assert [(run.arm, run.seed) for run in swept.runs] == [("plain", 0), ("L2", 0), ("plain", 1), ("L2", 1)]
    told = {(failure.job.arm, failure.job.recipe.seed): failure.message for failure in swept.failures}
    assert told.keys() == {(arm, seed) for arm in ("diverges", "unfit") for seed in (0, 1)}
    assert "the loss is" in told["diverges", 0] and "a smaller learning rate" in told["diverges", 0]
    assert "takes 3x32x32, but the images of scikit-learn digits" in told["unfit", 1]
    found = call(tmp_path / "quick.yaml", "-o", tmp_path / "out", backend=Here(), monkeypatch=monkeypatch)
    assert found.exit_code == 1
    assert "convviz: failed: unfit, seeds 0, 1: cifar_s7_small: takes 3x32x32" in found.output
    assert "diverges  0" in found.output


def test_an_unexpected_fault_is_one_line(experiment: Any, tmp_path: Path, monkeypatch: Any) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("of\ntorch's own")

    monkeypatch.setattr("convviz.train.run.train", broken)
    swept = sweep(experiment, tmp_path / "out", backend=Here())
    assert {failure.message for failure in swept.failures} == {"unexpected RuntimeError: of torch's own"}


# -- processes that die -----------------------------------------------------------------------------------------
def test_a_run_whose_process_dies_is_started_again(experiment: Any, tmp_path: Path) -> None:
    backend = Here(deaths={("plain", 0): 1, ("L2", 1): 2})
    swept = sweep(experiment, tmp_path / "out", backend=backend)
    assert swept.complete and not swept.failures
    assert backend.started.count(("plain", 0)) == 2 and backend.started.count(("L2", 1)) == 3
    assert backend.started[-1] == ("L2", 1) and backend.alone["L2", 1]  # a suspect comes last, and alone


def test_a_run_that_kills_its_process_is_given_up(experiment: Any, tmp_path: Path) -> None:
    swept = sweep(experiment, tmp_path / "out", backend=Here(deaths={("plain", 1): 99}))
    (failure,) = swept.failures
    assert failure.job.arm == "plain" and failure.message == "its process was ended from outside (3 times)"
    assert len(swept.runs) == 3


class Killer(Notes):
    """Kills, the hard way, the first process that tells its number while a run is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.killed = 0

    def look(self, progress: Progress) -> None:
        super().look(progress)
        for news in progress.running.values():
            if not self.killed and news.get("epoch", 0) >= 2:
                self.killed = int(news["pid"])
                os.kill(self.killed, signal.SIGKILL)


def test_a_process_that_is_killed_loses_nothing(experiment: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sweeps, "LOOK", 0.02)
    data = write_mnist(tmp_path / "data" / "mnist", 96, 20, level=1).parent
    longer = experiment.only("plain").changed(dataset="mnist", epochs=10, train_images=None).with_seeds(0)
    killer = Killer()
    swept = sweep(longer, tmp_path / "out", jobs=1, watch=killer, data_dir=data)
    assert killer.killed and swept.complete and not swept.failures
    here = run_task(Task(longer.recipe("plain", 0), str(tmp_path / "here"), "plain", "quick", str(data)))
    assert here.state == DONE and same(weights(swept.runs[0]), weights(tmp_path / "here"))


LONG = EXPERIMENT.replace("epochs: 2", "epochs: 3000")


def started(tmp_path: Path) -> subprocess.Popen[str]:
    """A sweep in a process of its own, of which a run is under way."""
    quick(tmp_path, LONG)
    write_mnist(tmp_path / "mnist", 96, 20, level=1)
    command = [sys.executable, "-m", "convviz", "sweep", "quick.yaml", "-o", "out", "--jobs", "1"]
    command += ["--data", "mnist", "--data-dir", "."]
    root = str(Path(__file__).parent.parent)
    process = subprocess.Popen(
        command, cwd=tmp_path, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    wait_for(lambda: any((tmp_path / "out").rglob(CHECKPOINT)), process)
    return process


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(ready: Any, process: subprocess.Popen[str] | None = None, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end and (process is None or process.poll() is None)
        time.sleep(0.05)


def test_ctrl_c_keeps_the_checkpoint_and_leaves_with_130(tmp_path: Path) -> None:
    process = started(tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 130 and "Traceback" not in err and out == ""
    assert err.splitlines()[-1] == (
        "convviz: stopped with 0 of 4 runs finished; the same command goes on from here"
    )
    (kept,) = find_runs(tmp_path / "out")
    assert not kept.finished and (kept.folder / CHECKPOINT).exists() and holder_of(kept.folder) is None
    assert not list((tmp_path / "out").glob(".sweep-*"))


@pytest.mark.slow
def test_processes_end_with_a_sweep_that_is_killed(tmp_path: Path) -> None:
    process = started(tmp_path)
    (folder,) = [path.parent for path in (tmp_path / "out").rglob(CHECKPOINT)]
    worker = locks.told_in(folder)["pid"]
    assert worker != process.pid
    process.kill()
    process.wait()
    wait_for(lambda: holder_of(folder) is None)  # it saved its run and let it go
    wait_for(lambda: not alive(worker))
    kept = read_run(folder)
    assert not kept.finished and len(kept.history) >= 1 and (folder / CHECKPOINT).exists()


# -- two sweeps on one folder -----------------------------------------------------------------------------------
def test_a_run_that_another_process_has_is_waited_for(
    experiment: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sweeps, "AGAIN", 0.0)
    folder, first = tmp_path / "out", experiment.jobs[0]
    held = Lock(folder / first.folder)
    held.__enter__()

    class Releases(Notes):
        def look(self, progress: Progress) -> None:
            super().look(progress)
            if first in progress.waiting and progress.finished == 3:
                held.__exit__(None, None, None)

    notes, backend = Releases(), Here()
    swept = sweep(experiment, folder, backend=backend, watch=notes)
    assert swept.complete and not swept.failures
    assert [end[:2] for end in notes.ends][-1] == (first.arm, 0)
    (text,) = notes.waits
    assert f"is being trained by process {os.getpid()} on " in text and text.startswith(
        str(folder / first.folder)
    )


def test_a_run_that_another_process_finishes_is_taken_over(
    experiment: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sweeps, "AGAIN", 0.0)
    folder = tmp_path / "out"
    other = sweep(experiment, tmp_path / "other", backend=Here()).runs[0]
    backend, calls = Here(), []

    def busy_once(task: Task) -> Any:
        if not calls and not calls.append(task):  # type: ignore[func-returns-value]
            Path(task.folder).parent.mkdir(parents=True)
            other.folder.rename(task.folder)  # finished elsewhere meanwhile
            return tasks.Outcome(BUSY, "elsewhere")
        return run_task(task)

    backend.run = busy_once
    swept = sweep(experiment, folder, backend=backend)
    assert swept.complete and swept.runs[0].summary == other.summary


def test_only_one_process_has_a_lock(tmp_path: Path) -> None:
    with Lock(tmp_path / "run") as mine:
        with (
            pytest.raises(Busy, match=f"run: is being trained by process {os.getpid()} on"),
            Lock(tmp_path / "run"),
        ):
            pass
        mine.tell(epoch=3, share=0.5)
        assert holder_of(tmp_path / "run") == {**locks.told_in(tmp_path / "run"), "epoch": 3, "share": 0.5}
    assert holder_of(tmp_path / "run") is None and not (tmp_path / "run" / locks.NAME).exists()
    with Lock(tmp_path / "run"):
        pass


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)})  # fmt: skip
    assert process.stdout and process.stdout.readline() == "held\n"
    with pytest.raises(Busy, match=f"process {process.pid} on"), Lock(tmp_path):
        pass
    process.kill()
    process.wait()
    assert (tmp_path / locks.NAME).exists() and holder_of(tmp_path) is None
    with Lock(tmp_path):
        assert holder_of(tmp_path)["pid"] == os.getpid()  # type: ignore[index]


def test_a_lock_that_says_nothing_readable_is_one_all_the_same(tmp_path: Path) -> None:
    with Lock(tmp_path):
        (tmp_path / locks.NAME).write_bytes(b"\xff{")
        assert holder_of(tmp_path) == {}
        with pytest.raises(Busy, match="trained by another process"), Lock(tmp_path):
            pass


def test_a_folder_that_cannot_be_locked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConvvizError, match="file: cannot be locked: "), Lock(tmp_path / "file"):
        pass


# -- stopping ---------------------------------------------------------------------------------------------------
def test_a_sweep_that_is_asked_to_stop_leaves_the_rest(experiment: Any, tmp_path: Path) -> None:
    notes, seen = Notes(), []
    backend = Here()
    backend.run = lambda task: (seen.append(Path(task.going).exists()), run_task(task))[1]  # type: ignore[func-returns-value]
    swept = sweep(experiment, tmp_path / "out", backend=backend, watch=notes, stop=lambda: bool(notes.ends))
    assert swept.stopped and not swept.complete and len(backend.started) == 2
    assert seen == [True, False]  # the second one began when nobody wanted it any more
    assert len(swept.runs) == 1 or not tasks.LOOKED


def test_what_asks_a_task_to_stop(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(tasks, "LOOKED", 0.0)
    going = tmp_path / "going"
    task = Task(Recipe(), "", "", "", going=str(going))
    assert asked_to_stop(task, lambda: False)()
    going.touch()
    assert not asked_to_stop(task, lambda: False)() and asked_to_stop(task, lambda: True)()
    assert asked_to_stop(Task(Recipe(), "", "", "", parent=os.getpid()), lambda: False)()
    assert not asked_to_stop(Task(Recipe(), "", "", "", parent=os.getppid()), lambda: False)()


# -- out of sight of the folder ---------------------------------------------------------------------------------
def test_a_run_out_of_sight_is_sent_back(experiment: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "far"))
    recipe = experiment.recipe("plain", 1)
    near = run_task(Task(recipe, str(tmp_path / "near"), "plain", "quick"))
    net = Path(recipe.net)
    text = net.read_text()
    net.unlink()  # another computer has no such file
    task = Task(recipe, str(tmp_path / "out"), "plain", "quick", going=str(tmp_path / "none"), net_text=text)
    sent = run_away(task)
    assert near.state == sent.state == DONE and not (tmp_path / "out").exists()
    assert not any(path.is_file() for path in (tmp_path / "far").rglob("*"))
    adopt(task, sent.files)
    here, back = read_run(tmp_path / "near"), read_run(tmp_path / "out")
    assert back.finished and back.recipe == here.recipe and back.arm == "plain"
    assert back.summary["output"] == str(tmp_path / "out") and back.summary["net"] == recipe.net
    assert same(weights(here), weights(back))
    assert (back.predictions.probabilities == here.predictions.probabilities).all()


class Away(Here):
    """A backend whose processes see none of the folders."""

    away = True

    def __init__(self) -> None:
        super().__init__()
        self.run = lambda task: run_away(tasks.replace(task, going="/nowhere"))


def test_a_sweep_out_of_sight(experiment: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "far"))
    swept = sweep(experiment, tmp_path / "out", backend=Away())
    assert swept.complete and len(find_runs(tmp_path / "out")) == 4


def test_a_relative_net_is_found_from_the_home_of_the_sweep(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    monkeypatch.chdir("/")
    recipe = Recipe(net="net.yaml", dataset="digits", train_images=64, epochs=1, batch_size=32)
    task = Task(recipe, str(tmp_path / "out"), "a", "b", home=str(tmp_path))
    assert run_task(task).state == DONE and Path.cwd() == Path("/")
    assert read_run(tmp_path / "out").recipe == recipe
    assert run_task(Task(recipe, str(tmp_path / "two"), "a", "b")).state == FAILED


# -- clusters ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name, module, how", [
    ("dask", "distributed", "needs distributed: pip install 'convviz[cluster]'"),
    ("ray", "ray", "needs ray: pip install ray"),
])  # fmt: skip
def test_a_cluster_that_is_not_installed(name: str, module: str, how: str, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConvvizError, match=f"--backend {name}: ") as err:
        clusters.cluster(name, "tcp://127.0.0.1:1")
    assert how in str(err.value)


class RayError(Exception):
    pass


def stand_in(lost: list[str]) -> Any:
    """What a sweep uses of ray's API: init, remote, wait, get, cancel, cluster_resources, shutdown, RayError."""
    calls: list[str] = []

    def remote(**options: Any) -> Any:
        assert options["num_cpus"] == 1
        return lambda function: SimpleNamespace(remote=lambda task: (function, task))

    def get(handle: Any) -> Any:
        function, task = handle
        if lost and task.arm == lost[0]:
            lost.pop()
            raise RayError("the worker died")
        return function(task)

    def wait(handles: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        assert isinstance(handles, list) and num_returns == 1
        return handles[:1], handles[1:]

    return SimpleNamespace(
        init=lambda address, **_: calls.append(f"init {address}"),
        remote=remote, get=get, wait=wait, cancel=lambda handle: calls.append("cancel"),
        cluster_resources=lambda: {"CPU": 3.0}, shutdown=lambda: calls.append("shutdown"),
        exceptions=SimpleNamespace(RayError=RayError), calls=calls,
    )  # fmt: skip


class Ref(tuple[Any, Any]):
    __hash__ = object.__hash__


def test_ray_by_a_stand_in_for_its_api(experiment: Any, tmp_path: Path, monkeypatch: Any) -> None:
    ray = stand_in(["L2"])
    plain = ray.remote
    ray.remote = lambda **options: (
        lambda function: SimpleNamespace(remote=lambda task: Ref(plain(**options)(function).remote(task)))
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    backend = clusters.cluster("ray", "auto", jobs=2)
    assert backend.slots == 2 and clusters.cluster("ray", "auto").slots == 3
    notes = Notes()
    swept = sweep(experiment, tmp_path / "out", backend=backend, watch=notes)
    assert swept.complete and not swept.failures and ray.calls[-1] == "shutdown"
    stopped = sweep(experiment.with_seeds(5), tmp_path / "out", backend=backend, stop=lambda: True)
    assert stopped.stopped and not stopped.runs


def test_an_unknown_cluster() -> None:
    with pytest.raises(ConvvizError, match="backend: must be dask or ray, got 'slurm'"):
        clusters.cluster("slurm", "x")


# -- what is there ----------------------------------------------------------------------------------------------
def test_the_state_of_every_run(experiment: Any, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    first = sweep(experiment, folder, backend=Here()).runs[0]
    jobs = experiment.jobs
    (folder / jobs[1].folder / SUMMARY).unlink()
    other = experiment.changed(epochs=1)
    assert [item.state for item in all_of(experiment, folder)] == [
        "finished",
        "stopped",
        "finished",
        "finished",
    ]
    with Lock(folder / jobs[1].folder):
        found = all_of(experiment.with_seeds(0, 7), folder)
    assert [item.state for item in found] == ["finished", "running", "missing", "missing"]
    assert found[1].holder.startswith(f"process {os.getpid()} on ") and found[0].run == first
    check_folder(folder, found)
    wrong = all_of(other, folder)
    assert {item.state for item in wrong} == {"other settings"}
    with pytest.raises(ConvvizError) as err:
        check_folder(folder, wrong)
    place = folder / "plain" / "seed-0"
    assert str(err.value) == (
        f"{place}: holds a run with other settings (epochs 2 there, 1 now) (and so in 3 more); "
        "name another folder with --output, or remove it"
    )
    (place / "config.yaml").write_text("{")
    assert "is not YAML" in all_of(experiment, folder)[0].fault


def test_a_dry_run_trains_nothing(experiment: Any, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    sweep(experiment.with_seeds(0), folder, backend=Here())
    found = call(tmp_path / "quick.yaml", "-o", folder, "--dry-run")
    told = " ".join(found.output.split())
    assert found.exit_code == 0 and "2 of 4 runs are finished in" in told and "; 2 missing." in told
    data = json.loads(call(tmp_path / "quick.yaml", "-o", folder, "--dry-run", "--format", "json").output)
    assert [run["state"] for run in data["runs"]] == ["finished", "finished", "missing", "missing"]
    assert data["runs"][0]["epochs_done"] == data["runs"][0]["epochs"] == 2
    assert not (folder / "plain" / "seed-1").exists()


def test_a_dry_run_needs_no_torch(tmp_path: Path) -> None:
    quick(tmp_path)
    code = (
        "import sys; from convviz.cli import main; "
        f"main(['sweep', {str(tmp_path / 'quick.yaml')!r}, '--dry-run'], standalone_mode=False); "
        "sys.exit(bool({'torch', 'joblib', 'distributed', 'rich'} & sys.modules.keys()))"
    )
    root = str(Path(__file__).parent.parent)
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env={**os.environ, "PYTHONPATH": root}
    )


def test_the_command(tmp_path: Path, monkeypatch: Any) -> None:
    quick(tmp_path)
    options = (
        tmp_path / "quick.yaml",
        "-o",
        tmp_path / "out",
        "--seeds",
        "3,5",
        "--epochs",
        "1",
        "--set",
        "lr=0.1",
    )
    found = call(*options, "--arms", "L2", "--format", "json", backend=Here(), monkeypatch=monkeypatch)
    assert found.exit_code == 0
    data = json.loads(found.stdout)
    (arm,) = data["arms"]
    assert arm["arm"] == "L2" and arm["n"] == 2 and list(arm["seeds"]) == ["3", "5"] and arm["epochs"] == 1
    assert arm["mean"] == pytest.approx(sum(arm["seeds"].values()) / 2)
    assert arm["sd"] == pytest.approx(abs(arm["seeds"]["3"] - arm["seeds"]["5"]) / 2**0.5)
    assert data["datasets"] == ["scikit-learn digits, enlarged to 28×28"]
    run = read_run(tmp_path / "out" / "L2" / "seed-3")
    assert run.recipe.optimizer["lr"] == 0.1 and run.experiment == "quick"
    assert "quick 1/2  L2, seed 3 " in found.stderr and " left" in found.stderr
    table = call(*options, "--arms", "L2", backend=Here(), monkeypatch=monkeypatch).stdout
    assert "Does a penalty matter?" in table and f"convviz compare {tmp_path / 'out'}" in table


@pytest.mark.parametrize("options, message", [
    (["nrms"], "there is no experiment, recipe or net 'nrms'; did you mean 'norms'?"),
    (["nope.yaml"], "nope.yaml: cannot be read: No such file"),
    (["norms", "--jobs", "0"], "--jobs: must be a whole number from 1 to 10,000, got '0'"),
    (["norms", "--jobs", "nan"], "--jobs: must be a whole number"),
    (["norms", "--seeds", "0,0"], "--seeds: must be different seeds"),
    (["norms", "--seeds", "1e400"], "--seeds: must be a whole number"),
    (["norms", "--seeds", "-1"], "--seeds: must be a whole number"),
    (["norms", "--arms", "BX"], "arm: norms has no arm 'BX'"),
    (["norms", "--epochs", "0"], "epochs: must be a whole number from 1 to 100,000, got '0'"),
    (["norms", "--data", "minst"], "dataset: must be one of mnist, cifar10, digits, got 'minst'; did you"),
    (["norms", "--set", "epoch=3"], "there is no setting 'epoch'; did you mean 'epochs'?"),
    (["norms", "--set", "epochs"], "--set: must be KEY=VALUE, got 'epochs'"),
    (["norms", "--set", "norm=batch"], "arms 'BN, none' and 'LN, none' have the same settings"),
    (["norms", "--backend", "dask"], "--scheduler: goes with --backend dask or --backend ray"),
    (["norms", "--scheduler", "tcp://x"], "--scheduler: goes with --backend dask"),
    (["norms", "--output", __file__], "is a file; the runs of an experiment need a folder"),
])  # fmt: skip
def test_bad_input_is_one_line_before_any_work(
    options: list[str], message: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, ["sweep", *options])
    assert found.exit_code == 2 and message in found.output and found.output.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_data_that_cannot_be_had_stops_before_the_first_process(
    experiment: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(
        "convviz.train.mnist.download", lambda *_: (_ for _ in ()).throw(ConvvizError("no connection"))
    )
    with pytest.raises(ConvvizError, match="MNIST is not here"):
        sweep(experiment.changed(dataset="mnist"), tmp_path / "out", data_dir=tmp_path / "empty")
    assert not (tmp_path / "out").exists()


# -- time -------------------------------------------------------------------------------------------------------
def test_the_time_that_is_left(experiment: Any, monkeypatch: Any) -> None:
    a, b = experiment.jobs[:2]
    times = Times([])
    assert times.left({a: 0.0}, 1) is None
    run = Run(Path(), a.recipe, {"arm": a.arm}, (), {"seconds": 10.0, "test_accuracy": 1.0})
    times.add(run)
    assert times.left({a: 0.5}, 1) == 5.0
    assert times.left({a: 0.5, b: 0.0}, 1) == 15.0  # nothing is known of b: as the others
    clock = iter([0.0, 4.0, 4.0])
    monkeypatch.setattr(sweeps.time, "monotonic", lambda: next(clock))
    times.look(b, 0.0)
    times.look(b, 0.2)  # a fifth in four seconds
    assert times.left({a: 0.5, b: 0.2}, 1) == pytest.approx(5 + 16)
    assert times.left({a: 0.5, b: 0.2}, 2) == pytest.approx(16)  # the longest one decides
    assert times.left({}, 2) == 0.0


def test_jobs_are_told_apart(experiment: Any) -> None:
    assert len(set(experiment.jobs)) == 4
    again = quick(Path(experiment.recipe("plain").net).parent)
    assert set(again.jobs) == set(experiment.jobs) and isinstance(again.jobs[0], Job)


def test_states_are_words() -> None:
    assert {BUSY, DONE, FAILED, STOPPED} == {"busy", "done", "failed", "stopped"}


def test_live_bars_show_runs_epochs_and_the_time_left(experiment: Any) -> None:
    import io

    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    from convviz.cli.sweeping import Bars

    a, b = experiment.jobs[:2]
    console = Console(file=io.StringIO(), width=140)
    bars = RichProgress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), console=console
    )
    watch = Bars(bars, "quick", console)
    news = {"epoch": 1, "epochs": 2, "share": 0.5, "speed": 1234}
    watch.look(Progress(4, 1, running={a: news, b: {}}, left=120.0))
    console.print(bars)
    run = Run(Path(), a.recipe, {"arm": a.arm}, (), {"seconds": 10.0, "test_accuracy": 98.5})
    watch.ended(a, run, "", Progress(4, 2, left=120.0))
    watch.ended(b, None, "the loss is nan", Progress(4, 2, failed=1))
    watch.look(Progress(4, 2, failed=1, waiting={b: "elsewhere"}, left=None))
    console.print(bars)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for told in (
        "1 of 4 runs, 2 min left",
        "epoch 1/2  1,234 images/s",
        "starting",
        "L2, seed 0 failed: the loss is nan",
        "plain, seed 0 98.50 % in 10 s; 2 min left",
        "2 of 4 runs, 1 failed, 1 with another process",
    ):
        assert told in text
    assert len(bars.tasks) == 1  # runs that have ended have no bar any more
