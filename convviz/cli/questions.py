"""`convviz questions`: what students ask, answered with numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from convviz.cli.output import FORMATS, choose_format, emit, output_options, plain_terminal
from convviz.errors import ConvvizError

if TYPE_CHECKING:
    from convviz.questions import Question


class Key(click.ParamType):
    """The name of a question; the shell completes it."""

    name = "key"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from convviz.questions import questions

        return [CompletionItem(q.key, help=q.text) for q in questions() if q.key.startswith(incomplete)]


@click.command("questions", short_help="What students ask, answered with numbers; claims corrected.")
@click.argument("key", required=False, type=Key())
@click.option("--topic", metavar="WORD", help="Only of one topic: pooling, normalization, training ...")
@click.option("--search", metavar="WORDS", help="Only those in which all the words occur.")
@click.option("--all", "full", is_flag=True, help="Every answer in full: a handout.")
@click.option(
    "--claims", "claimed", is_flag=True, help="The claims that are often made and wrong, corrected."
)
@output_options(*FORMATS)
def command(
    key: str | None, topic: str | None, search: str | None, full: bool, claimed: bool,
    format: str | None, output: str | None,
) -> None:  # fmt: skip
    """The questions that students of convnets ask, each with a short answer; with KEY the whole answer: numbers worked
    out on the spot, what was measured, which claims it corrects, what to try.

    \b
    convviz questions
    convviz questions gap-parameters
    convviz questions --search "batch norm"
    convviz questions --topic pooling --all --format md
    convviz questions --claims
    """
    format = choose_format(format, output, FORMATS)
    from convviz.report import questions as report
    from convviz.report import questions_data as plain
    from convviz.report.data import dumps
    from convviz.report.formats import WIDTH

    if search is not None and not search.split():
        raise ConvvizError("needs at least one word", "--search")
    width = WIDTH
    if not plain_terminal(output):
        from convviz.report.terminal import terminal_width

        width = terminal_width()
    if claimed:
        from convviz.questions import claims

        if key is not None or topic is not None or full:
            raise ConvvizError("goes with --search only; without KEY, --topic and --all", "--claims")
        corrected = tuple(
            c for c in claims() if search is None or _holds(f"{c.claim} {c.correct} {c.why}", search)
        )
        if not corrected:
            raise ConvvizError(f"no claim has all of the words {search!r}", "--search")
        data = dumps(plain.claims_data(corrected)) if format == "json" else ""
        emit(data or report.render_claims(corrected, format, width=width), output)
        return
    if key is not None:
        from convviz.questions import question

        if topic is not None or search is not None or full:
            raise ConvvizError("a KEY names one question; it goes without --topic, --search and --all", "KEY")
        one = question(key)
        data = dumps(plain.question_data(one)) if format == "json" else ""
        emit(data or report.render_question(one, format, width=width, standalone=True), output)
        return
    found = _chosen(topic, search)
    if format == "json":
        emit(dumps([plain.question_data(q) for q in found] if full else plain.list_data(found)), output)
    elif full:
        emit(report.render_all(found, format, width=width), output)
    else:
        emit(report.render_list(found, format, width=width), output)


def _holds(text: str, words: str) -> bool:
    return all(word in text.lower() for word in words.lower().split())


def _chosen(topic: str | None, search: str | None) -> tuple[Question, ...]:
    """The questions of a topic in which all words occur; raises ConvvizError where there are none."""
    from convviz.questions import of_topic, questions
    from convviz.questions import search as find

    try:
        found = questions() if topic is None else of_topic(topic)
    except ConvvizError as err:
        raise ConvvizError(err.message, "--topic") from None
    if search is not None:
        hits = set(find(search))
        found = tuple(q for q in found if q in hits)
    if not found:
        raise ConvvizError(f"no question has all of the words {(search or '')[:100]!r}", "--search")
    return found
