"""The scenes that `convviz render` can make, in a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convviz.report.model import Column, Table

if TYPE_CHECKING:
    from convviz.scenes.catalogue import Entry

SOURCES = {"layer": "a layer of a net", "net": "a net"}


def scenes_table(found: Sequence[Entry]) -> Table:
    """A row for each scene."""
    columns = (
        Column("name", left=True),
        Column("title", left=True, drop=1),
        Column("about", left=True),
        Column("settings", left=True, drop=2),
    )
    rows = [
        (item.name, item.title, item.about, ", ".join([*item.takes, *_sources(item)]) or "–")
        for item in found
    ]
    notes = (
        "convviz render NAME  makes a film of one; every scene has --theme, --speed and --quality besides.",
        "A setting is an option (--kernel-size 5), or --set NAME=VALUE; a net is --model, its layer --layer.",
        "Which settings a scene takes: --format md or json, or a wider terminal.",
    )
    return Table("Scenes", columns, tuple(rows), notes)


def scenes_data(found: Sequence[Entry]) -> list[dict[str, Any]]:
    """``name, title, about, kind, settings, sources`` of each."""
    return [
        {
            "name": item.name,
            "title": item.title,
            "about": item.about,
            "kind": item.kind,
            "settings": list(item.takes),
            "sources": list(item.sources),
        }
        for item in found
    ]


def _sources(item: Entry) -> list[str]:
    return [SOURCES[source] for source in item.sources]
