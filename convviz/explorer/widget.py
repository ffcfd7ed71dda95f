"""`convviz.explore`: the page as a widget, for Jupyter, Colab, VS Code and marimo."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convviz.errors import ConvvizError
from convviz.explorer.choose import explored
from convviz.explorer.page import AUTO, checked, dressed, static

if TYPE_CHECKING:
    import torch

    from convviz.graph import Graph
    from convviz.read import Input

# A notebook's address is its own, so the widget's state stays out of it.
RENDER = """
export default {
  render({ model, el }) {
    convviz.mount(el, model.get("data"), { theme: model.get("look"), link: false });
  },
};
"""


def explore(
    what: str | Path | Graph | torch.nn.Module,
    input: Input | None = None,
    layer: str | None = None,
    *,
    theme: str = AUTO,
    image: Any = None,
    **fields: Any,
) -> Any:
    """What ``convviz explore`` shows, where a notebook shows results: ``convviz.explore("conv", kernel_size=5)``.

    what: the name of an op or form, with its ``fields``; or a net, as ``convviz.read`` takes it, of which ``layer``
    chooses one. image: an array (C, H, W) under a net's input. theme: light, dark, or auto for that of the reader's
    system. Needs anywidget. Raises ConvvizError.
    """
    checked(theme)
    if find_spec("anywidget") is None:
        raise ConvvizError(
            "a widget needs anywidget: pip install 'convviz[notebook]'; `convviz explore` needs nothing"
        )
    data = explored(what, fields, input, layer, image=image)
    return _widget()(data=dressed(data), look=theme)


@cache
def _widget() -> Any:
    """The class, made when it is first wanted: anywidget takes a second to import."""
    import anywidget
    import traitlets

    class Explorer(anywidget.AnyWidget):
        _esm = static("explorer.js") + RENDER
        _css = static("explorer.css")
        data = traitlets.Dict().tag(sync=True)
        look = traitlets.Unicode().tag(sync=True)

    return Explorer
