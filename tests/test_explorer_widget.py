"""`convviz.explore` by anywidget's contract: what Python sends, and what a notebook's page makes of it in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convviz
from convviz import ConvvizError
from convviz.explorer import widget
from convviz.explorer.choose import explored
from convviz.explorer.page import dressed
from convviz.explorer.widget import framed
from convviz.graph import GraphBuilder
from convviz.ops import build
from convviz.theme import THEMES
from tests.browsing import WIDE, Pages, lacking

pytest.importorskip("anywidget")
in_browser = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))

NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)>"
NET = "name: tiny\ninput: [1, 12, 12]\nlayers:\n  - conv: {out_channels: 4, kernel_size: 3}\n  - relu\n"
VIEW = "application/vnd.jupyter.widget-view+json"


# -- what Python sends ------------------------------------------------------------------------------------------------
def test_the_widget_has_the_page_s_data() -> None:
    made = convviz.explore("conv", kernel_size=2, theme="dark")
    assert made.look == "dark" and set(made.data["theme"]) == set(THEMES)
    assert {**made.data, "theme": 0} == {**explored("conv", {"kernel_size": 2}), "theme": 0}
    json.dumps(made.get_state(["data", "look"]), allow_nan=False)


def test_all_kinds_of_sources(tmp_path: Path) -> None:
    nn = pytest.importorskip("torch.nn")
    (tmp_path / "net.yaml").write_text(NET, encoding="utf-8")
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    graph = convviz.read("code8")
    for made in (
        convviz.explore(tmp_path / "net.yaml"),
        convviz.explore(str(tmp_path / "net.yaml")),
        convviz.explore(module, (1, 12, 12)),
        convviz.explore("code8"),
        convviz.explore(graph, image=np.zeros((1, 28, 28), np.uint8)),
        convviz.explore(graph, erf={"layers": ["conv2"]}),
    ):
        assert made.data["page"] == "net"
    assert convviz.explore(graph, layer="conv2").data["page"] == "op"
    assert len(convviz.explore(graph, erf=True).data["erf"]) > 1
    one = convviz.explore(graph, erf={"layers": "conv2"}).data
    assert {field["layer"] for field in one["erf"]} == {[node.name for node in graph.nodes].index("conv2")}


@pytest.mark.parametrize(
    "call, told",
    [
        (dict(what="cnov"), "no op, form or net 'cnov'; did you mean 'conv'?"),
        (dict(what="conv", kernel_siz=2), "kernel_siz: unknown field of conv; did you mean 'kernel_size'"),
        (dict(what="conv", theme="drak"), "theme: must be one of auto, light, dark, got 'drak'"),
        (dict(what="code8", stride=2), "stride: goes with an op"),
        (dict(what="code8", layer="conv9"), "no layer 'conv9' in code8; did you mean 'conv8'?"),
        (dict(what="conv", erf=True), "erf: goes with a net; conv is an op"),
        (dict(what="none.yaml"), "'none.yaml': no such file"),
        (dict(what="code8", layer=["conv1"]), "layer: must be the name of a layer, got ['conv1']"),
        (dict(what="code8", erf=["conv1"]), "erf: must be True, False or a mapping such as {'layers': ['conv4']}"),
        (dict(what="code8", erf={"layer": "conv1"}), "erf: unknown argument 'layer'; did you mean 'layers'?"),
        (dict(what="code8", erf={"layers": None}), "erf: layers must be names of layers, got None"),
        (dict(what="code8", erf={"layers": [3]}), "erf: layers must be names of layers, got [3]"),
        (dict(what="code8", erf={"gradient": "yes"}), "erf: gradient must be True or False, got 'yes'"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_one_line(call: dict[str, Any], told: str) -> None:
    with pytest.raises(ConvvizError) as caught:
        convviz.explore(**call)
    assert str(caught.value).startswith(told) and "\n" not in str(caught.value)


def test_the_widget_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widget, "find_spec", lambda name: None)
    with pytest.raises(ConvvizError, match=r"^a widget needs anywidget: pip install 'convviz\[notebook\]'"):
        convviz.explore("conv")


def test_nothing_is_loaded_from_elsewhere() -> None:
    made = convviz.explore("conv")
    own = made._esm.replace("http://www.w3.org/", "")
    assert not re.search(r"https?:|\bimport\b\s*[({\"'*]|\bimport\s+\w", own), "the module asks for something"
    assert made._esm.count('"Inter"') == 2 and made._esm.count('"JetBrains Mono"') >= 1
    assert len(made._esm) < 350_000


def test_a_viewer_without_widgets_gets_a_frame() -> None:
    made = convviz.explore("conv")
    shown, _ = made._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html", VIEW}
    assert shown["text/plain"] == "<convviz.explore: conv>"
    assert 'sandbox="allow-scripts"' in shown["text/html"] and len(shown["text/html"]) < 400_000
    named = framed({"page": "net", "name": NASTY})
    assert "<script" not in named and "<img" not in named and NASTY in unescape(named.split("</p>")[0])


# -- what a notebook makes of it --------------------------------------------------------------------------------------
# A notebook's page: its own styles are as rude as they come, and it moves cells by arrow keys.
NOTEBOOK = """<!doctype html><meta charset="utf-8"><title>notebook</title>
<style>
div { border-width: 7px; letter-spacing: 3px } p, h1, button, input { font: 9px serif !important; color: red }
label, output { display: none !important } .op-card { background: lime !important } svg { width: 5px !important }
</style>
<p class="op-card cv" id="other">the notebook's own</p>
<div id="cells"></div>
<script>
window.moved = [];
addEventListener("keydown", (event) => moved.push(event.key));
window.heard = 0; // listeners on the window and on the system's theme
for (const proto of [Window.prototype, MediaQueryList.prototype]) {
  const [add, remove] = [EventTarget.prototype.addEventListener, EventTarget.prototype.removeEventListener];
  proto.addEventListener = function (name, call, options) {
    heard += 1;
    options?.signal?.addEventListener("abort", () => (heard -= 1));
    return add.call(this, name, call, options);
  };
  proto.removeEventListener = function (...given) { heard -= 1; return remove.apply(this, given); };
}
window.widgets = [];
window.show = async (script, kept) => {
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const calls = {};
  const model = {
    get: (name) => kept[name],
    set: (name, value) => { kept[name] = value; calls["change:" + name]?.(); },
    on: (name, call) => { calls[name] = call; },
    off: (name, call) => { if (calls[name] === call) delete calls[name]; },
    calls,
  };
  const el = document.getElementById("cells").appendChild(document.createElement("div"));
  const module = (await import(address)).default;
  const gone = module.render({ model, el });
  widgets.push({ model, el, gone, root: el.firstElementChild.shadowRoot });
};
</script>"""


class Notebook:
    """A page of widgets, the n-th of which is asked by JavaScript that sees its `root`, `model` and `el`."""

    def __init__(self, pages: Pages, folder: Path, **look: Any) -> None:
        self.pages = pages
        (folder / "notebook.html").write_text(NOTEBOOK, encoding="utf-8")
        pages.open(folder / "notebook.html", **{"viewport": WIDE, "colorScheme": "light", **look})

    def show(self, made: Any) -> None:
        self.pages.run("(...given) => show(...given)", made._esm, {"data": made.data, "look": made.look})

    def ask(self, n: int, code: str) -> Any:
        return self.pages.run(f"() => {{ const {{ root, model, el, gone }} = widgets[{n}]; return {code} }}")

    def text(self, n: int, selector: str) -> str:
        return str(self.ask(n, f"root.querySelector({selector!r}).innerText"))

    def theme(self, n: int = 0) -> str:
        return str(self.ask(n, "root.querySelector('.cv').dataset.theme"))


@cache
def pool(**own: Any) -> Any:
    """A widget with few settings, which is quickly made."""
    return convviz.explore("max_pool", **own)


@pytest.fixture
def notebook(pages: Pages, tmp_path: Path) -> Iterator[Notebook]:
    yield Notebook(pages, tmp_path)
    pages.clean()


@in_browser
def test_widgets_do_not_disturb_each_other(notebook: Notebook) -> None:
    for stride in (1, 2):
        notebook.show(pool(stride=stride))
    first = notebook.text(0, ".op-headline")
    browser = notebook.pages
    label = 'css=#cells > div:nth-child(2) label[for="op-stride"]'
    browser("click", label)
    browser("keyboard.press", "ArrowRight")
    assert "stride 3" in notebook.text(1, ".op-headline") and notebook.text(0, ".op-headline") == first
    assert browser.run("() => location.hash") == ""  # the address is the notebook's
    assert not [fault for fault in browser.serious() if "other" not in fault and "<html" not in fault]


@in_browser
def test_neither_style_sheet_reaches_the_other(notebook: Notebook) -> None:
    before = notebook.pages.run("() => getComputedStyle(other).cssText + document.styleSheets.length")
    notebook.show(pool())
    assert notebook.pages.run("() => getComputedStyle(other).cssText + document.styleSheets.length") == before
    style = "getComputedStyle(root.querySelector('{}'))"
    assert notebook.ask(0, style.format("h1") + ".fontSize") == "24px"
    assert notebook.ask(0, style.format(".op-card") + ".backgroundColor") != "rgb(0, 255, 0)"
    assert notebook.ask(0, style.format("label") + ".display") != "none"
    assert notebook.ask(0, style.format("h1") + ".letterSpacing") != "3px"
    assert notebook.ask(0, style.format(".op-rays") + ".width") != "5px"
    families = (
        "async () => (await document.fonts.ready, [...document.fonts].filter((f) => f.status === 'loaded')"
    )
    loaded = notebook.pages.run(families + ".map((f) => f.family))")
    assert {"Inter", "JetBrains Mono"} <= {name.strip('"') for name in loaded}


@in_browser
def test_fonts_are_put_in_once(notebook: Notebook) -> None:
    for _ in range(2):
        notebook.show(pool())
    assert notebook.pages.run("() => document.fonts.size") == 3


@in_browser
def test_keys_in_the_widget_are_not_the_notebook_s(notebook: Notebook) -> None:
    notebook.show(pool())
    browser = notebook.pages
    browser("click", '.op-output [data-key="0,1,1"]')
    for key in ("ArrowDown", "ArrowRight", "b", "Escape"):
        browser("keyboard.press", key)
    assert browser.run("() => moved") == []
    assert (
        notebook.ask(0, "root.host.dataset.lmSuppressShortcuts") == "true"
    )  # as JupyterLab listens before us
    browser("click", '.op-output [data-key="0,1,1"]')
    browser("keyboard.press", "ArrowDown")
    assert notebook.ask(0, "root.querySelector('.op-pinned').dataset.key") == "0,2,1"
    browser("keyboard.press", "Control+Enter")
    assert "Enter" in browser.run("() => moved")  # the notebook runs its cell


MARKS = {
    "document.body.dataset.jpThemeLight = 'false'": "dark",
    "document.body.dataset.jpThemeLight = 'true'": "light",
    "document.body.className = 'dark dark-theme'": "dark",
    "document.body.className = 'light light-theme'": "light",
    "document.body.className = 'vscode-dark'": "dark",
    "document.body.className = 'vscode-light'": "light",
    "document.body.className = 'vscode-high-contrast'": "dark",
    "document.body.className = 'vscode-high-contrast vscode-high-contrast-light'": "light",
    "document.documentElement.setAttribute('theme', 'dark')": "dark",
    "document.body.style.background = '#111'": "dark",
    "document.body.style.background = '#fff'": "light",
}


@in_browser
def test_the_notebook_s_theme_is_followed(notebook: Notebook) -> None:
    notebook.show(pool())
    notebook.show(pool(theme="light"))
    browser = notebook.pages
    for scheme in ("light", "dark"):
        browser("emulate", {"colorScheme": scheme})
        browser.wait(f"widgets[0].root.querySelector('.cv').dataset.theme === '{scheme}'")
    clear = "for (const at of [document.body, document.documentElement]) for (const a of [...at.attributes])"
    for mark, theme in MARKS.items():
        browser.run(f"() => {{ {clear} at.removeAttribute(a.name); {mark} }}")
        browser.wait(f"widgets[0].root.querySelector('.cv').dataset.theme === '{theme}'")
    assert notebook.theme(1) == "light"
    notebook.ask(1, "model.set('look', 'dark')")
    assert notebook.theme(1) == "dark"


@in_browser
def test_a_widget_that_is_removed_leaves_nothing(notebook: Notebook) -> None:
    heard = notebook.pages.run("() => heard")
    for made in (pool(), convviz.explore("code8")):
        notebook.show(made)
    notebook.ask(0, "model.set('data', widgets[1].model.get('data'))")
    assert notebook.text(0, "h1") == "code8" and notebook.ask(0, "root.querySelectorAll('.cv').length") == 1
    assert notebook.pages.run("() => heard") > heard
    for n in range(2):
        notebook.ask(n, "gone()")
        assert notebook.ask(n, "el.childNodes.length + Object.keys(model.calls).length") == 0
    assert notebook.pages.run("() => heard") == heard
    notebook.pages("emulate", {"colorScheme": "dark"})
    notebook.pages.run("() => { document.body.className = 'dark'; dispatchEvent(new Event('beforeprint')) }")


@in_browser
def test_a_net_in_a_notebook_has_a_height_of_its_own(pages: Pages, tmp_path: Path) -> None:
    """A frame as tall as its content, as Colab makes them, must not grow or shrink for ever."""
    builder = GraphBuilder(NASTY, {"input": (1, 8, 8)})
    builder.add(NASTY, build("conv", {"out_channels": 2, "kernel_size": 3}), ["input"])
    tall = []
    for height in (300, 900):
        notebook = Notebook(pages, tmp_path, viewport={"width": 1300, "height": height})
        notebook.show(convviz.explore(builder.build()))
        pages.run("() => new Promise((done) => setTimeout(done, 100))")
        tall.append(notebook.ask(0, "root.querySelector('.net').offsetHeight"))
        assert NASTY in notebook.text(0, "h1")
        assert notebook.ask(0, "root.querySelectorAll('script, img').length") == 0
        assert notebook.ask(0, "root.querySelector('.cv').scrollWidth <= el.clientWidth")
        pages.clean()
    assert tall[0] == tall[1] > 500


@in_browser
def test_the_frame_is_the_page(pages: Pages, tmp_path: Path) -> None:
    file = tmp_path / "static.html"
    file.write_text(framed(dressed(explored("conv"))), encoding="utf-8")
    pages.open(file, viewport=WIDE)
    assert "gives 1×5×5" in pages("inFrame", ".op-headline")
    pages.clean()
