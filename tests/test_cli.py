"""The command line: what it prints, where it writes, how it fails."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from convviz import __version__
from convviz.cli import ALIASES, COMMANDS, main
from convviz.cli.options import Count
from convviz.errors import ConvvizError
from tests.command import Command

UNIT = "must be indices from 0 such as 5,7, one for each spatial axis"
BRIEF = ["--max-params", "1M", "--min-rf", "44", "--uses", "dilated,depthwise"]


run = Command()
fails = run.fails


# -- help, version, names -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help_with_an_example(name: str, option: str) -> None:
    done = run(name, option)
    assert done.exit_code == 0
    own = ALIASES.get(name, name)
    assert (
        f"  convviz {own} " in done.stdout
        or f"(convviz {own} " in done.stdout
        or f"  convviz {own}\n" in done.stdout
    )
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_commands_are_where_their_table_says() -> None:
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None and command.name == name and command.get_short_help_str(80)


def test_version_and_bare_call() -> None:
    assert run("--version").stdout == f"convviz {__version__}\n"
    done = run()
    assert done.exit_code == 0 and done.stdout.startswith("Usage: convviz ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("lst", "no command 'lst'; did you mean 'list'? (see convviz -h)"),
        ("sumary code8", "no command 'sumary'; did you mean 'summary'? (see convviz -h)"),
        ("code8", "no command 'code8'; did you mean 'convviz rf code8'? (see convviz -h)"),
        ("a.yaml", "no command 'a.yaml'; did you mean 'convviz rf a.yaml'? (see convviz -h)"),
        ("rf", "missing argument 'MODEL' (see convviz rf -h)"),
        ("rf code8 --inptu 3", "no such option --inptu; did you mean '--input'? (see convviz rf -h)"),
        ("rf code8 --unit a,b", f"--unit: {UNIT}, got 'a,b'"),
        ("rf code8 --unit -1,0", f"--unit: {UNIT}, got '-1,0'"),
        ("rf code8 --layer conv1", "--layer: goes with --unit or --padding-reach"),
        (
            "rf code8 --unit 0,0 --stages",
            "--unit and --stages answer different questions; ask for one of them",
        ),
        (
            "rf code8 --channels --stages",
            "--stages and --channels answer different questions; ask for one of them",
        ),
        ("rf code8 --treat A=b", "--treat: must be CLASS=pointwise or CLASS=global, got 'A=b'"),
        ("rf code8 --rate 16000", "--rate: only for 1-D inputs (channels x samples); code8 takes 1x28x28"),
        (
            "rf code8 --input a=1 --input 2",
            "--input: several inputs are given as NAME=SHAPE, each name once",
        ),
        ("rf code8 --plot x.gif", "x.gif: a picture is written as .png, .svg or .pdf; got '.gif'"),
        ("rf code8 --output no/such/x.md", "no/such/x.md: there is no folder 'no/such'; make it first"),
        ("rf code8 --wrt mask", "code8 has no input 'mask' (inputs: input)"),
        (
            "check code8",
            "no rule to check; give one, such as --max-params 20000 (see convviz check -h)",
        ),
        (
            "check code8 --uses dilatd",
            "--uses: neither an op nor a feature is called 'dilatd'; did you mean 'dilated'?",
        ),
        (
            "check code8 --max-params -5",
            "--max-params: must be a whole number such as 20000 or 20k, got '-5'",
        ),
    ],
)
def test_bad_input_gives_one_line(arguments: str, message: str) -> None:
    assert fails(*arguments.split()) == message


def test_an_unknown_net_names_the_nearest() -> None:
    assert "did you mean 'code8'?" in fails("rf", "cod8")


# -- rf -------------------------------------------------------------------------------------------------
def test_rf_prints_a_table_without_colour_when_piped() -> None:
    done = run("rf", "code8")
    assert done.exit_code == 0 and done.stderr == ""
    assert done.stdout.startswith("code8  input 1x28x28\n") and "\x1b" not in done.stdout
    assert run("summary", "code8").stdout == done.stdout


def test_rf_json_for_one_unit() -> None:
    done = run("rf", "code8", "--unit", "0,0", "--layer", "conv7", "--format", "json")
    assert json.loads(done.stdout) == {
        "layer": "conv7",
        "unit": [0, 0],
        "lo": [0, 0],
        "hi": [19, 19],
        "span": [20, 20],
        "count": 400,
        "clipped": True,
    }


@pytest.mark.parametrize("view", ["--stages", "--channels", "--padding-reach"])
@pytest.mark.parametrize("format", ["table", "json", "csv", "md", "latex", "html"])
def test_every_view_has_every_format(view: str, format: str) -> None:
    done = run("rf", "code8", view, "--format", format)
    assert done.exit_code == 0 and done.stdout
    if format == "json":
        assert view[2:].replace("-", "_") in json.loads(done.stdout)


@pytest.mark.parametrize("format", ["table", "csv", "md", "latex", "html"])
def test_one_unit_has_every_format(format: str) -> None:
    done = run("rf", "code8", "--unit", "2,3", "--layer", "conv7", "--format", format)
    assert done.exit_code == 0 and "conv7" in done.stdout


def test_input_mode_and_with_global() -> None:
    data = json.loads(run("rf", "code8", "--input", "1,32,32", "--mode", "train", "--format", "json").stdout)
    assert data["input"] == [1, 32, 32] and data["layers"][2]["rf"]["also_global"] == "batch_norm1"
    data = json.loads(run("rf", "s6_ln", "--with-global", "--format", "json").stdout)
    assert data["layers"][2]["rf"]["global"] and data["layers"][2]["rf"]["also_global"] is None


def test_rate_adds_context() -> None:
    done = run("rf", "wavenet", "--rate", "16000", "--format", "json")
    assert json.loads(done.stdout)["layers"][-1]["context"]["past"] == 1023
    assert "samples at 16000 a second" in run("rf", "wavenet", "--rate", "16000").stdout


# -- files ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.json", "{"),
        ("a.csv", "layer,op"),
        ("a.md", "**code8"),
        ("a.tex", "% needs"),
        ("a.html", "<!doctype"),
        ("a.txt", "code8"),
    ],
)
def test_the_extension_sets_the_format(tmp_path: Path, name: str, start: str) -> None:
    file = tmp_path / name
    done = run("rf", "code8", "--output", str(file))
    assert done.exit_code == 0 and done.stdout == ""
    assert file.read_text(encoding="utf-8").startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.md"
    file.write_text("old", encoding="utf-8")
    monkeypatch.setattr(
        os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    assert fails("rf", "code8", "-o", str(file)) == f"{file}: cannot be written: No space left on device"
    assert file.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.md"]


def test_a_failing_picture_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from convviz.figures import receptive_field as figures

    def half(result: object, path: Path, theme: str) -> None:
        path.write_bytes(b"half")
        raise ConvvizError("the pen broke")

    monkeypatch.setattr(figures, "plot", half)
    done = run("rf", "code8", "--plot", str(tmp_path / "a.png"))
    assert done.exit_code == 2 and done.stderr == "convviz: the pen broke\n"
    assert list(tmp_path.iterdir()) == []


def test_a_replaced_file_keeps_its_rights(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.touch()
    file.chmod(0o640)
    run("rf", "code8", "-o", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert fails("rf", "code8", "-o", str(tmp_path)) == f"{tmp_path}: is a folder; name a file in it"


# -- the other commands -----------------------------------------------------------------------------------
def test_list_names_every_net_and_op() -> None:
    from convviz.ops import OPS
    from convviz.read import bundled

    nets = json.loads(run("list", "--format", "json").stdout)
    assert [net["name"] for net in nets] == bundled.names()
    assert next(net for net in nets if net["name"] == "code8")["params"] == 13808
    ops = json.loads(run("list", "ops", "--format", "json").stdout)
    assert {op["name"] for op in ops} == set(OPS)
    conv = next(op for op in ops if op["name"] == "conv")
    assert conv["fields"]["kernel_size"]["required"] and conv["fields"]["bias"]["default"] is True
    for what in ("nets", "ops"):
        assert max(map(len, run("list", what).stdout.splitlines())) <= 100


def test_compare_tells_what_changed() -> None:
    done = run("compare", "code7", "code8")
    assert done.exit_code == 0
    assert "parameters: 11,994 → 13,808 (+1,814, +15 %)" in done.stdout
    assert "receptive field: 28 → 32" in done.stdout
    data = json.loads(run("compare", "code4", "code5", "--format", "json").stdout)
    assert [change["after"]["name"] for change in data["changes"]] == ["dropout1", "dropout2"]
    assert "the same layers" in run("compare", "code9", "code10").stdout


def test_check_gives_a_verdict_for_each_net() -> None:
    done = run("check", "cifar_s7_wide", "cifar_s7_small", *BRIEF, "--forbids", "max_pool")
    assert done.exit_code == 1 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert "FAIL  cifar_s7_wide" in lines and "pass  cifar_s7_small" in lines
    assert "   FAIL min_rf 44: 34, 10 too small" in lines and "   FAIL forbids max_pool: max_pool1" in lines
    assert lines[-1] == "1 of 2 pass"
    assert run("check", "cifar_s7_small", *BRIEF).exit_code == 0


def test_check_reports_the_others_when_one_cannot_be_read() -> None:
    done = run("check", "cifar_s7_small", "nope", "cifar_s7_wide", *BRIEF, "--format", "json")
    assert done.exit_code == 2 and done.stderr == "convviz: cannot read nope\n"
    data = json.loads(done.stdout)
    assert [(net["net"], net["passed"]) for net in data] == [
        ("cifar_s7_small", True), ("nope", False), ("cifar_s7_wide", False),
    ]  # fmt: skip
    assert "neither a file nor a bundled net" in data[1]["error"]
    assert [rule["by"] for rule in data[2]["rules"] if not rule["passed"]] == [10]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ("rf code8", "the output"),
        ("rf -h", "the output"),
        ("rf code8 --output /dev/full", "/dev/full:"),
    ],
)
def test_a_full_disk_is_one_line(arguments: str, place: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "convviz", *arguments.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == f"convviz: {place} cannot be written: No space left on device\n"


def test_check_of_one_net_that_cannot_be_read_writes_nothing(tmp_path: Path) -> None:
    output = tmp_path / "verdict.json"
    assert fails("check", "nope", *BRIEF, "--output", str(output)).startswith("'nope': neither a file nor")
    assert not output.exists()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("20000", 20000),
        ("20_000", 20000),
        ("20,000", 20000),
        ("20k", 20000),
        ("1.5M", 1500000),
        ("2G", 2 * 10**9),
    ],
)
def test_counts_are_written_as_people_write_them(text: str, number: int) -> None:
    assert Count().convert(text, None, None) == number


@pytest.mark.parametrize("text", ["", "k", "1.5", "-1", "1e", "ten", "nan", "1/0"])
def test_bad_counts_are_refused(text: str) -> None:
    with pytest.raises(ConvvizError, match="must be a whole number"):
        Count().convert(text, None, None)


def test_export_prints_a_module(tmp_path: Path) -> None:
    assert "class " in run("export", "tiny").stdout
    file = tmp_path / "tiny.py"
    assert run("export", "tiny", "-o", str(file)).stdout == ""
    compile(file.read_text(encoding="utf-8"), "tiny.py", "exec")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    done = run("completion", shell)
    assert done.exit_code == 0 and "_CONVVIZ_COMPLETE" in done.stdout


def test_nets_and_commands_complete() -> None:
    def complete(*words: str) -> list[str]:
        line = " ".join(["convviz", *words])
        env = {"_CONVVIZ_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
        return [word.split(",", 1)[1] for word in run(env=env).stdout.splitlines()]

    assert complete("co") == ["convs", "compare", "completion"]
    assert complete("rf", "resnet1")[:3] == ["resnet18", "resnet101", "resnet152"]
    assert complete("compare", "code8", "unet")[0] == "unet"


# -- what goes wrong inside -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "convviz: interrupted"),
        (MemoryError(), 2, "convviz: out of memory"),
        (ZeroDivisionError("a\nb"), 2, "convviz: unexpected ZeroDivisionError: a b at test_cli.py:"),
        (RecursionError(), 2, "convviz: unexpected RecursionError at test_cli.py:"),
        (ConvvizError("two\nlines", "here"), 2, "convviz: here: two lines"),
    ],
)
def test_no_traceback_ever(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import convviz.read

    def boom(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(convviz.read, "read", boom)
    monkeypatch.delenv("CONVVIZ_DEBUG", raising=False)
    done = run("rf", "code8")
    assert done.exit_code == code
    assert done.stderr.strip("\n").startswith(line) and done.stderr.strip("\n").count("\n") == 0
    monkeypatch.setenv("CONVVIZ_DEBUG", "1")
    unexpected = not isinstance(error, KeyboardInterrupt | ConvvizError)
    assert ("Traceback" in run("rf", "code8").stderr) == unexpected


def cold(*arguments: str, **extra: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "convviz", *arguments], capture_output=True, text=True, **extra
    )


def test_python_m_convviz_from_another_folder(tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parents[1])
    env = {**os.environ, "PYTHONPATH": root}
    done = cold("rf", "code8", "--format", "json", cwd=tmp_path, env=env)
    assert done.returncode == 0 and json.loads(done.stdout)["name"] == "code8"
    done = cold("rf", "nope", cwd=tmp_path, env=env)
    assert done.returncode == 2 and done.stderr.startswith("convviz: ") and done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m convviz rf resnet152 --format json | head -c 10"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert done.stdout == '{\n  "name"' and done.stderr == "" and done.returncode == 0


# -- proof ------------------------------------------------------------------------------------------------
def test_verify_says_so(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = run("rf", "tiny", "--verify", "--budget", "0.3")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].startswith("verified: ") and "agree with autograd" in done.stdout
    done = run("rf", "tiny", "--verify", "--budget", "0.3", "--format", "json")
    json.loads(done.stdout)
    assert done.stderr.startswith("verified: ")


def test_verify_runs_the_user_s_own_module_and_fails_where_the_reader_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\nclass Net(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3, stride=2))\n",
        encoding="utf-8",
    )
    source = f"{tmp_path / 'net.py'}:Net"
    arguments = ("rf", source, "--input", "1x12x12", "--verify", "--budget", "0.3")
    assert run(*arguments).exit_code == 0

    import dataclasses

    import convviz.read

    real = convviz.read.read

    def wrong(*args: Any, **kwargs: Any) -> Any:
        graph = real(*args, **kwargs)
        last = graph.nodes[-1]
        other = dataclasses.replace(last, op=dataclasses.replace(last.op, dilation=(2, 1)))
        return dataclasses.replace(graph, nodes=(*graph.nodes[:-1], other))

    monkeypatch.setattr(convviz.read, "read", wrong)
    done = run(*arguments)
    assert done.exit_code == 1 and "disagree with autograd" in done.stdout


def test_a_terminal_without_arrows_and_lines_gets_ascii_of_the_same_width() -> None:
    command = [sys.executable, "-m", "convviz", "rf", "lenet5"]
    shown = {}
    for encoding in ("ascii", "cp1252", "utf-8"):
        environment = {**os.environ, "PYTHONIOENCODING": encoding, "NO_COLOR": "1"}
        shown[encoding] = subprocess.run(
            command, env=environment, capture_output=True, check=True
        ).stdout.decode(encoding)
    assert "?" not in shown["ascii"] + shown["cp1252"]
    assert "1>6" in shown["ascii"] and "1→6" in shown["utf-8"]
    assert [len(line) for line in shown["ascii"].splitlines()] == [
        len(line) for line in shown["utf-8"].splitlines()
    ]
