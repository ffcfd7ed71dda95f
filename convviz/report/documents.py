"""Tables for documents: Markdown, LaTeX, CSV and HTML, each escaped as it needs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from html import escape

from convviz import theme
from convviz.report.model import Column, Pair, Table, pad, plain


def markdown(table: Table) -> str:
    """A GitHub table whose columns line up as text, too."""
    cells = [
        [plainly(plain(cell, column.count)) for cell, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]
    widths = [
        max([3, len(column.key), *(len(row[i]) for row in cells)]) for i, column in enumerate(table.columns)
    ]

    def line(row: Sequence[str]) -> str:
        return (
            "| "
            + " | ".join(pad(c, w, col.left) for c, w, col in zip(row, widths, table.columns, strict=True))
            + " |"
        )

    rule = (
        "|"
        + "|".join(
            (":" if c.left else "-") + "-" * w + ("-" if c.left else ":")
            for w, c in zip(widths, table.columns, strict=True)
        )
        + "|"
    )
    parts = [[f"**{plainly(table.title)}**"]] if table.title else []
    parts += [[line([c.key for c in table.columns]), rule, *map(line, cells)]] if cells else []
    parts += [[f"- {plainly(note)}" for note in table.notes]] if table.notes else []
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def plainly(value: str) -> str:
    """A line that Markdown leaves as it is.

    >>> print(plainly("a <b> is *1*"))
    a \\<b\\> is \\*1\\*
    """
    for char in "\\`*[]<>|":  # an underscore inside a word (n_in) is not emphasis
        value = value.replace(char, "\\" + char)
    return value


LATEX = {char: f"\\{char}" for char in "{}&%$#_"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "→": r"$\to$",
    "…": r"\ldots{}",
    "–": "--",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "−": r"$-$",
    "Δ": r"$\Delta$",
}


def latex(table: Table) -> str:
    """A ``longtable`` with booktabs' rules, ready to be read in with ``\\input``."""
    columns = table.columns
    head = " & ".join(_tex(column.key) for column in columns) + r" \\"
    out = [
        r"% needs \usepackage{booktabs,longtable} in the preamble",
        r"\begingroup\footnotesize\setlength{\tabcolsep}{3pt}",
    ]
    if not table.rows:
        lines = [table.title] * bool(table.title) + list(table.notes)
        return "\n".join([*out, *map(_paragraph, lines), r"\endgroup"]) + "\n"
    out.append(r"\begin{longtable}{@{}" + "".join("l" if c.left else "r" for c in columns) + "@{}}")
    if table.title:
        out.append(rf"\multicolumn{{{len(columns)}}}{{@{{}}l@{{}}}}{{{_tex(table.title)}}} \\")
    out += [
        r"\toprule",
        head,
        r"\midrule \endhead",
        r"\bottomrule \endlastfoot",
    ]
    for row in table.rows:
        out.append(
            " & ".join(_tex(plain(cell, column.count)) for cell, column in zip(row, columns, strict=True))
            + r" \\"
        )
    out += [r"\end{longtable}", *map(_paragraph, table.notes), r"\endgroup"]
    return "\n".join(out) + "\n"


def _paragraph(text: str) -> str:
    return rf"\noindent {_tex(text)}\par"


def _tex(value: str) -> str:
    return "".join(LATEX.get(char, char) for char in value)


def csv_text(table: Table) -> str:
    """Comma-separated, numbers without grouping; a pair becomes two columns, ``_in`` and ``_out`` (or as the
    column says). No title, no notes.
    """
    split = {i for i, _ in enumerate(table.columns) if any(isinstance(row[i], Pair) for row in table.rows)}
    head = [
        name
        for i, c in enumerate(table.columns)
        for name in ([f"{c.key}_{end}" for end in c.ends] if i in split else [c.key])
    ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for row in table.rows:
        values: list[str] = []
        for i, cell in enumerate(row):
            if i in split:
                values += [plain(part) for part in (cell if isinstance(cell, Pair) else ("", ""))]
            else:
                values.append(plain(cell))
        writer.writerow(values)
    return out.getvalue()


def html(table: Table) -> str:
    """A fragment that looks right in a notebook, on light and on dark."""
    columns = table.columns

    def cell(tag: str, value: str, column: Column) -> str:
        left = ' class="l"' if column.left else ""
        return f"<{tag}{left}>{escape(value)}</{tag}>"

    notes = [f"<p>{escape(note)}</p>" for note in table.notes]
    out = ['<div class="convviz">', f"<style>{_css()}</style>"]
    if not table.rows:
        title = [f"<p><b>{escape(table.title)}</b></p>"] if table.title else []
        return "\n".join([*out, *title, *notes, "</div>"]) + "\n"
    out.append("<table>")
    if table.title:
        out.append(f"<caption>{escape(table.title)}</caption>")
    out.append(
        "<thead><tr>" + "".join(cell("th", column.key, column) for column in columns) + "</tr></thead>"
    )
    out.append("<tbody>")
    for i, row in enumerate(table.rows):
        body = "".join(
            cell("td", plain(value, column.count), column) for value, column in zip(row, columns, strict=True)
        )
        quiet = ' class="quiet"' if i in table.quiet else ""
        out.append(f"<tr{quiet}>{body}</tr>")
    out += ["</tbody>", "</table>", *notes, "</div>"]
    return "\n".join(out) + "\n"


def page(title: str, body: str) -> str:
    """A fragment as a page of its own."""
    paper, dark = theme.LIGHT, theme.DARK
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title or 'convviz')}</title>\n"
        f"<style>body{{margin:1.5rem;background:{paper.paper};color:{paper.ink};font-family:system-ui,sans-serif}}"
        f"@media(prefers-color-scheme:dark){{body{{background:{dark.paper};color:{dark.ink}}}}}</style>\n"
        f"</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _css() -> str:
    line = theme.LIGHT["padding"].edge
    return (
        ".convviz{overflow-x:auto}"
        ".convviz table{border-collapse:collapse;font-size:.8em}"
        ".convviz caption{text-align:left;font-weight:600;padding:.3em 0}"
        ".convviz th,.convviz td{text-align:right;padding:.15em .5em;white-space:nowrap}"
        ".convviz td{font-variant-numeric:tabular-nums}"
        f".convviz thead th{{position:sticky;top:0;border-bottom:1px solid {line}}}"
        ".convviz .l{text-align:left}"
        ".convviz .quiet{opacity:.6}"
        ".convviz p{margin:.3em 0;font-size:.9em}"
    )
