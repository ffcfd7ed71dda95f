"""`convviz.explore`: the page as a widget, for Jupyter, Colab, VS Code and marimo."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convviz.errors import ConvvizError, nearest
from convviz.explorer.choose import explored
from convviz.explorer.page import AUTO, checked, dressed, page, static
from convviz.ops.base import shorten

if TYPE_CHECKING:
    import torch

    from convviz.graph import Graph
    from convviz.read import Input

# The script of page/src/notebook.ts with what a page has in its head.
RENDER = "\nconst parts = {parts};\nexport default {{ render: (given) => convviz.render(given, parts) }};\n"
FONT = re.compile(r'font-family:"([^"]+)";font-weight:(\d+);src:url\(data:[^,]*,([^)]*)\)')
ASKED = ("layers", "gradient")  # what `erf` may hold
# Shown where a notebook is only read: the same page in a frame, which may run its script and do nothing else.
FRAME = (
    '<p>{title}</p>\n<iframe title="{title}" sandbox="allow-scripts" loading="lazy" srcdoc="{page}" '
    'style="width: 100%; height: 800px; border: 0"></iframe>'
)
# Packed, for every run of a cell puts one into the notebook: conv's page of 1.4 MB takes 0.3.
PACKED = """<!doctype html><script>
const bytes = Uint8Array.from(atob("{packed}"), (char) => char.charCodeAt(0));
const page = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
new Response(page).text().then((text) => {{
  document.open();
  document.write(text);
  document.close();
}});
</script>"""


def explore(
    what: str | Path | Graph | torch.nn.Module,
    input: Input | None = None,
    layer: str | None = None,
    *,
    theme: str = AUTO,
    image: Any = None,
    weights: str | Path | None = None,
    treat: Mapping[str, str] | None = None,
    erf: Mapping[str, Any] | bool = False,
    wrt: str | None = None,
    with_global: bool = False,
    **fields: Any,
) -> Any:
    """What ``convviz explore`` shows, where a notebook shows results: ``convviz.explore("conv", kernel_size=5)``.

    what: the name of an op or form, with its ``fields``; or a net, as ``convviz.read`` takes it with ``weights`` and
    ``treat``, of which ``layer`` chooses one. image: an array (C, H, W) under a net's input. erf: whether to add
    effective fields, or ``{"layers": [...], "gradient": True}``: of which layers, and whether measured. wrt,
    with_global: as :func:`convviz.receptive_field` takes them. theme: light, dark, or auto for that of the notebook.
    A viewer that runs no widgets shows the page in a frame. Needs anywidget. Raises ConvvizError.
    """
    checked(theme)
    if find_spec("anywidget") is None:
        raise ConvvizError(
            "a widget needs anywidget: pip install 'convviz[notebook]'; `convviz explore` needs nothing"
        )
    if layer is not None and not isinstance(layer, str):
        raise ConvvizError(f"must be the name of a layer, got {shorten(layer)}", "layer")
    effective = _fields(erf)
    data = explored(
        what, fields, input, layer, image=image, weights=weights, treat=treat, erf=effective, wrt=wrt,
        with_global=with_global,
    )  # fmt: skip
    return _widget()(data=dressed(data), look=theme)


def _fields(erf: Any) -> dict[str, Any] | None:
    """Which effective fields are asked for: None for none, else the arguments of ``effective_fields``."""
    if isinstance(erf, bool) or erf is None:
        return {} if erf else None
    if not isinstance(erf, Mapping):
        example = "{'layers': ['conv4']}"
        raise ConvvizError(f"must be True, False or a mapping such as {example}, got {shorten(erf)}", "erf")
    for name in erf:
        if name not in ASKED:
            hint = nearest(str(name), ASKED)
            raise ConvvizError(
                f"unknown argument {shorten(name)}{hint} (arguments: {', '.join(ASKED)})", "erf"
            )
    asked = dict(erf)
    layers = asked.setdefault("layers", [])
    asked["layers"] = [layers] if isinstance(layers, str) else layers
    if not isinstance(asked["layers"], list | tuple) or not all(isinstance(n, str) for n in asked["layers"]):
        raise ConvvizError(f"layers must be names of layers, got {shorten(layers)}", "erf")
    if not isinstance(asked.get("gradient", False), bool):
        raise ConvvizError(f"gradient must be True or False, got {shorten(asked['gradient'])}", "erf")
    return asked


def framed(data: Mapping[str, Any], theme: str = AUTO) -> str:
    """The page in a frame, as HTML that a notebook can keep beside its other results."""
    text = page(data, theme, link=False).encode()
    packed = base64.b64encode(gzip.compress(text, mtime=0)).decode()
    title = escape(f"{data['name']} · convviz")
    return FRAME.format(title=title, page=escape(PACKED.format(packed=packed)))


@cache
def _script() -> str:
    """The module that anywidget runs: the page's script, style and fonts, so that nothing is asked for."""
    parts = {"style": static("explorer.css"), "fonts": FONT.findall(static("fonts.css"))}
    return static("explorer.js") + RENDER.format(parts=json.dumps(parts))


@cache
def _widget() -> Any:
    """The class, made when it is first wanted: anywidget takes a second to import."""
    import anywidget
    import traitlets

    class Explorer(anywidget.AnyWidget):
        _esm = _script()
        data = traitlets.Dict().tag(sync=True)
        look = traitlets.Unicode().tag(sync=True)

        def __repr__(self) -> str:
            return f"<convviz.explore: {self.data['name']}>"

        def _repr_mimebundle_(self, **kwargs: Any) -> Any:
            """What the notebook asks for, and a frame for those that run no widgets."""
            bundle = super()._repr_mimebundle_(**kwargs)
            if bundle is not None:
                shown, about = bundle if isinstance(bundle, tuple) else (bundle, {})
                shown["text/html"] = framed(self.data, self.look)
                return shown, about
            return bundle

    return Explorer
