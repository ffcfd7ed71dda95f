"""`convviz explore` and its page: self-contained, nothing of a net's names is ever markup, bad input in one line."""

from __future__ import annotations

import json
import os
import random
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from convviz import ConvvizError
from convviz.explorer import page as pages
from convviz.explorer.choose import explored
from convviz.explorer.page import page, script_json
from convviz.graph import GraphBuilder
from convviz.ops import build
from convviz.theme import THEMES
from tests.command import Command

NASTY = "</script><script>alert(1)</script><!-- & \u2028 \u2029 '\" 𝕏"


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of every script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.title = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data
        if self.tags and self.tags[-1][0] == "title":
            self.title += data


run = Command()


def data_of(text: str) -> Any:
    return json.loads(Elements(text).scripts[0])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- the file -------------------------------------------------------------------------------------------------
def test_data_cannot_leave_its_element() -> None:
    text = script_json({NASTY: [NASTY]})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {NASTY: [NASTY]}
    found = Elements(page({"page": "net", "name": NASTY, "layers": [NASTY]}))
    assert data_of(page({"page": "net", "name": NASTY}))["name"] == NASTY
    assert [tag for tag, _ in found.tags].count("script") == 3
    assert found.title.strip().startswith("</script><script>alert(1)</script><!-- &")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_data_is_real_json(bad: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json({"x": bad})


def test_the_file_asks_for_nothing() -> None:
    text = page({"page": "op", "name": "conv"})
    for tag, given in Elements(text).tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not {"src", "href", "srcset", "action"} & set(given)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style and "@import" not in style[1]
    assert all(place.startswith("data:") for place in re.findall(r"url\(['\"]?([^)]*)", style[1]))
    (policy,) = (a["content"] for t, a in Elements(text).tags if "Content-Security-Policy" in a.values())
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy).split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == rules["font-src"] == "data:"
    assert not re.search(r"https?:|\*", str(policy))


def test_the_built_files_are_whole() -> None:
    script, style = pages.static("explorer.js"), pages.static("explorer.css")
    assert "</script" not in script.lower() and "<!--" not in script and "</style" not in style.lower()
    assert re.search(r"\bvar convviz\b", script)
    for family in ("Inter", "JetBrains Mono"):
        assert f'font-family:"{family}"' in pages.static("fonts.css")
    assert len(pages.static("fonts.css")) < 100_000


def test_the_page_has_the_colours_of_the_theme() -> None:
    look = data_of(page({"page": "op", "name": "conv"}))["theme"]
    assert set(look) == set(THEMES)
    for name, theme in THEMES.items():
        assert look[name]["paper"] == theme.paper
        assert {role: colours["edge"] for role, colours in look[name]["roles"].items()} == {
            role: colours.edge for role, colours in theme.roles.items()
        }


def test_the_theme_is_the_reader_s_unless_told() -> None:
    for theme, schemes in (("auto", "light dark"), ("light", "light"), ("dark", "dark")):
        text = page({"page": "op", "name": "conv"}, theme)
        assert (
            f'name="color-scheme" content="{schemes}"' in text
            and f'{{"theme":"{theme}","link":true}}' in text
        )
    with pytest.raises(
        ConvvizError, match="theme: must be one of auto, light, dark, got 'drak'; did you mean"
    ):
        page({"page": "op", "name": "conv"}, "drak")


# -- the command ----------------------------------------------------------------------------------------------
def test_an_op_and_a_net_go_to_outputs(here: Path) -> None:
    for what in ("pixel_shuffle", "dilated", "code8"):
        found = run("explore", what)
        assert found.exit_code == 0, found.output
        assert found.stdout == f"outputs/explore_{what}.html\n" and not found.stderr
    assert len(list((here / "outputs").iterdir())) == 3
    assert data_of((here / "outputs/explore_code8.html").read_text(encoding="utf-8"))["page"] == "net"


def test_a_layer_of_a_net(here: Path) -> None:
    found = run("explore", "code8", "--layer", "conv2", "-o", "layer.html", "--theme", "dark")
    assert found.exit_code == 0, found.output
    data = data_of((here / "layer.html").read_text(encoding="utf-8"))
    assert data["page"] == "op" and "conv2" in data["name"]


def test_names_of_layers_stay_text() -> None:
    builder = GraphBuilder("<b>bold</b>", {"input": (1, 8, 8)})
    builder.add("<script>", build("conv", {"out_channels": 2, "kernel_size": 3}), ["input"])
    text = page(explored(builder.build()))
    assert text.count("<script") == 3 and "<b>" not in text
    assert data_of(text)["layers"][0]["name"] == "<script>"


def test_an_image_lies_under_the_input(here: Path) -> None:
    pytest.importorskip("torch")
    import numpy as np

    np.save(here / "digit.npy", np.zeros((1, 30, 30), np.uint8))
    found = run("explore", "code8", "--image", "digit.npy", "-o", "x.html")
    assert found.exit_code == 0, found.output
    assert data_of((here / "x.html").read_text(encoding="utf-8"))["image"].startswith(
        "data:image/png;base64,"
    )


# The kinds of pages, and what their files may hold: bytes that go into a mail.
SIZES = {
    "conv": 3,
    "conv_transpose": 3,
    "batch_norm": 2,
    "separable_conv": 3,
    "code8": 1,
    "unet": 1,
    "resnet50": 1,
}


@pytest.mark.parametrize("what", SIZES)
def test_files_stay_small(here: Path, what: str) -> None:
    assert run("explore", what, "-o", "x.html").exit_code == 0
    assert (here / "x.html").stat().st_size < SIZES[what] * 1_000_000


REFUSED = {
    "explore": "missing argument 'OP|MODEL|RUNS' (see convviz explore -h)",
    "explore cnov": "no op, form or net 'cnov'; did you mean 'conv'?",
    "explore resnet5": "no op, form or net 'resnet5'; did you mean 'resnet",
    "explore none.yaml": "'none.yaml': no such file",
    "explore conv --strid 2": "no such option --strid; did you mean '--stride'?",
    "explore conv --num-groups 2": "--num-groups: unknown field of conv",
    "explore conv --set stride=two": "--stride: must be",
    "explore conv --kernel-size 0": "--kernel-size: must be",
    "explore conv --kernel-size 9 --input 1x5x5": "kernel_size 9 is larger than the padded input 5",
    "explore conv --input 64x512x512": "conv: an explanation would have 260,100 steps",
    "explore conv --input 1xq": "--input: must be sizes such as 1x28x28",
    "explore conv --layer conv1": "--layer: goes with a net; conv is an op",
    "explore conv --image x.png": "--image: goes with a net; conv is an op",
    "explore conv --weights x.pt": "--weights: goes with a net; conv is an op",
    "explore conv --theme blue": "invalid value for '--theme'",
    "explore code8 --stride 2": "--stride: goes with an op; the layers of a net have their own",
    "explore code8 --layer conv9": "no layer 'conv9' in code8; did you mean 'conv8'?",
    "explore code8 --layer conv1 --image x.npy": "x.npy: no such folder or file",
    "explore code8 --weights x.pt": "--weights: only a torch source (module:callable) takes it",
    "explore conv -o x.png": "x.png: ends in .png; a page is a file that ends in .html",
    "explore conv -o none/x.html": "none/x.html: there is no folder 'none'; make it first",
    "explore conv -o file/x.html": "file/x.html: there is no folder 'file'; make it first",
}


@pytest.mark.parametrize("line", REFUSED)
def test_bad_input_is_told_in_one_line(here: Path, line: str) -> None:
    run.refuses(line, REFUSED[line], here)


# -- random lines ---------------------------------------------------------------------------------------------
OPTIONS = {
    "--kernel-size": ("1", "2", "3", "0", "-1", "1,2", "x", ""), "--stride": ("1", "2", "3", "0", "2,1", "1.5"),
    "--padding": ("0", "1", "same", "valid", "-1", "9"), "--dilation": ("1", "2", "0"), "--groups": ("1", "2", "3"),
    "--input": ("1x7x7", "2x6x6", "1x9", "1x4x4x4", "0x4x4", "7", "1xq", "", "a=1x4x4"), "--bias": ("true", "maybe"),
    "--set": ("stride=2", "x", "=", "kernel_size=[1,", "affine=false"), "--theme": ("dark", "blue", ""),
    "--layer": ("conv1", "conv2", "<script>", "", "input"), "--image": ("image.npy", "file.html", "none.png", "here"),
    "--wrt": ("input", "x"), "--weights": ("none.pt",), "--treat": ("a=b", "x"), "--erf-layer": ("conv1",),
    "-o": ("new.html", "<b>.html", "file.html", "here/x.htm", "here.html", "file.html/x.html", "x.png", "", ".html"),
}  # fmt: skip
SOURCES = (
    "conv", "conv_transpose", "max_pool", "relu", "group_norm", "pixel_shuffle", "softmax", "lstm", "flatten", "pad",
    "code8", "wavenet", "net.yaml", "file.html", "here", "none.yaml", "os:getcwd", "none:x", "", "\0", "cnov",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(16))
def test_random_lines_give_a_whole_page_or_one_line(here: Path, seed: int) -> None:
    """Exit 0 with one whole page, or exit 2 with one line and nothing written."""
    import numpy as np

    rng = random.Random(seed)
    (here / "here").mkdir()
    (here / "here.html").mkdir()
    (here / "file.html").write_text("old", encoding="utf-8")
    (here / "net.yaml").write_text("name: '<script>'\ninput: [2, 9]\nlayers:\n  - conv: {out_channels: 4, "
                                   "kernel_size: 3, groups: 2}\n  - batch_norm\n", encoding="utf-8")  # fmt: skip
    np.save(here / "image.npy", np.zeros((3, 8, 8), np.uint8))
    for _ in range(12):
        line = ["explore", rng.choice(SOURCES)]
        for option in rng.sample(list(OPTIONS), rng.choice((0, 1, 2, 2, 3))):
            line += [option, rng.choice(OPTIONS[option])]
        before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
        found = run(*line)
        assert found.exception is None or isinstance(found.exception, SystemExit), (line, found.exception)
        after = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
        if found.exit_code == 0:
            made = here / found.stdout.rstrip("\n")
            text = after.pop(made).decode()
            assert text.endswith("</html>\n") and text.count("<script") == 3 and data_of(text)["name"], line
            assert len(text) < 3_000_000, line
            before.pop(made, None)
        else:
            assert found.exit_code == 2 and found.stderr.startswith("convviz: "), (line, found.output)
            assert found.stderr.count("\n") == 1, (line, found.stderr)
        assert after == before, line


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions")
def test_a_folder_without_permission(here: Path) -> None:
    (here / "locked").mkdir(mode=0o500)
    assert "permission denied" in run("explore", "conv", "-o", "locked/x.html").stderr


def test_a_file_where_the_folder_would_be(here: Path) -> None:
    (here / "outputs").write_text("", encoding="utf-8")
    found = run("explore", "code8")
    assert found.exit_code == 2 and found.stderr.startswith("convviz: outputs"), found.stderr


def test_a_full_disk_leaves_what_was_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "x.html").write_text("old", encoding="utf-8")

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    found = run("explore", "pixel_shuffle", "-o", "x.html")
    assert found.exit_code == 2 and "No space left on device" in found.stderr
    assert [path.name for path in here.iterdir()] == ["x.html"]
    assert (here / "x.html").read_text(encoding="utf-8") == "old"
