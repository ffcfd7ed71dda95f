/** What is said of the cell that is pointed at: a sentence, and the arithmetic with every number. */
import type { Cell, Tensor } from "./data";
import { h } from "./dom";
import type { Role } from "./grid";
import { at, type Pair, type Read, type View } from "./view";
import { count, inner, number, place } from "./words";

const SHOWN = 150; // terms or pairs that are written out

export function explain(view: View, role: Role, cell: Cell): Node[] {
  if (role === "output") return view.raw.how === "norm" ? ofNorm(view, cell) : ofOutput(view, cell);
  if (role === "input") return view.raw.how === "norm" ? ofNorm(view, cell) : ofInput(view, cell);
  return ofWeight(view, cell);
}

// -- an output --------------------------------------------------------------------------------------
function ofOutput(view: View, cell: Cell): Node[] {
  const all = view.reads(cell);
  const reads = all.filter((read) => read.value !== null);
  return [
    h("p", { class: "op-sentence" }, sentenceOf(view, cell, reads, all.length)),
    sum(view, cell, reads),
  ];
}

function sentenceOf(view: View, cell: Cell, reads: Read[], all: number): string {
  const output = `Output ${where(view.output, cell)}`;
  if (view.raw.how === "copy") return `${output} is a copy of input ${where(view.input, reads[0]!.cell)}.`;
  const padding = reads.filter((read) => read.padding).length;
  const zeros = reads.filter((read) => !read.padding && view.stuffed(read.cell)).length;
  const none = view.raw.key === "scatter" ? 0 : all - reads.length;
  const asides = [
    padding ? `, ${padding} of them padding` : "",
    zeros ? `, ${zeros} of them ${zeros === 1 ? "a zero" : "zeros"} between real cells` : "",
    none
      ? `; ${count(none, "cell")} of its window ${none === 1 ? "lies" : "lie"} outside and ${none === 1 ? "does" : "do"} not count`
      : "",
  ];
  return `${output} reads ${count(reads.length, "input cell")}${asides.join("")}.`;
}

function sum(view: View, cell: Cell, reads: Read[]): HTMLElement {
  const result = h("b", { class: "op-out" }, number(at(view.output, cell)));
  const parts: (Node | string)[] = [];
  const join = view.raw.how === "max" ? ", " : " + ";
  reads.slice(0, SHOWN).forEach((read, i) => {
    if (i) parts.push(join);
    parts.push(term(view, read));
  });
  if (reads.length > SHOWN) parts.push(`${join}… (${count(reads.length - SHOWN, "term")} more)`);
  if (view.raw.how === "max") (parts.unshift("max("), parts.push(")"));
  if (view.raw.how === "mean") {
    parts.unshift("(");
    parts.push(`) / ${number(at(view.divisors!, cell.slice(1)))}`);
  }
  if (view.raw.how === "dot" && !reads.length) parts.push("0");
  if (view.bias) {
    const bias = inner(at(view.bias, [cell[0]!]));
    parts.push(" + ", h("span", { class: "op-bias", title: "bias" }, bias, h("small", {}, "bias")));
  }
  return h(
    "p",
    { class: "op-sum", ...scrolled(reads.length) },
    ...parts,
    equals(at(view.output, cell)),
    result,
  );
}

/** A sum whose digits were cut is about equal. */
function equals(value: number | null): string {
  return value === null || Number(number(value).replace("−", "-")) === value ? " = " : " ≈ ";
}

/** What may have to be scrolled can be reached by the keyboard. */
function scrolled(items: number): Record<string, string> {
  return items > 20 ? { tabindex: "0" } : {};
}

/** `weight × input`, or the input alone where nothing multiplies it. */
function term(view: View, read: Read): HTMLElement {
  const kind = read.value === 0 && (read.padding || view.stuffed(read.cell)) ? "op-term op-zero" : "op-term";
  const value = h("span", { class: "op-in" }, inner(read.value));
  if (!read.weight) return h("span", { class: kind }, value);
  const weight = h("span", { class: "op-weight" }, inner(at(view.kernel!, read.weight)));
  return h("span", { class: kind }, weight, "×", value);
}

// -- an input or a weight ---------------------------------------------------------------------------
function ofInput(view: View, cell: Cell): Node[] {
  const pairs = view.feeds(cell);
  const fed = new Set(pairs.filter((pair) => !pair.cropped).map((pair) => pair.out.join())).size;
  const cropped = pairs.filter((pair) => pair.cropped).length;
  const what = view.raw.how === "copy" ? "becomes" : "feeds";
  let sentence = `Input ${where(view.input, cell)} is ${number(view.value(cell))} and ${what} ${count(fed, "output")}.`;
  if (cropped)
    sentence += ` ${count(cropped, "product falls", "products fall")} outside and ${cropped === 1 ? "is" : "are"} cropped.`;
  if (!fed)
    sentence = `Input ${where(view.input, cell)} is ${number(view.value(cell))}, and no output reads it.`;
  return [h("p", { class: "op-sentence" }, sentence), list(view, pairs)];
}

function ofWeight(view: View, cell: Cell): Node[] {
  const pairs = view.joined(cell);
  const padding = pairs.filter((pair) => pair.padding).length;
  const many = count(pairs.length, "pair");
  const aside = padding ? `; in ${padding} of them the input is padding` : "";
  const value = number(at(view.kernel!, cell));
  const sentence = `Weight ${place(cell.slice(2))} is ${value}; it joins ${many} of an input and an output${aside}.`;
  return [h("p", { class: "op-sentence" }, sentence), list(view, pairs)];
}

/** The products of pairs, each with the output that it goes to. */
function list(view: View, pairs: Pair[]): HTMLElement {
  const items = pairs.slice(0, SHOWN).map((pair) => {
    const text = where(view.output, pair.out);
    // A bare number behind an arrow would be taken for the product.
    const place = text.startsWith("(") ? text : `output ${text}`;
    const to = h("span", { class: pair.cropped ? "op-zero" : "op-out" }, place);
    return h("li", {}, term(view, pair), " → ", to, pair.cropped && " cropped");
  });
  if (pairs.length > SHOWN) items.push(h("li", {}, `… and ${count(pairs.length - SHOWN, "more", "more")}`));
  return h("ul", { class: "op-pairs", ...scrolled(items.length) }, ...items);
}

// -- a norm -----------------------------------------------------------------------------------------
function ofNorm(view: View, cell: Cell): Node[] {
  const set = view.statistics(cell);
  const shared = set.live
    ? `${count(set.size, "cell shares", "cells share")} these statistics.`
    : "The statistics were kept from training: no cell of this batch counts.";
  const row = (name: string, text: string): Node[] => [h("dt", {}, name), h("dd", {}, text)];
  const what = set.mean === null ? "mean square" : "variance";
  const x = inner(at(view.input, cell));
  const y = at(view.output, cell);
  const { gamma, beta } = view.raw;
  const affine = `${gamma ? ` × ${gamma}` : ""}${beta ? ` + ${beta}` : ""}`;
  const top = set.shift === null ? x : `(${number(at(view.input, cell))} − ${set.shift})`;
  return [
    h("p", { class: "op-sentence" }, `${set.name}: ${shared}`),
    h(
      "dl",
      { class: "op-statistics" },
      ...(set.mean === null ? [] : row("mean", set.mean)),
      ...row(what, set.var),
      ...row("this cell", `${top} / ${set.root}${affine}${equals(y)}${number(y)}`),
    ),
  ];
}

/** `(1, 2)`, with the channel where there are several. */
function where(tensor: Tensor, cell: Cell): string {
  const at = place(cell.slice(1));
  return tensor.shape[0]! > 1 ? `${at} of channel ${cell[0]}` : at;
}
