"""A document of titled parts as Markdown or a page of HTML: sentences, lists, tables, pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from convviz.report import documents
from convviz.report.model import Table


@dataclass(frozen=True)
class Picture:
    """A file beside the document, and what it shows."""

    file: str
    caption: str


@dataclass(frozen=True)
class Part:
    """Sentences, then points of a list, then tables, then pictures, under a title."""

    title: str
    sentences: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


def markdown(title: str, parts: Sequence[Part]) -> str:
    """The document for GitHub and the like."""
    out = [f"# {documents.plainly(title)}"]
    for part in parts:
        out.append(f"## {documents.plainly(part.title)}")
        out += [documents.plainly(text) for text in part.sentences]
        if part.points:
            out.append("\n".join(f"- {documents.plainly(text)}" for text in part.points))
        out += [documents.markdown(table).rstrip() for table in part.tables]
        for picture in part.pictures:
            told = documents.plainly(picture.caption)
            out += [f"![{told}]({picture.file})", f"*{told}*"]
    return "\n\n".join(out) + "\n"


def html(title: str, parts: Sequence[Part]) -> str:
    """The document as a page of its own; its pictures are files beside it."""
    out = [f"<h1>{escape(title)}</h1>"]
    for part in parts:
        out.append(f"<h2>{escape(part.title)}</h2>")
        out += [f"<p>{escape(text)}</p>" for text in part.sentences]
        if part.points:
            out += ["<ul>", *(f"<li>{escape(text)}</li>" for text in part.points), "</ul>"]
        out += [documents.html(table).rstrip() for table in part.tables]
        for picture in part.pictures:
            told = escape(picture.caption, quote=True)
            out.append(
                f'<figure style="margin:1em 0"><img src="{escape(picture.file, quote=True)}" alt="{told}" '
                f'style="max-width:100%;height:auto"><figcaption>{told}</figcaption></figure>'
            )
    body = "\n".join(out)
    return documents.page(title, f'<main style="max-width:60rem;line-height:1.5">\n{body}\n</main>\n')
