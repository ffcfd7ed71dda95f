"""The plain arithmetic of plans as LaTeX: ``(−4)² / √(9 + 0.00001)`` becomes a fraction over a root.

What is written keeps to what TeX and matplotlib's mathtext both know. ``BREAK`` stands where a line may be broken:
before the signs of a sum and behind the commas of a list, never inside braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from convviz.report.documents import LATEX

BREAK = "\x1f"
LONG = 64  # letters of a numerator; a longer sum is written before a slash, so that its lines can be broken

SIGNS = {
    "×": r"\times", "·": r"\cdot", "⊙": r"\odot", "=": "=", ">": ">", "<": "<", "≤": r"\leq", "≥": r"\geq",
    "≈": r"\approx", "≠": r"\neq", "→": r"\to", "∈": r"\in",
}  # fmt: skip
GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "η": "eta", "θ": "theta", "λ": "lambda",
    "μ": "mu", "π": "pi", "ρ": "rho", "σ": "sigma", "φ": "phi", "Δ": "Delta", "∞": "infty", "∇": "nabla",
    "∂": "partial",
}  # fmt: skip
LETTERS = {**{char: f"\\{name}" for char, name in GREEK.items()}, "½": r"\frac{1}{2}", "…": r"\dots"}
RAISED = {"²": "2", "³": "3", "ᵀ": "T"}
FUNCTIONS = {"max", "min", "ln", "log", "exp", "sin", "cos", "tan", "tanh", "sinh", "cosh"}
NAMED = {"erf", "sign", "abs", "round", "softplus", "median"}  # functions that TeX has no word for
BETWEEN = {
    "if",
    "else",
    "from",
    "to",
    "over",
    "for",
    "of",
    "and",
    "or",
    "where",
    "in",
}  # words between formulas
LATIN = 0x180  # letters below are known to TeX as they are
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

TOKEN = re.compile(
    r"(?P<all>… \((?P<count>[\d,]+) in all\))"
    r"|(?P<number>\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?(?:e[−+-]?\d+)?)"
    r"|(?P<word>[A-Za-z][A-Za-z0-9_]*[₀-₉]*)"
    r"|(?P<sign>.)"
)
CLOSES = {"(": ")", "[": "]", "⌊": "⌋", "⌈": "⌉", "|": "|"}
FENCES = {
    "(": ("(", ")"),
    "[": ("[", "]"),
    "⌊": (r"\lfloor", r"\rfloor"),
    "⌈": (r"\lceil", r"\rceil"),
    "|": ("|", "|"),
}


class Token(NamedTuple):
    kind: str
    text: str
    spaced: bool  # a space comes before it


class Unclear(ValueError):
    """What is no arithmetic."""


def math(text: str, names: Mapping[str, str] | None = None, inline: bool = False) -> str:
    """Arithmetic as LaTeX math, without the dollars, with BREAK where a line may end.

    names: how words are written, ``{"mean": r"\\mu"}``. inline: quotients with a slash. What is no arithmetic is
    written as text.

    >>> print(math("(−4)² / 3"), math("√(9 + 0.00001)"))
    \\frac{(-4)^{2}}{3} \\sqrt{9 + 0.00001}
    """
    try:
        return _Reader(text, names or {}, inline).whole()
    except Unclear:
        return rf"\text{{{escape(text)}}}"


def escape(text: str) -> str:
    """A sentence as LaTeX text; its signs become small formulas."""
    return "".join(TEXT.get(char, char if ord(char) < LATIN else "?") for char in text)


TEXT = {
    **{char: f"${code}$" for char, code in {**SIGNS, **LETTERS}.items() if char not in "=…"},
    **LATEX,
    **{char: f"$^{{{code}}}$" for char, code in RAISED.items()},
    **{char: f"$_{{{char.translate(LOWERED)}}}$" for char in "₀₁₂₃₄₅₆₇₈₉"},
    **{"√": r"$\sqrt{\,}$", "Σ": r"$\sum$", "|": r"\textbar{}", "⌊": r"$\lfloor$", "⌋": r"$\rfloor$"},
    **{"⌈": r"$\lceil$", "⌉": r"$\rceil$", "’": "'", "“": "``", "”": "''", "—": "---"},
}


class Tex(NamedTuple):
    """A part of a formula. bare: of a bracket, what stands within."""

    tex: str
    bare: str | None = None

    @property
    def tall(self) -> bool:
        return r"\frac" in self.tex or r"\sum" in self.tex or r"\sqrt" in self.tex

    @property
    def unbroken(self) -> str:
        """Without its bracket, for braces, which no line ends within."""
        return (self.tex if self.bare is None else self.bare).replace(BREAK, "")


class _Reader:
    """Reads one line of arithmetic from left to right."""

    def __init__(self, text: str, names: Mapping[str, str], inline: bool) -> None:
        self.names = names
        self.tokens = []
        spaced = False
        for match in TOKEN.finditer(text):
            kind = match.lastgroup or ""
            if match["all"] is not None:
                kind = "all"
            found = match["count"] if kind == "all" else match.group()
            if not found.strip():
                spaced = True
                continue
            self.tokens.append(Token(kind, found, spaced))
            spaced = False
        self.at = 0
        self.inline = int(inline)  # above 0 a quotient has a slash, as in exponents
        self.open: list[str] = []  # brackets that are still to be closed

    @property
    def now(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else Token("end", "", False)

    def take(self, text: str = "") -> Token:
        token = self.now
        if token.kind == "end" or (text and token.text != text):
            raise Unclear(text)
        self.at += 1
        return token

    def whole(self) -> str:
        found = self.listed()
        if self.now.kind != "end":
            raise Unclear(self.now.text)
        return found

    def listed(self) -> str:
        """Equations with commas, semicolons, colons and words in between, up to the end of the bracket."""
        parts: list[str] = []
        while self.now.kind != "end" and not (self.open and self.now.text == CLOSES[self.open[-1]]):
            token = self.now
            if token.text in (",", ";", ":"):
                self.take()
                parts.append(f"{token.text}\\ {BREAK}")
            elif token.kind == "word" and token.text in BETWEEN:
                self.take()
                parts.append(rf"\ \text{{{token.text}}}\ " if parts else rf"\text{{{token.text}}}\ ")
            else:
                parts.append(self.equation())
        return "".join(parts)

    def equation(self) -> str:
        found = self.sum()
        while self.now.text in SIGNS and self.now.text not in "×·":
            found += (
                f" {BREAK}{SIGNS[self.take().text]} "
                if self.now.text == "="
                else f" {SIGNS[self.take().text]} "
            )
            found += self.sum()
        return found

    def sum(self) -> str:
        found = self.product()
        while self.now.text in ("+", "−", "-"):
            sign = "+" if self.take().text == "+" else "-"
            found += f" {BREAK}{sign} {self.product()}"
        return found

    def product(self) -> str:
        factors = [self.signed()]
        between: list[str] = []
        while True:
            text, kind = self.now.text, self.now.kind
            if text in ("×", "·"):
                self.take()
                between.append(f" {SIGNS[text]} ")
                factors.append(self.signed())
            elif text == "/":
                self.take()
                factors[-1] = self.quotient(factors[-1], self.signed())
            elif self.follows(text, kind):
                between.append(r"\ " if self.now.spaced else "")
                factors.append(self.power())
            else:
                break
        found = factors[0].tex
        for sign, factor in zip(between, factors[1:], strict=True):
            found += sign + factor.tex
        return found

    def follows(self, text: str, kind: str) -> bool:
        """Whether a factor stands here without a sign before it: ``2p``, ``W x``."""
        if kind == "word":
            return text not in BETWEEN
        if text == "|":
            return not (self.open and self.open[-1] == "|")
        return kind in ("number", "all") or text in ("(", "√", "Σ", "⌊", "⌈") or text in LETTERS

    def quotient(self, above: Tex, below: Tex) -> Tex:
        if self.inline:
            return Tex(f"{above.tex}/{below.tex}")
        if above.bare is not None and BREAK in above.bare and width(above.bare) > LONG:
            return Tex(f"{above.tex} / {below.tex}")
        return Tex(rf"\frac{{{above.unbroken}}}{{{below.unbroken}}}")

    def signed(self) -> Tex:
        if self.now.text in ("−", "-", "+"):
            sign = "+" if self.take().text == "+" else "-"
            return Tex(sign + self.signed().tex)
        return self.power()

    def power(self) -> Tex:
        base = self.raised(self.primary())
        while self.now.text == "^":
            self.take()
            self.inline += 1
            exponent = self.signed() if self.now.text in ("−", "-") else self.raised(self.primary())
            self.inline -= 1
            base = Tex(f"{_base(base)}^{{{exponent.unbroken}}}")
        return base

    def raised(self, base: Tex) -> Tex:
        while self.now.text in RAISED:
            base = Tex(f"{_base(base)}^{{{RAISED[self.take().text]}}}")
        return base

    def primary(self) -> Tex:
        token = self.take()
        text = token.text
        if token.kind == "all":
            return Tex(rf"\dots\ ({_number(text)}\ \text{{in all}})")
        if token.kind == "number":
            return Tex(_number(text))
        if token.kind == "word":
            return self.word(text)
        if text == "√":
            return Tex(rf"\sqrt{{{self.raised(self.primary()).unbroken}}}")
        if text == "Σ":
            return Tex(rf"\sum {self.product()}")
        if text in CLOSES:
            return self.bracket(text)
        if text in LETTERS:
            if self.now.text == "(" and not self.now.spaced:
                return Tex(LETTERS[text] + self.bracket(self.take().text).tex)
            return Tex(LETTERS[text])
        raise Unclear(text)

    def bracket(self, opening: str) -> Tex:
        self.open.append(opening)
        inside = self.listed()
        self.open.pop()
        self.take(CLOSES[opening])
        left, right = FENCES[opening]
        if Tex(inside).tall or opening != "(":  # stretched brackets end on their line
            inside = inside.replace(BREAK, "")
            return Tex(rf"\left{left} {inside} \right{right}", inside)._replace(
                bare=inside if opening == "(" else None
            )
        return Tex(f"{left}{inside}{right}", inside)

    def word(self, text: str) -> Tex:
        """A name with its index, or a function with what it is of."""
        phrase = text
        while self.now.kind == "word" and f"{phrase} {self.now.text}" in self.names:
            phrase = f"{phrase} {self.take().text}"
        if phrase in self.names:
            return Tex(self.names[phrase])
        if text in FUNCTIONS or text in NAMED:
            name = rf"\{text}" if text in FUNCTIONS else rf"\mathrm{{{text}}}"
            if self.now.text == "(":
                return Tex(name + self.bracket(self.take().text).tex)
            return Tex(name)
        index = ""
        if self.now.text == "[" and not self.now.spaced:
            self.take()
            self.open.append("[")
            index = self.listed().replace(BREAK, "").replace(r",\ ", ",")
            self.open.pop()
            self.take("]")
        return Tex(_name(text, index))


def _base(base: Tex) -> str:
    """What a power may be put on."""
    return base.tex if re.fullmatch(r"\\?\w+|\(.*\)", base.tex) else f"{{{base.tex}}}"


def _number(text: str) -> str:
    mantissa, e, exponent = text.replace(",", "{,}").partition("e")
    exponent = exponent.replace("−", "-").lstrip("+")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}" if e else mantissa


def _name(text: str, index: str = "") -> str:
    """``C_in`` and ``n1`` with an index; a longer word upright."""
    word = text.translate(LOWERED)
    stem, _, low = word.partition("_")
    if not low and (match := re.fullmatch(r"([A-Za-z])(\d+)", word)):
        stem, low = match.groups()
    if len(stem) > 1:
        return rf"\text{{{escape(word)}}}" + (f"_{{{index}}}" if index else "")
    lows = [low if low.isdigit() or len(low) == 1 else rf"\text{{{escape(low)}}}"] if low else []
    lows += [index] if index else []
    return stem + (f"_{{{', '.join(lows)}}}" if lows else "")


def width(tex: str) -> int:
    """About how many digits a formula is wide; a sign between two numbers takes the room of more than two."""
    signs = len(re.findall(r" (?:[-+=<>]|\\(?:times|cdot|to|leq|geq|approx)) ", tex.replace(BREAK, "")))
    plain = re.sub(r"\\(text|mathrm|left|right|frac|sqrt|hat|quad|[,; ])|[{}^_& " + BREAK + "]", "", tex)
    return len(re.sub(r"\\[A-Za-z]+", "x", plain)) + 3 * signs // 2


def lines(tex: str, room: int) -> list[str]:
    """A formula in lines of about so many letters, broken where it may be.

    >>> lines(math("10 + 20 + 30 = 60"), 8)
    ['10 + 20', '+ 30 = 60']
    """
    found = [""]
    for part in tex.split(BREAK):
        if found[-1].strip() and width(found[-1] + part) > room:
            found.append(part)
        else:
            found[-1] += part
    return [line.strip() for line in found]
