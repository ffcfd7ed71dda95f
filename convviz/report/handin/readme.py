"""The README of a hand-in: what a teacher reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from convviz.analysis.statistics.cautions import listed
from convviz.report.documents import markdown, plainly
from convviz.report.handin.analysis import changed, confounded, of_all, of_one, single_runs, target_sentence
from convviz.report.handin.parts import HandIn
from convviz.report.handin.tables import argument, common_table, differing_table, field_table, model_table
from convviz.report.model import Table
from convviz.report.norms.all import overview
from convviz.report.norms.words import NAMES
from convviz.report.tables import also_global_notes
from convviz.report.training_results import tables
from convviz.report.training_results import title as overall

CURVES, MISTAKES = "curves.png", "misclassified.png"


def readme(found: HandIn) -> str:
    """Target, result, analysis, pictures, net, recipes, normalization, model and commands, as Markdown."""
    sections = [
        ("Target", _target(found)),
        ("Result", _result(found)),
        ("Comparison", _comparison(found)),
        ("Analysis", _analysis(found)),
        ("Curves", [f"![{plainly(_curves_words(found))}]({CURVES})"]),
        ("Misclassified images", _mistakes(found)),
        ("The net", _nets(found)),
        ("Recipes", _recipes(found)),
        ("Normalization, worked out", _norms(found)),
        ("Model", _models(found)),
        ("How to repeat it", _repeat(found)),
    ]
    out = [_head(found)]
    for title, parts in sections:
        if parts:
            out.append("\n\n".join([f"## {title}", *(part.strip("\n") for part in parts if part)]))
    return "\n\n".join(out) + "\n"


def _paragraphs(*texts: str) -> list[str]:
    return [plainly(text) for text in texts if text]


def code(text: str) -> str:
    """Plain but for what stands between backticks."""
    return plainly(text).replace("\\`", "`")


def _bullets(texts: Iterable[str]) -> str:
    return "\n".join(f"- {plainly(text)}" for text in texts)


def _sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}" if text else ""


def _head(found: HandIn) -> str:
    title = f"# {plainly(found.name)}{f': {plainly(found.about)}' if found.about else ''}"
    lines = [title, *_paragraphs(found.author)]
    lines.append(f"**{plainly(overall(found.compared))}.**")
    if found.missing:
        lines.append(f"**Not complete:** {plainly(listed(found.missing, 20))}.")
    return "\n\n".join(lines)


def _target(found: HandIn) -> list[str]:
    source = f" ({found.source})" if found.source else ""
    return _paragraphs(f"{_sentence(found.target or 'no target was set')[:-1]}{source}.")


def _result(found: HandIn) -> list[str]:
    first, *rest = tables(found.compared)
    beside = [markdown(_filled(table)) for table in rest[:1] if _beside(found)]
    return [
        markdown(replace(_filled(first), title="")),
        *_paragraphs(target_sentence(found), single_runs(found), *changed(found)),
        *beside,
    ]


def _comparison(found: HandIn) -> list[str]:
    """Pairs or main effects, what mixes causes up, and the groups who asked the same before."""
    rest = tables(found.compared)[2 if _beside(found) else 1 :]
    why = code(_sentence(found.note)) if found.note else plainly(confounded(found))
    return (
        [markdown(_filled(table)) for table in rest[:1]]
        + [why]
        + [markdown(_filled(table)) for table in rest[1:]]
    )


def _beside(found: HandIn) -> bool:
    """Whether the second table holds what others reported."""
    return bool(found.results.reported or found.results.not_run)


def _filled(table: Table) -> Table:
    """Without columns in which nothing stands."""
    return table.only(
        [c.key for i, c in enumerate(table.columns) if any(row[i] is not None for row in table.rows)]
    )


def _analysis(found: HandIn) -> list[str]:
    out = []
    for part in found.parts:
        out += [f"### {plainly(part.name)}"] * (len(found.parts) > 1)
        together, shown = of_all(part), of_one(part)
        if part.summary.n == 1:
            out.append(_bullets([*together[:1], *shown, *together[1:]]))
        else:
            out += [
                _bullets(together),
                f"The run with seed {part.run.seed}, which is shown:",
                _bullets(shown),
            ]
    return out


def _curves_words(found: HandIn) -> str:
    told = "; ".join(f"{part.name} {part.summary.mean:.2f} %" for part in found.parts)
    return f"Curves of all arms in one graph; test accuracy after the last epoch: {told}"


def _mistakes(found: HandIn) -> list[str]:
    seeds = sorted({part.run.seed for part in found.parts})
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {listed(seeds, 20)}, as written in the picture"
    told = (
        f"The {found.count} most confident mistakes of each arm's final model ({which}): what the net said, what it "
        f"is, the probability of either, and the index among the test images."
    )
    return [plainly(told), f"![Misclassified images of each arm]({MISTAKES})"]


def _nets(found: HandIn) -> list[str]:
    out = []
    for file in found.models:
        parts = [part for part in found.parts if part.model == file]
        if len(found.models) > 1:
            out.append(f"### {plainly(listed([part.name for part in parts], 20))}")
        graph = parts[0].net.graph
        shown = f", shown with the norm of {parts[0].name}" if len({part.norm for part in parts}) > 1 else ""
        out += _paragraphs(
            f"{graph.name}{shown}. n: size of the map, j: jump (input pixels from one unit to the next), r: receptive "
            f"field, in pixels; before and after each layer."
        )
        out.append(markdown(field_table(parts[0])))
        others = [f"{part.name}: {note}" for part in parts[1:] for note in also_global_notes(part.net)]
        out += [_bullets(others)] if others else []
    return out


def _recipes(found: HandIn) -> list[str]:
    out = []
    if found.results.differing:
        out += ["What differs:", markdown(differing_table(found)), "What all arms share:"]
    return [*out, markdown(common_table(found))]


def _norms(found: HandIn) -> list[str]:
    out = []
    for book in found.worked:
        shape = "×".join(map(str, book.norms.results[0].shape))
        links = [f"[{NAMES[result.method]}]({book.files[result.method]})" for result in book.norms]
        out.append(
            f"Every mean, variance and result on one batch of whole numbers, {shape} (samples, channels, height, "
            f"width): {', '.join(links)}; as a spreadsheet whose formulas can be followed: [{book.book}]({book.book})."
        )
        out.append(markdown(overview(book.norms)))
    ones = [part.name for part in found.parts if part.norm == "group:1"]
    if ones:
        out += _paragraphs(
            f"{listed(ones, 20)}: GroupNorm(1) normalizes by the statistics of layer norm; its weights are one for "
            f"each channel, torch's LayerNorm has one for each place of the map."
        )
    return [*out, *_paragraphs(*map(_sentence, found.left_out))]


def _models(found: HandIn) -> list[str]:
    out = []
    for file in found.models:
        parts = [part for part in found.parts if part.model == file]
        what = "takes the norm as an argument" if any(part.norm for part in parts) else "is the net"
        out.append(f"[{file}]({file}) {what}, and loads the weights that were trained:")
        out.append(markdown(model_table(parts)))
        first = next((part for part in parts if part.weights), parts[0])
        lines = [
            "import torch",
            f"from {file.removesuffix('.py')} import Net",
            "",
            f"net = Net({argument(first)})",
            f'net.load_state_dict(torch.load("{first.weights or "model.pt"}", weights_only=True))',
            "net.eval()",
        ]
        out.append("```python\n" + "\n".join(lines) + "\n```")
    return [*out, *_paragraphs(found.inputs)]


def _repeat(found: HandIn) -> list[str]:
    """The commands, where settings and epochs lie, and on what it was trained."""
    folders = listed([f"`{part.folder}`" for part in found.parts], 20)
    return [
        "```sh\n" + "\n".join(found.commands) + "\n```",
        f"Settings and every epoch of each run are in {folders} (config.yaml, metrics.jsonl).",
        *_paragraphs(*_environment(found)),
    ]


def _environment(found: HandIn) -> list[str]:
    """On what it was trained: devices, threads, versions, seconds."""
    runs = found.runs
    devices = list(
        dict.fromkeys(f"{run.summary.get('device', run.about.get('device', '?'))}" for run in runs)
    )
    threads = list(dict.fromkeys(str(run.about["threads"]) for run in runs if run.about.get("threads")))
    versions: dict[str, None] = {}
    for run in runs:
        given = run.about.get("versions")
        if isinstance(given, dict):
            versions[", ".join(f"{name} {version}" for name, version in given.items())] = None
    seconds = [
        float(run.summary["seconds"]) for run in runs if isinstance(run.summary.get("seconds"), int | float)
    ]
    told = f"Trained on {listed(devices)}"
    told += f" with {listed(threads)} thread{'s' * (threads != ['1'])}" if threads else ""
    told += (
        f", {sum(seconds):,.0f} seconds for {len(seconds)} run{'s' * (len(seconds) > 1)}" if seconds else ""
    )
    return [f"{told}.", *(f"Versions: {text}." for text in versions if text)]
