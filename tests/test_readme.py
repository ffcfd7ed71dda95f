"""What README shows is what one gets: its commands run, and where it prints an answer, that is the answer."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import convviz
from convviz.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
YAML = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
NEEDS = (
    "my_net",
    "images.csv",
    "torchvision",
    "model.yaml",
    "completion",
    "outputs/gallery",
)  # files that only a reader has


def shown() -> list[tuple[str, str]]:
    """(command line, the output printed below it) for every `$ convviz` of the console blocks."""
    found = []
    for block in BLOCKS:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            if command.startswith("convviz") and output.strip():
                found.append((command, output.rstrip()))
    return found


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert YAML is not None
    (tmp_path / "model.yaml").write_text(YAML[1])
    return lambda command: CliRunner().invoke(main, shlex.split(command)[1:], terminal_width=100)


def test_the_first_table_is_what_the_command_prints(run) -> None:
    command, output = next((c, o) for c, o in shown() if "lenet5" in c)
    pytest.importorskip("torch")
    result = run(command)
    assert result.exit_code == 0
    assert [line.rstrip() for line in result.output.splitlines()] == [
        line.rstrip() for line in output.splitlines()
    ]


def test_the_mistake_is_told_as_shown(run, tmp_path: Path) -> None:
    command, output = next((c, o) for c, o in shown() if "model.yaml" in c)
    broken = (tmp_path / "model.yaml").read_text().replace("stride: $stride", "strde: $stride")
    (tmp_path / "model.yaml").write_text(broken)
    result = run(command)
    assert result.exit_code == 2
    assert result.stderr.strip() == output


@pytest.mark.parametrize("command", re.findall(r"\| `(convviz [^`]*)` \|", README))
def test_every_command_of_the_list_runs(run, command: str) -> None:
    if any(word in command for word in NEEDS[:2]):
        pytest.skip("names a file that only the reader has")
    assert run(command).exit_code in (0, 1)


def test_the_yaml_of_readme_is_a_net(run) -> None:
    assert run("convviz rf model.yaml").exit_code == 0


def test_the_python_of_readme() -> None:
    assert convviz.receptive_field(convviz.read("resnet50"))["layer3_5.relu1"].size == (267, 267)


def test_pictures_and_links_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).is_file(), target
