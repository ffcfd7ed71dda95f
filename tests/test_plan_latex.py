"""Plans as LaTeX: balanced, known to TeX and mathtext, within the page, and with the plan's own numbers in it."""

from __future__ import annotations

import functools
import math as maths
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser

from convviz.analysis.norms.batches import preset, random_batch
from convviz.analysis.norms.normalize import METHODS, normalize
from convviz.analysis.norms.scaling import SCALINGS
from convviz.errors import ConvvizError
from convviz.plan import kinds
from convviz.plan import plan as plan_by_name
from convviz.plan.model import Formula, Grid, Marked, Plan, Step, Work, Write
from convviz.plan.model import Table as Facts
from convviz.plan.norms import norm, of_result
from convviz.plan.words import decimals
from convviz.report.plan import render
from convviz.report.plan_latex import ROOM, latex
from convviz.report.tex_math import BREAK, escape, lines, math, width
from tests.sweeps import sweep

BATCHES = {
    "A": preset("A"), "B": preset("B"), "rows": random_batch((2, 4, 3), 1), "vectors": random_batch((4, 2), 2),
    "volumes": random_batch((2, 2, 2, 1, 2), 3), "one": random_batch((1, 2, 2, 3), 4),
    "wide": random_batch((2, 1, 4, 20), 5),
}  # fmt: skip
SETTINGS = ({"steps": 3}, {"mode": "eval", "gamma": 2, "momentum": None, "steps": 2})
NAMED = [f"{kind.name} {view or ''}".strip() for kind in kinds() for view in (kind.views or (None,))]
NORMED = [
    f"{method} {batch} {i}"
    for method in METHODS
    for batch in BATCHES
    for i in range(len(SETTINGS))
    if not (method == "ghost" and len(BATCHES[batch]) % 2)
    and not (method == "instance" and batch == "vectors")
]
SCALED = [f"{method} {batch} 0" for method in SCALINGS for batch in ("A", "B", "rows")]


def by_method(name: str) -> str:
    """Norms together, ops by their first letter."""
    first, *rest = name.split()
    return first if rest and rest[0] in BATCHES else f"{first[0]}…"


@functools.cache
def plan_of(name: str) -> Plan:
    first, *rest = name.split()
    if rest and rest[0] in BATCHES:
        given = {} if first in SCALINGS else SETTINGS[int(rest[1])]
        return of_result(normalize(BATCHES[rest[0]], first, **given))
    return plan_by_name(first, view=rest[0] if rest else None)


@functools.cache
def page_of(name: str) -> str:
    return latex(plan_of(name), most=4)


# -- a strict reader of what is written -----------------------------------------------------------------------
COMMANDS = """
    section subsection noindent par textbf begin end left right frac sqrt text mathrm hat times cdot sum max min
    ln log exp sin cos tanh displaystyle quad overset raggedright medskip smallskip dots ldots scriptsize tiny
    setlength tabcolsep arraycolsep toprule midrule bottomrule item varepsilon sigma mu gamma beta pi infty
    leftarrow to lfloor rfloor lceil rceil boldsymbol textbackslash textasciitilde textasciicircum textless
    textgreater textbar leq geq approx neq in odot alpha delta eta theta lambda rho phi Delta nabla partial
"""


def check(page: str) -> None:
    """Braces, dollars, environments, rows and columns agree, and every command is known."""
    assert page.isascii() and BREAK not in page
    bare = re.sub(r"\\[\\{}$&%#_,; ]", " ", re.sub(r"^%.*$", "", page, flags=re.M))
    assert set(re.findall(r"\\([A-Za-z]+)", bare)) <= set(COMMANDS.split())
    assert not re.search(r"\\[^A-Za-z]", bare), "only known escapes"
    depth = 0
    for char in bare:
        depth += (char == "{") - (char == "}")
        assert depth >= 0
    assert depth == 0
    opened: list[str] = []
    for verb, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", page):
        if verb == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    for rows in re.findall(r"\\begin\{array\}\{(r+)\}(.*?)\\end\{array\}", page):
        assert {row.count("&") for row in rows[1].split(r"\\")} == {len(rows[0]) - 1}
    for columns, body in re.findall(
        r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}(.*?)\\end\{tabular\}", page, re.S
    ):
        rows = re.sub(r"\\(top|mid|bottom)rule|\\&", "", body).strip().removesuffix(r"\\").split(r"\\")
        assert all(row.count("&") < len(columns) for row in rows)


def fragments(page: str) -> Iterator[str]:
    """Every piece of mathematics, line by line; of matrices each entry."""
    shown = re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", page, re.S)
    rest = re.sub(r"\\begin\{align\*\}.*?\\end\{align\*\}", "", page, flags=re.S)
    rest = re.sub(r"\\text\{[^{}]*\}", lambda m: m[0].replace("$", ""), rest.replace(r"\$", ""))
    for piece in [*shown, *re.findall(r"\$([^$]+)\$", rest)]:
        for entries in re.findall(r"\\begin\{array\}\{r+\}(.*?)\\end\{array\}", piece, re.S):
            yield from (entry.strip() for row in entries.split(r"\\") for entry in row.split("&"))
        piece = re.sub(r"\\left\(\\begin\{array\}.*?\\end\{array\}\\right\)", "M", piece, flags=re.S)
        piece = re.sub(r"\\overset\{\\text\{[^{}]*\}\}\{M\}|\\displaystyle|\\boldsymbol", "", piece)
        for line in piece.split(r"\\" + "\n"):
            assert len(re.findall(r"\\left\b", line)) == len(re.findall(r"\\right\b", line)), (
                "brackets that stretch end on their line"
            )
            assert line.count("&") <= 1
            yield from (part.strip() for part in line.split("&"))


@sweep("name", [*NORMED, *SCALED, *NAMED], by_method)
def test_what_is_written_is_well_formed(name: str) -> None:
    check(page_of(name))


PARSER = MathTextParser("path")


@functools.cache
def rendered(fragment: str) -> bool:
    text = re.sub(r"\$[^$]*\$", "", fragment)  # small formulas within \text
    return not text or PARSER.parse(f"${text}$") is not None


@sweep("name", [*NORMED[::5], *SCALED[::2], *NAMED[::2]], by_method)
def test_mathtext_renders_every_fragment(name: str) -> None:
    found = dict.fromkeys(fragments(page_of(name)))
    assert len(found) > 3
    for fragment in [f for f in found if not re.fullmatch(r"-?[\d.]*", f)][:20]:
        assert rendered(fragment), fragment


@sweep("name", [*NORMED, *SCALED, *NAMED], by_method)
def test_lines_stay_on_the_page(name: str) -> None:
    for block in re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", page_of(name), re.S):
        for line in block.split("\\\\\n"):
            line = re.sub(r"\\left\(\\begin\{array\}\{r+\}(.*?)\\end\{array\}\\right\)", widest, line)
            assert width(line) <= ROOM + 30, line


def widest(match: re.Match[str]) -> str:
    return max(match[1].split(r"\\"), key=width)


# -- the numbers ----------------------------------------------------------------------------------------------
def inner(text: str, start: int) -> tuple[str, int]:
    """What stands in the braces that open at ``start``, and where they close."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return text[start + 1 : i], i + 1
    raise AssertionError(text)


WORDS = {
    r"\times": "*", r"\left": "", r"\right": "", r"\max": "max", r"\min": "min", r"\ ": "", r"\tanh": "tanh",
    r"\ln": "log", "{,}": "", r"\lfloor": "floor(", r"\rfloor": ")", r"\infty": "inf", r"\mathrm{erf}": "erf",
}  # fmt: skip


def python(tex: str) -> str:
    """LaTeX arithmetic as Python, by a reader that shares nothing with the writer."""
    out, i = "", 0
    while i < len(tex):
        for command, form, count in (
            (r"\frac", "(({})/({}))", 2),
            (r"\sqrt", "sqrt({})", 1),
            ("^", "**({})", 1),
        ):
            if tex.startswith(command + "{", i):
                i += len(command)
                found = []
                for _ in range(count):
                    text, i = inner(tex, i)
                    found.append(python(text))
                out += form.format(*found)
                break
        else:
            out += tex[i]
            i += 1
    for code, sign in WORDS.items():
        out = out.replace(code, sign)
    return out.replace("{", "(").replace("}", ")")


SCOPE = {"max": max, "min": min} | {
    name: getattr(maths, name) for name in ("sqrt", "tanh", "log", "inf", "e", "erf", "floor")
}


def evaluate(tex: str) -> float:
    return float(eval(python(tex), {"__builtins__": {}}, dict(SCOPE)))


def numeric(side: str) -> bool:
    """Whether a side of an equation has no letters in it."""
    bare = re.sub(
        r"\\(frac|sqrt|times|left|right|max|min|tanh|ln|mathrm\{erf\}|[lr]floor|infty|[ ,])|e\^", "", side
    )
    return bool(re.search(r"\d", bare)) and not re.search(r"[a-zM\\]", bare)


@sweep(
    "name",
    [*NORMED, *SCALED, "conv sum", "avg_pool", "max_pool", "softmax", "linear", "gelu", "mish"],
    by_method,
)
def test_equations_are_true(name: str) -> None:
    """Each side of each equation that is only numbers has the value of the other sides."""
    seen = 0
    page = re.sub(r"\\left\(\\begin\{array\}.*?\\end\{array\}\\right\)", "M", page_of(name))
    for block in re.findall(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", page, re.S):
        for line in re.sub(r"\\\\\n&\\quad (?![=&])", "", block).split("\\\\\n"):
            sides = [side.strip() for side in line.replace("&", " ").split("=")]
            worked = [side for side in sides if numeric(side)]
            if len(worked) < 2 or "dots" in line:
                continue
            seen += 1
            last = evaluate(worked[-1])
            for side in worked[:-1]:
                assert evaluate(side) == pytest.approx(last, rel=3e-3, abs=3e-3), line
    assert seen >= (0 if name.startswith(("pixel", "center")) else 1)


def matrices(page: str) -> list[list[list[str]]]:
    found = re.findall(r"\\begin\{array\}\{r+\}(.*?)\\end\{array\}", page, re.S)
    return [[[cell.strip() for cell in row.split("&")] for row in rows.split(r"\\")] for rows in found]


@pytest.mark.parametrize("method", [*METHODS, *SCALINGS])
@pytest.mark.parametrize("batch", ["A", "B", "rows"])
def test_matrices_hold_the_result(method: str, batch: str) -> None:
    plan = plan_of(f"{method} {batch} 0")
    x = BATCHES[batch]
    result = latex(plan).split(r"\subsection*{Result}")[1].split(r"\subsection*")[0].split("tabular")[0]
    found = [np.array(rows, float) for rows in matrices(result)]
    assert len(found) == x.shape[0] * x.shape[1]
    shown = plan.shown("output")
    want = np.array([shown[cell] for cell in np.ndindex(x.shape)]).reshape(x.shape)
    by_channel = [want[n, c].reshape(found[0].shape) for c in range(x.shape[1]) for n in range(x.shape[0])]
    np.testing.assert_allclose(found, by_channel, atol=6e-5)


def test_each_matrix_of_arithmetic_gives_the_one_beside_it() -> None:
    pairs = 0
    for name in ("batch A 0", "group B 1", "rms B 1", "layer rows 0", "batch B 1", "minmax B 0"):
        for line in latex(plan_of(name)).split("\n"):
            found = matrices(line)
            if len(found) == 2 and r"\overset" not in line and r"\gamma =" not in line:
                pairs += 1
                for left, right in zip(np.ravel(found[0]), np.ravel(found[1]), strict=True):
                    assert evaluate(left) == pytest.approx(float(right), rel=2e-3, abs=2e-3)
    assert pairs > 60


def test_batch_a_is_told_as_one_hands_it_in() -> None:
    page = latex(plan_of("batch A 0"))
    for text in (
        r"\mu_{0} &= \frac{0 + 2 + 2 + 0 + 2 + 8 + 2 + 8 + 1 + 5 + 5 + 1 + 5 + 7 + 7 + 9}{16} = \frac{64}{16} = 4",
        r"x_{0,0} - \mu_{0} &= \left(\begin{array}{rr} 0 - 4 & 2 - 4 \\ 2 - 4 & 0 - 4 \end{array}\right)"
        r" = \left(\begin{array}{rr} -4 & -2 \\ -2 & -4 \end{array}\right)",
        r"= \frac{144}{16} = 9",
        r"s_{0} &= \sqrt{\sigma_{0}^{2} + \varepsilon} = \sqrt{9 + 0.00001} = 3",
        r"\hat{x}_{3,0} = \frac{x_{3,0} - \mu_{0}}{s_{0}} &=",
        r"\frac{144}{16 - 1} = 9.6",
        r"\mu_{\text{run},0}^{(1)} &= (1 - 0.1) \times 0 + 0.1 \times 4 = 0.4",
        r"\sigma_{\text{run},0}^{2\,(1)} &= (1 - 0.1) \times 1 + 0.1 \times 9.6 = 1.86",
        r"$\gamma = 1$ and $\beta = 0$: $y = \hat{x}$.",
        r"\overset{\text{sample 3, channel 0}}{\left(\begin{array}{rr} 5 & 7 \\ 7 & 9 \end{array}\right)}",
        r"num\_batches\_tracked & $1$ & kept & counts updates: 3 \\",
    ):
        assert text in page, text
    assert page.count(r"\subsection*{Set") == 1
    later = latex(of_result(normalize(preset("A"), "bn", mode="eval")))
    assert (
        r"\frac{x_{0,0} - \mu_{\text{run},0}}{s_{0}}" in later
        and r"\sqrt{\sigma_{\text{run},0}^{2} + \varepsilon}" in later
    )


def test_group_norm_is_told_set_by_set() -> None:
    page = latex(plan_of("group B 1"))
    parts = page.split(r"\subsection*{Set ")[1:]
    assert [part.partition("}")[0] for part in parts][:2] == [
        "0: Sample 0, channels 0 to 1",
        "1: Sample 0, channels 2 to 3",
    ]
    assert all(
        f"\\mu_{{{i}}} &=" in part and f"\\sigma_{{{i}}}^{{2}} &=" in part for i, part in enumerate(parts)
    )
    assert r"x_{0,2} - \mu_{1} &=" in parts[1] and r"y_{0,0} = \gamma \hat{x}_{0,0} + \beta &=" in parts[0]
    assert r"x_{1,2} - \mu_{2} &=" in latex(plan_of("batch rows 0"))
    assert r"x_{\cdot,1} - \mu_{1} &=" in latex(plan_of("batch vectors 0"))
    cut = latex(plan_of("group B 1"), most=3)
    assert cut.count(r"\subsection*{Set ") == 3 and r"\dots{} and 5 more sets like these" in cut


def test_long_sums_are_broken_and_large_batches_cut() -> None:
    page = latex(of_result(normalize(random_batch((4, 4, 6, 6), 1), "batch", steps=50)), most=2)
    assert r"\dots\ (144\ \text{in all})" in page and r"and 48 more updates" in page
    check(page)
    sums = latex(of_result(normalize(random_batch((2, 2, 4, 2), 1) / 7, "layer")))
    long = math(f"({' + '.join(['12.5'] * 30)}) / 30")
    assert long.startswith("(12.5") and long.endswith(") / 30") and len(lines(long, ROOM)) > 1
    (line, more) = re.search(r"\\sum_\{0\} x &= (.*) \\\\\n&\\quad (\+.*) \\\\", sums).groups()
    assert width(line) <= ROOM and more.startswith("+ ")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("(−4)² = 16", "(-4)^{2} = 16"),
        ("√(9 + 0.00001) = 3", r"\sqrt{9 + 0.00001} = 3"),
        ("64 / 16", r"\frac{64}{16}"),
        ("−4 / 3", r"\frac{-4}{3}"),
        ("e^(x − max) / Σ e^(x − max)", r"\frac{e^{x - \max}}{\sum e^{x - \max}}"),
        ("⌊(7 − 3)/2⌋ + 1", r"\left\lfloor \frac{7 - 3}{2} \right\rfloor + 1"),
        ("max(1, −2, ∞)", r"\max(1,\ -2,\ \infty)"),
        ("k² × C_in/g × C_out", r"k^{2} \times \frac{C_{\text{in}}}{g} \times C_{\text{out}}"),
        ("|−2|^2", r"{\left| -2 \right|}^{2}"),
        ("2.22e−16", r"2.22 \times 10^{-16}"),
        ("1,234,567 + 2p", r"1{,}234{,}567 + 2p"),
        ("x[i]×w[o, i] over i", r"x_{i} \times w_{o,i}\ \text{over}\ i"),
        ("1 + 2 + … (16 in all) + 3", r"1 + 2 + \dots\ (16\ \text{in all}) + 3"),
        ("a / b / c", r"\frac{\frac{a}{b}}{c}"),
        ("x₁ + x12", "x_{1} + x_{12}"),
        ("(a/b)^(1/2)", r"{\left( \frac{a}{b} \right)}^{1/2}"),
        ("((−2)/2", r"\text{((--2)/2}"),
        ("no ℵ math & 5 % {of} it_", None),
    ],
)
def test_arithmetic_becomes_mathematics(text: str, want: str | None) -> None:
    done = math(text).replace(BREAK, "")
    if want is None:
        assert done.startswith(r"\text{") and r"\&" in done and r"\%" in done and r"\{of\}" in done
    elif want.startswith(r"\text"):
        assert done.startswith(r"\text{((")
    else:
        assert done == want and rendered(done)
    assert lines(math("1 + " * 60 + "1"), 40)[1].startswith("+ ")


def test_sentences_are_escaped() -> None:
    said = escape("50 % of {a_b} & #1 ~ 2×3 − 1 → √x ≤ ∞ “q” | x² ⌊y⌋ $ \\ ^ <α>")
    for bad in ("×", "−", "→", "√", "≤", "∞", "“", "²", "⌊", "α"):
        assert bad not in said
    assert r"50 \% of \{a\_b\} \& \#1" in said and r"\$ \textbackslash{} \textasciicircum{}" in said
    assert said.replace(r"\$", "").count("$") % 2 == 0


def test_any_plan_is_written() -> None:
    plan = Plan(
        "made_up", "A <plan> of 50 % & more_",
        (
            Facts("t", "facts {x}", ("what", "n"), (("a_b", 1.5), ("c", None))),
            Grid("output", "output", "output", (1, 1, 1)),
        ),
        (
            Step("One", "Step *1* tells & shows {x}_y.", (Marked("output", "written", ((0, 0, 0),)),)),
            Step("One", "A sum.", (), Work("sum", (), 5, "2 + 3 = 5"), (Write("output", (0, 0, 0), 5),)),
            Step("Two", "Nothing that can be read.", (), Work("function", (), None, "ℵ ((2 = "), ()),
        ),
        (Formula("size", "n + p", "3 + 1", "4", "one-sided " * 20),), (("parameters", "2"),), ("A note_ with | bar.",),
    )  # fmt: skip
    page = latex(plan)
    check(page)
    assert r"Step *1* tells \& shows \{x\}\_y." in page and "y_{0,0,0} &= 2 + 3 = 5" in page
    assert (
        r"a\_b & $1.5$ \\" in page
        and r"\section*{A \textless{}plan\textgreater{} of 50 \% \& more\_}" in page
    )
    empty = latex(Plan("x", "Empty", (), ()))
    assert empty == "% needs \\usepackage{amsmath,booktabs}\n\\section*{Empty}\n"


def test_scatter_copy_and_lists_have_their_signs() -> None:
    scatter = page_of("conv_transpose scatter")
    assert r"\leftarrow" in scatter
    assert re.search(
        r"y_\{0,0\} &= x_\{0,\d\} = ", page_of("flip") + page_of("upsample")
    ) or "x_{0,0,0} = " in page_of("upsample")
    assert r"e^{-2 - 2} = 0.0183" in page_of("softmax")


def test_a_norm_of_one_sample_is_written_too() -> None:
    from convviz.ops import build

    for mode in ("train", "eval"):
        page = latex(norm(build("batch_norm"), np.arange(8.0).reshape(1, 2, 2, 2), mode=mode))
        check(page)
    assert r"y_{0,0,0} &=" in page


@pytest.mark.parametrize("digits", [1, 7])
def test_decimals_hold_for_latex(digits: int) -> None:
    with decimals(digits):
        page = latex(of_result(normalize(preset("A"), "bn")))
    assert f"{-4 / 9.00001**0.5:.{digits}f}" in page


def test_the_door_knows_latex() -> None:
    plan = plan_of("batch A 0")
    assert render(plan, "latex", most=None) == latex(plan)
    whole = render(plan, "latex", standalone=True)
    assert whole.startswith("\\documentclass") and whole.rstrip().endswith("\\end{document}")
    with pytest.raises(ConvvizError, match="there are text, md, html, json, latex"):
        render(plan, "tex")


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex")
@pytest.mark.parametrize(
    "name", ["batch A 0", "group B 1", "conv sum", "softmax", "minmax B 0", "batch wide 1"]
)
def test_pdflatex_compiles(name: str, tmp_path: Path) -> None:
    (tmp_path / "plan.tex").write_text(latex(plan_of(name), standalone=True))
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "plan.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout.decode()[-2000:]
