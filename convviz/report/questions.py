"""Questions, their answers and the claims that they correct, in every format: a handout with its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from convviz.errors import ConvvizError
from convviz.questions import TOPICS, Claim, Question
from convviz.questions.measured import Experiment
from convviz.questions.model import Facts, Value
from convviz.report import documents
from convviz.report.formats import WIDTH
from convviz.report.model import Cell, Column, Table
from convviz.report.questions_data import COMMAND, csv_answers
from convviz.report.terminal import text as table_text
from convviz.report.terminal import wrapped


# -- what is written, whatever the format -------------------------------------------------------------
@dataclass(frozen=True)
class Part:
    """A piece of a document. kind: topic, heading, key, lead (the short answer), text, line, command or table."""

    kind: str
    text: str = ""
    label: str = ""
    table: Table | None = None


def shown(value: Value) -> Cell:
    """A cell as people read it: thousands in groups, fewer digits behind the point of larger numbers, true minus signs.

    >>> shown(12345), shown(-2 / 3), shown(106.3298), shown("a"), shown(-0.0)
    ('12,345', '−0.6667', '106.3', 'a', '0')
    """
    from convviz.plan.words import MINUS, decimals, number  # loads all plans, which a list does without

    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 1e4:
        return f"{value:,.0f}".replace("-", MINUS)
    with decimals(4 if abs(value) < 10 else 2 if abs(value) < 100 else 1):
        return number(value)


def table_of(facts: Facts) -> Table:
    """Text columns to the left, numbers to the right; headings that occur twice stay as they are."""
    left = [any(isinstance(row[i], str) for row in facts.rows) for i in range(len(facts.columns))]
    columns = tuple(Column(name, left=side) for name, side in zip(facts.columns, left, strict=True))
    return Table(facts.title, columns, tuple(tuple(map(shown, row)) for row in facts.rows))


def arms_table(found: Experiment) -> Table:
    """A measured experiment: one row an arm."""
    names = ("arm", "parameters", "training images", "epochs", "mean, %", "sd", "lowest", "highest")
    columns = tuple(Column(name, left=name == "arm") for name in names)
    rows = [
        (
            arm.name, shown(arm.params), shown(arm.train), arm.epochs, f"{arm.mean:.2f}",
            None if arm.sd is None else f"{arm.sd:.2f}", f"{min(arm.accuracies):.2f}", f"{max(arm.accuracies):.2f}",
        )
        for arm in found.arms
    ]  # fmt: skip
    title = (
        f"measured ({found.name}): accuracy on {found.data_set}, {found.test:,} test images, last epoch, "
        f"{len(found.seeds)} seeds"
    )
    return Table(title, columns, tuple(rows))


def answer_parts(found: Question) -> Iterator[Part]:
    """The whole answer: in short, the evidence, what was measured, what is often claimed, what to try."""
    yield Part("heading", found.text, found.key)
    yield Part("lead", found.answer)
    for piece in found.evidence:
        yield Part("table", table=table_of(piece.table))
        yield Part("text", piece.says)
    for experiment in found.measured:
        yield Part("table", table=arms_table(experiment))
        for comparison in experiment.verdict.rstrip(".").split("; "):
            yield Part("line", f"{comparison}.")
        yield Part("text", " ".join(part for part in (f"{experiment.interval}.", experiment.note) if part))
    for claim in found.claims:
        yield Part("text", claim.claim, "Often claimed")
        yield Part("text", f"{claim.correct} {claim.because}", "Right")
    for experiment in found.measured:
        yield Part("command", experiment.command, "Measured by")
    commands = dict.fromkeys((*([found.picture] if found.picture else []), *found.commands))
    for command in commands:
        yield Part("command", COMMAND + command, "Picture" if command == found.picture else "Try")


def list_parts(found: Sequence[Question]) -> Iterator[Part]:
    """Topics, and below each its questions with the short answers; nothing is worked out."""
    for topic, questions in groupby(found, key=lambda question: question.topic):
        yield Part("topic", TOPICS[topic], topic)
        for question in questions:
            yield Part("key", question.text, question.key)
            yield Part("lead", question.answer)


def all_parts(found: Sequence[Question]) -> Iterator[Part]:
    """Every answer in full, by topic."""
    for topic, questions in groupby(found, key=lambda question: question.topic):
        yield Part("topic", TOPICS[topic], topic)
        for question in questions:
            yield from answer_parts(question)


def claim_parts(found: Sequence[Claim]) -> Iterator[Part]:
    """Each claim with what is right, why, the evidence, and the command that shows it."""
    for claim in found:
        yield Part("heading", claim.claim, claim.key)
        yield Part("lead", claim.correct)
        yield Part("text", claim.because, "Why")
        yield Part("table", table=table_of(claim.evidence.table))
        yield Part("text", claim.evidence.says)
        for command in dict.fromkeys((claim.command, f"questions {claim.question}")):
            yield Part("command", COMMAND + command, "Try")


def claims_table(found: Sequence[Claim]) -> Table:
    """One row a claim."""
    columns = (
        Column("claim", left=True),
        Column("right", left=True),
        Column("why", left=True),
        Column("shown by", left=True),
    )
    rows = tuple((c.claim, c.correct, c.why, f"{COMMAND}questions {c.question}") for c in found)
    return Table("Claims and corrections", columns, rows)


def list_table(found: Sequence[Question]) -> Table:
    """One row a question, for documents of rows."""
    names = ("topic", "key", "question", "answer")
    rows = tuple((TOPICS[q.topic], q.key, q.text, q.answer) for q in found)
    return Table("Questions", tuple(Column(name, left=True) for name in names), rows)


# -- formats ------------------------------------------------------------------------------------------
def render_list(found: Sequence[Question], format: str = "text", *, width: int = WIDTH) -> str:
    """The questions with their short answers as text, md, html, latex or csv."""
    if format == "csv":
        return documents.csv_text(list_table(found))
    return render_parts("Questions", list_parts(found), format, width)


def render_all(found: Sequence[Question], format: str = "text", *, width: int = WIDTH) -> str:
    """Every answer in full."""
    if format == "csv":
        return csv_answers(found)
    return render_parts("Questions and answers", all_parts(found), format, width)


def render_question(
    found: Question, format: str = "text", *, width: int = WIDTH, standalone: bool = False
) -> str:
    """One answer in full; HTML as a fragment, unless ``standalone``."""
    if format == "csv":
        return csv_answers((found,))
    if format == "html" and not standalone:
        return html(answer_parts(found))
    if format == "md":  # the question itself is the title
        return markdown(found.text, (part for part in answer_parts(found) if part.kind != "heading"))
    return render_parts(found.text, answer_parts(found), format, width)


def render_claims(found: Sequence[Claim], format: str = "text", *, width: int = WIDTH) -> str:
    """The claims with their corrections and evidence; csv: one row a claim."""
    if format == "csv":
        return documents.csv_text(claims_table(found))
    return render_parts("Claims and corrections", claim_parts(found), format, width)


def corrections(found: Sequence[Claim]) -> str:
    """docs/corrections.md: a table of contents, then each claim, what is right, why, and the numbers that show it."""
    intro = (
        "Claims about convolutional networks that are often made and wrong. Each has what is right, why, and numbers "
        "that convviz works out when this page is written; the commands below them show more. Written by "
        "`python tools/corrections.py`; the same in a terminal: `convviz questions --claims`."
    )
    index = [f"| {i} | [{c.claim}](#{anchor(c.claim)}) | {c.correct} |" for i, c in enumerate(found, 1)]
    head = ["|   | often claimed | right |", "|--:|:--|:--|"]
    body = markdown("", claim_parts(found), 2).partition("\n\n")[2]
    return "\n\n".join(["# Corrections", intro, "\n".join([*head, *index]), body])


def anchor(heading: str) -> str:
    """The name by which GitHub links to a heading.

    >>> anchor("Batch norm keeps values between -3 and 3.")
    'batch-norm-keeps-values-between--3-and-3'
    """
    return "".join(c for c in heading.lower() if c.isalnum() or c in " -_").replace(" ", "-")


def render_parts(title: str, parts: Iterator[Part], format: str, width: int) -> str:
    if format in ("text", "table"):
        return text(parts, width)
    if format == "md":
        return markdown(title, parts)
    if format == "html":
        return documents.page(title, html(parts))
    if format == "latex":
        return latex(parts)
    raise ConvvizError(f"no format {format!r}; there are text, json, csv, md, latex, html")


def text(parts: Iterator[Part], width: int = WIDTH) -> str:
    """Paragraphs and tables that fit ``width``; commands in a block of their own."""
    out: list[str] = []
    before = ""
    for part in parts:
        lines = text_lines(part, width)
        together = part.kind == before in ("command", "line") or (before == "key" and part.kind == "lead")
        out += [""] * bool(out and not together) + lines
        before = part.kind
    return "\n".join(out) + "\n"


def text_lines(part: Part, width: int) -> list[str]:
    if part.table is not None:
        return table_text(part.table, width).rstrip("\n").split("\n")
    if part.kind == "topic":
        return [part.text, "─" * len(part.text)]
    if part.kind == "heading":
        return [*wrapped(f"{part.text}  [{part.label}]", width)]
    if part.kind == "key":
        return [part.label, *(f"  {line}" for line in flush(part.text, width - 2))]
    if part.kind == "line":
        return wrapped(f"- {part.text}", width)
    label = f"{part.label}: " if part.label else ""
    if part.kind == "command":
        return [f"{label}{part.text}"]
    indent = "  " if part.kind == "lead" else ""
    return [f"{indent}{line}" for line in flush(label + part.text, width - len(indent))]


def flush(words: str, width: int) -> list[str]:
    """A paragraph without a hanging indent."""
    return [line.strip() for line in wrapped(words, width)]


def markdown(title: str, parts: Iterator[Part], level: int = 3) -> str:
    """A handout: headings, tables, commands in code blocks. level: of the headings of answers."""
    out = [f"# {title}"]
    commands: list[str] = []

    def flush_commands() -> None:
        if commands:
            out.append("```console\n" + "\n".join(f"$ {command}" for command in commands) + "\n```")
            commands.clear()

    for part in parts:
        if part.kind == "command":
            commands.append(part.text)
            continue
        flush_commands()
        label = f"*{part.label}:* " if part.label else ""
        if part.table is not None:
            out.append(documents.markdown(part.table).rstrip("\n"))
        elif part.kind == "topic":
            out.append(f"## {part.text}")
        elif part.kind == "heading":
            out.append(f"{'#' * level} {part.text}")
        elif part.kind == "key":
            out.append(f"**{part.text}** `{part.label}`")
        elif part.kind == "line":
            listed = out[-1].startswith("- ")
            out.append(
                f"{out.pop()}\n- {documents.plainly(part.text)}"
                if listed
                else f"- {documents.plainly(part.text)}"
            )
        elif part.kind == "lead":
            out.append(
                f"> {documents.plainly(part.text)}"
                if out[-1].startswith("#")
                else documents.plainly(part.text)
            )
        else:
            out.append(label + documents.plainly(part.text))
    flush_commands()
    return "\n\n".join(out) + "\n"


def html(parts: Iterator[Part]) -> str:
    """A fragment that looks right in a notebook, on light and on dark."""
    out = ['<div class="convviz">']
    for part in parts:
        label = f"<i>{escape(part.label)}:</i> " if part.label else ""
        if part.table is not None:
            opening, style, *rest = documents.html(part.table).rstrip("\n").split("\n")
            out += [opening, *[style] * (style not in out), *rest]
        elif part.kind == "topic":
            out.append(f'<h2 id="{escape(part.label)}">{escape(part.text)}</h2>')
        elif part.kind == "heading":
            out.append(f'<h3 id="{escape(part.label)}">{escape(part.text)}</h3>')
        elif part.kind == "key":
            out.append(f"<p><b>{escape(part.text)}</b> <code>{escape(part.label)}</code></p>")
        elif part.kind == "lead":
            out.append(f"<p>{escape(part.text)}</p>")
        elif part.kind == "command":
            out.append(f"<p>{label}<code>{escape(part.text)}</code></p>")
        else:
            out.append(f"<p>{label}{escape(part.text)}</p>")
    return "\n".join([*out, "</div>"]) + "\n"


def tex(value: str) -> str:
    return "".join(documents.LATEX.get(char, char) for char in value)


def latex(parts: Iterator[Part]) -> str:
    """Sections, paragraphs and tables, ready to be read in with ``\\input``."""
    out = [r"% needs \usepackage{booktabs,longtable} in the preamble"]
    for part in parts:
        label = rf"\emph{{{tex(part.label)}:}} " if part.label else ""
        if part.table is not None:
            lines = documents.latex(part.table).rstrip("\n").split("\n")[1:]
            out += lines
        elif part.kind == "topic":
            out.append(rf"\section*{{{tex(part.text)}}}")
        elif part.kind in ("heading", "key"):
            out.append(rf"\subsection*{{{tex(part.text)}}}")
        elif part.kind == "command":
            out.append(rf"\noindent {label}\texttt{{{tex(part.text).replace('--', '-{}-')}}}\par")
        else:
            out.append(rf"\noindent {label}{tex(part.text)}\par")
    return "\n".join(out) + "\n"
