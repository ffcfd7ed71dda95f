"""Recurrent layers: at each time the gates, from the input and from what was put out before, and the new state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convviz.ops.activation import sigmoid
from convviz.ops.base import Array, axis
from convviz.ops.recurrent import Gru, Lstm, Recurrent
from convviz.plan.given import Given, plain
from convviz.plan.limits import MAX_STEPS, MAX_TERMS, check_count
from convviz.plan.model import Cell, Formula, Marked, Number, Panel, Plan, Step, Term, Work, Write
from convviz.plan.pieces import blank, dot_text, equal, joined, plan_of, step
from convviz.plan.words import inner, number, term_text

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"σ": sigmoid, "tanh": np.tanh, "": lambda total: total}


@dataclass(frozen=True)
class Pass:
    """One layer in one direction over all times.

    x: (times, features), which lies in ``panel``. target: the panel of what it puts out, from feature ``first`` on.
    features_first: the panels are (features, times).
    """

    given: Given
    op: Recurrent
    layer: int
    end: str
    x: Array
    panel: str
    target: str
    first: int
    features_first: bool

    @property
    def times(self) -> range:
        return range(len(self.x))[:: -1 if self.end else 1]

    @property
    def title(self) -> str:
        told = [f"layer {self.layer}"] * (self.op.num_layers > 1) + ["backward"] * bool(self.end)
        return f" ({', '.join(told)})" if told else ""

    def section(self, t: int) -> str:
        return f"Time {t}{self.title}"

    def key(self, name: str) -> str:
        """A panel or weight of this pass."""
        return f"{name}_l{self.layer}{self.end}"

    def source(self, t: int, feature: int) -> Cell:
        """Where an input feature at a time lies."""
        return (feature, t) if self.features_first else (t, feature)

    def to(self, t: int, unit: int) -> Cell:
        """Where a unit's output at a time goes."""
        return self.source(t, self.first + unit)

    def inputs(self, t: int, row: int) -> list[Term]:
        """Input features at a time, times row ``row`` of the input weights."""
        w = self.given.weights[self.key("weight_ih")]
        return [
            Term(self.panel, self.source(t, i), plain(x), (row, i), plain(w[row, i]), plain(x * w[row, i]))
            for i, x in enumerate(self.x[t])
        ]

    def remembered(self, before: int | None, h: Array, row: int) -> list[Term]:
        """What was put out the time before, times row ``row`` of the hidden weights; nothing at the first time."""
        if before is None:
            return []
        u = self.given.weights[self.key("weight_hh")]
        return [
            Term(self.target, self.to(before, j), plain(v), (row, j), plain(u[row, j]), plain(v * u[row, j]))
            for j, v in enumerate(h)
        ]

    def bias(self, names: tuple[str, ...], row: int) -> Number | None:
        """The biases of row ``row`` together."""
        if not self.op.bias:
            return None
        return plain(sum(self.given.weights[self.key(f"bias_{name}")][row] for name in names))

    def marks(self, name: str, terms: list[Term], row: int) -> list[Marked]:
        """The weights and the bias that are used: ``ih`` with the input, ``hh`` with what is remembered."""
        cells = tuple(term.weight for term in terms if term.weight is not None)
        found = [Marked(self.key(f"weight_{name}"), "weight", cells)] if cells else []
        return found + ([Marked(self.key(f"bias_{name}"), "weight", ((row,),))] if self.op.bias else [])

    def gate(
        self, what: str, panel: str, t: int, unit: int, row: int, parts: dict[str, list[Term]], act: str
    ) -> tuple[Step, float]:
        """A sum of products and biases, through ``act`` (σ, tanh or none); parts: its terms by weight."""
        terms = tuple(term for part in parts.values() for term in part)
        bias = self.bias(tuple(parts), row)
        total = float(sum(term.product for term in terms)) + (bias or 0)
        value = float(ACTIVATIONS[act](np.array(total)))
        if act:
            inside = joined([term_text(term) for term in terms])
            inside = " + ".join([inside] * bool(terms) + ([] if bias is None else [inner(bias)])) or "0"
            text = equal(f"{act}({inside}) = {act}({number(plain(total))})", plain(value))
            work = Work("function", terms, plain(value), text, bias, name=act)
        else:
            text = dot_text(terms, bias, plain(value))
            work = Work("dot", terms, plain(value), text, bias)
        marks = [mark for part, found in parts.items() for mark in self.marks(part, found, row)]
        caption = f"{what} of unit {unit} at time {t}: {text}."
        writes = [Write(panel, (unit, t), plain(value))]
        return step(self.section(t), caption, work, writes, marks=marks), value

    def follows(
        self, what: str, t: int, unit: int, text: str, terms: list[Term], panel: str, cell: Cell, value: float
    ) -> Step:
        """A number that follows from gates and states."""
        done = equal(text, plain(value))
        work = Work("function", tuple(terms), plain(value), done, name=what.lower())
        caption = f"{what} of unit {unit} at time {t}: {done}."
        return step(self.section(t), caption, work, [Write(panel, cell, plain(value))])


def known(panel: str, cell: Cell, value: float) -> Term:
    """A number that was worked out before."""
    return Term(panel, cell, plain(value), product=plain(value))


Passed = tuple[list[Step], Array, list[Panel]]  # steps, outputs (times, hidden), panels in between


# -- LSTM -------------------------------------------------------------------------------------------------
GATES = (("Input gate", "σ"), ("Forget gate", "σ"), ("Candidate", "tanh"), ("Output gate", "σ"))


def lstm_pass(run: Pass) -> Passed:
    """Four gates, the state and the output of every unit at every time."""
    size, n = run.op.hidden_size, len(run.x)
    h, c, before = np.zeros(size), np.zeros(size), None
    out, steps = np.zeros((n, size)), []
    keys = [run.key(name.lower().replace(" ", "_")) for name, _ in GATES]
    state = run.key("state")
    for t in run.times:
        gates = np.zeros((4, size))
        for g, ((name, act), key) in enumerate(zip(GATES, keys, strict=True)):
            for j in range(size):
                row = g * size + j
                parts = {"ih": run.inputs(t, row), "hh": run.remembered(before, h, row)}
                one, gates[g, j] = run.gate(name, key, t, j, row, parts, act)
                steps.append(one)
        i, f, g_, o = gates
        new = f * c + i * g_
        out[t] = o * np.tanh(new)
        for j in range(size):
            enter, forget, candidate, _ = (known(key, (j, t), gates[g, j]) for g, key in enumerate(keys))
            kept = [forget] if before is None else [forget, known(state, (j, before), c[j])]
            text = f"{number(forget.value)}×{inner(plain(c[j]))} + {number(enter.value)}×{inner(candidate.value)}"
            steps.append(run.follows("State", t, j, text, [*kept, enter, candidate], state, (j, t), new[j]))
        for j in range(size):
            terms = [known(keys[3], (j, t), o[j]), known(state, (j, t), new[j])]
            text = f"{number(plain(o[j]))}×tanh({number(plain(new[j]))})"
            steps.append(run.follows("Output", t, j, text, terms, run.target, run.to(t, j), out[t, j]))
        h, c, before = out[t], new, t
    titles = [name.lower() for name, _ in GATES]
    panels: list[Panel] = [
        blank(key, f"{title}{run.title}", (size, n)) for key, title in zip([*keys, state], [*titles, "state"])
    ]
    return steps, out, panels


def lstm(given: Given) -> Plan:
    """The plan of an LSTM."""
    assert isinstance(given.op, Lstm)
    rules = {
        "σ": ("gates i, f, o", "σ(W x + b + U h before + c)"),
        "tanh": ("candidate g", "tanh(W x + b + U h before + c)"),
        "state": ("state c", "f×c before + i×g"),
        "output": ("output h", "o×tanh(c)"),
    }
    return layers(given, given.op, lstm_pass, rules, 6)


# -- GRU --------------------------------------------------------------------------------------------------
def gru_pass(run: Pass) -> Passed:
    """Two gates, what is remembered, the candidate and the output of every unit at every time."""
    size, n = run.op.hidden_size, len(run.x)
    h, before = np.zeros(size), None
    out, steps = np.zeros((n, size)), []
    names = ("reset_gate", "update_gate", "memory", "candidate")
    reset, update, memory, new = keys = [run.key(name) for name in names]
    for t in run.times:
        gates, held, candidate = np.zeros((2, size)), np.zeros(size), np.zeros(size)
        for g, key in enumerate((reset, update)):
            for j in range(size):
                row = g * size + j
                parts = {"ih": run.inputs(t, row), "hh": run.remembered(before, h, row)}
                one, gates[g, j] = run.gate(("Reset gate", "Update gate")[g], key, t, j, row, parts, "σ")
                steps.append(one)
        r, z = gates
        for j in range(size):
            row = 2 * size + j
            one, held[j] = run.gate("Memory", memory, t, j, row, {"hh": run.remembered(before, h, row)}, "")
            steps.append(one)
        for j in range(size):
            one, candidate[j] = gru_candidate(run, t, j, r[j], held[j], keys)
            steps.append(one)
        out[t] = (1 - z) * candidate + z * h
        for j in range(size):
            terms = [known(update, (j, t), z[j]), known(new, (j, t), candidate[j])]
            terms += [] if before is None else [known(run.target, run.to(before, j), h[j])]
            gate = number(plain(z[j]))
            text = f"(1 − {gate})×{inner(plain(candidate[j]))} + {gate}×{inner(plain(h[j]))}"
            steps.append(run.follows("Output", t, j, text, terms, run.target, run.to(t, j), out[t, j]))
        h, before = out[t], t
    panels: list[Panel] = [
        blank(key, f"{name.replace('_', ' ')}{run.title}", (size, n))
        for key, name in zip(keys, names, strict=True)
    ]
    return steps, out, panels


def gru_candidate(run: Pass, t: int, j: int, r: float, held: float, keys: list[str]) -> tuple[Step, float]:
    """What a unit would put out: from the input, and from its memory as far as the reset gate lets it."""
    reset, _, memory, new = keys
    row = 2 * run.op.hidden_size + j
    terms, bias = run.inputs(t, row), run.bias(("ih",), row)
    total = float(sum(term.product for term in terms)) + (bias or 0) + r * held
    value = float(np.tanh(total))
    parts = [joined([term_text(term) for term in terms]), *([] if bias is None else [inner(bias)])]
    inside = " + ".join([*parts, f"{number(plain(r))}×{inner(plain(held))}"])
    text = equal(f"tanh({inside}) = tanh({number(plain(total))})", plain(value))
    more = [known(reset, (j, t), r), known(memory, (j, t), held)]
    work = Work("function", (*terms, *more), plain(value), text, bias, name="tanh")
    caption = f"Candidate of unit {j} at time {t}: {text}."
    writes = [Write(new, (j, t), plain(value))]
    return step(run.section(t), caption, work, writes, marks=run.marks("ih", terms, row)), value


def gru(given: Given) -> Plan:
    """The plan of a GRU."""
    assert isinstance(given.op, Gru)
    rules = {
        "σ": ("gates r, z", "σ(W x + b + U h before + c)"),
        "tanh": ("candidate n", "tanh(W x + b + r×(U h before + c))"),
        "output": ("output h", "(1 − z)×n + z×h before"),
    }
    return layers(given, given.op, gru_pass, rules, 5)


# -- both -------------------------------------------------------------------------------------------------
def layers(
    given: Given,
    op: Recurrent,
    one: Callable[[Pass], Passed],
    rules: dict[str, tuple[str, str]],
    kinds: int,
) -> Plan:
    """Layers and directions one after the other; each layer reads what the one before put out.

    rules: for the name of a step's work, what it gives and its formula in letters. kinds: steps of a unit at a time.
    """
    features_first = axis(op.dim, given.ins[0]) == 0
    x = given.xs[0].T if features_first else given.xs[0]
    runs = op.num_layers * len(op.directions) * len(x) * op.hidden_size
    check_count(op.kind, "steps", runs * kinds, MAX_STEPS)
    check_count(op.kind, "cells to read", runs * op.gates * (x.shape[1] + op.hidden_size), MAX_TERMS)
    steps: list[Step] = []
    between: list[Panel] = []
    panel = "input"
    for layer in range(op.num_layers):
        last = layer == op.num_layers - 1
        target = "output" if last else f"hidden_l{layer}"
        parts = []
        for d, end in enumerate(op.directions):
            run = Pass(given, op, layer, end, x, panel, target, d * op.hidden_size, features_first)
            found, out, panels = one(run)
            steps += found
            between += panels
            parts.append(out)
        x, panel = np.concatenate(parts, axis=-1), target
        if not last:
            shape = x.T.shape if features_first else x.shape
            between.append(blank(target, f"output of layer {layer}", shape))
    grids = [*given.inputs(), *given.parameters(), *between, given.output()]
    notes = [
        "Before the first time, output and state are 0.",
        "W and b are weight_ih and bias_ih, U and c weight_hh and bias_hh; σ(x) = 1 / (1 + e^(−x)).",
    ]
    return plan_of(given, grids, steps, formulas(steps, rules), notes, "weight_ih_l0")


def formulas(steps: list[Step], rules: dict[str, tuple[str, str]]) -> list[Formula]:
    """Each formula with the numbers of the last step that it tells of."""
    last = {s.work.name: s for s in steps if s.work is not None}
    found = []
    for name, (about, symbols) in rules.items():
        work = last[name].work
        assert work is not None and work.result is not None
        numbers = work.text.rpartition(" = ")[0]
        found.append(Formula(about, symbols, numbers, number(work.result)))
    return found
