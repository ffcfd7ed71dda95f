"""One self-contained page: the built script and style, the fonts and the data, in one HTML file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from convviz.errors import ConvvizError, nearest
from convviz.theme import THEMES

STATIC = Path(__file__).parent / "static"
AUTO = "auto"  # light or dark as the reader's system is
LOOKS = (AUTO, *THEMES)

# Nothing may be asked for from anywhere: what the page needs is written in it.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)
# Characters that could end the element that holds the data, or a line of a script.
ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="{schemes}">
<meta name="generator" content="convviz">
<title>{title}</title>
<style>
body {{ margin: 0 }}
@media screen {{ #explorer {{ min-height: 100vh }} }}
{style}</style>
</head>
<body>
<main id="explorer"><noscript>This page draws itself with JavaScript, which is switched off here.</noscript></main>
<script type="application/json" id="data">{data}</script>
<script>
{script}</script>
<script>
convviz.mount(document.getElementById("explorer"), JSON.parse(document.getElementById("data").textContent), {options});
</script>
</body>
</html>
"""


def page(data: Mapping[str, Any], theme: str = AUTO, link: bool = True) -> str:
    """The HTML file that shows ``data``, made by ``op_data`` or ``net_data``; it opens from a mail attachment.

    theme: ``light`` or ``dark``, or ``auto`` for that of the reader's system. link: whether the page's address carries
    what is seen; not in a frame that has none of its own. Raises ConvvizError.
    """
    checked(theme)
    return PAGE.format(
        schemes="light dark" if theme == AUTO else theme,
        policy=POLICY,
        title=escape(f"{data['name']} · convviz"),
        style=static("fonts.css") + static("explorer.css"),
        script=static("explorer.js"),
        data=script_json(dressed(data)),
        options=script_json({"theme": theme, "link": link}),
    )


def checked(theme: str) -> str:
    """A theme that the page knows; raises ConvvizError."""
    if theme not in LOOKS:
        raise ConvvizError(
            f"must be one of {', '.join(LOOKS)}, got {theme!r}{nearest(str(theme), LOOKS)}", "theme"
        )
    return theme


def dressed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with the colours of both themes, which the page has from here alone."""
    return {**data, "theme": {name: asdict(theme) for name, theme in THEMES.items()}}


def script_json(data: Any) -> str:
    """JSON that stays text inside a script element, whatever names it holds.

    >>> script_json({"name": "</script><b>"})
    '{"name":"\\\\u003c/script\\\\u003e\\\\u003cb\\\\u003e"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(ESCAPES)


@cache
def static(name: str) -> str:
    """A built file of the page; `make explorer` makes them."""
    return (STATIC / name).read_text(encoding="utf-8")
