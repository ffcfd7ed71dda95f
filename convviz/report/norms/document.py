"""Normalized batches as documents: the whole plan of each method in Markdown, LaTeX or HTML."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from convviz.analysis.norms.normalize import Normalized, Norms
from convviz.plan.norms import of_result
from convviz.plan.words import size
from convviz.report import documents, formats
from convviz.report.plan import render as render_plan


def document(
    found: Normalized | Norms, format: str, most: int | None, standalone: bool = False, told: str = ""
) -> str:
    """One method's plan; of several, what tells them apart and then the plan of each.

    most: steps of a section that are written out (None: all). standalone: HTML as a page, LaTeX as a document of its
    own. told: a sentence about where the numbers come from. Raises ConvvizError for a batch that is too large.
    """
    if isinstance(found, Normalized):
        plan = of_result(found)
        plan = replace(plan, notes=(told, *plan.notes)) if told else plan
        return render_plan(plan, format, most=most, standalone=standalone)
    from convviz.report.norms.all import overview

    title = f"{len(found.results)} methods on the same batch {size(found.results[0].shape)}"
    notes = [told] * bool(told) + [f"{name} norm is left out: {why}" for name, why in found.left_out]
    first = formats.render(replace(overview(found), title=title, notes=tuple(notes)), format)
    parts = [first, *(render_plan(of_result(result), format, most=most) for result in found)]
    if format == "latex" and standalone:
        from convviz.report.plan_latex import HEAD

        head = HEAD.replace("{amsmath,booktabs}", "{amsmath,booktabs,longtable}")
        return head + "\n".join(parts) + "\\end{document}\n"
    body = "\n".join(parts)
    return documents.page(title, body) if format == "html" and standalone else body


def summary(found: Normalized | Norms) -> str:
    """The sections of the text as a fragment of HTML for a notebook: tables, and grids as they are."""
    from convviz.report.norms.all import sections_of_all
    from convviz.report.norms.text import sections

    width = formats.WIDTH
    parts = sections(found, width) if isinstance(found, Normalized) else sections_of_all(found, width)
    out = ['<div class="convviz">']
    for part in parts:
        out.append(f"<p><b>{escape(part.title)}</b></p>")
        out += [f"<p>{escape(note)}</p>" for note in part.before]
        if part.lines:
            lines = "\n".join(part.lines)
            out.append(f'<pre style="line-height:1.3">{escape(lines)}</pre>')
        out += [documents.html(part.table)] if part.table is not None else []
        out += [f"<p>{escape(note)}</p>" for note in part.after]
    return "\n".join([*out, "</div>"]) + "\n"
