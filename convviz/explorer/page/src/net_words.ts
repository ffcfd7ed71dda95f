/** Sentences and short texts of the net view. */
import { type Box, bounds, count, stray } from "./net_boxes";
import type { Layer, NetData } from "./net_data";
import { INPUT } from "./net_reach";
import { borderOf } from "./relations";

/** What one step along each of so many axes is called. */
export const axisNames = (rank: number): string[] =>
  rank === 1 ? ["position"] : ["slice", "row", "column"].slice(-rank);

export const whole = (n: number): string => n.toLocaleString("en");

/** 1 layer, 1,500 layers */
export const counted = (n: number, what: string): string => `${whole(n)} ${what}${n === 1 ? "" : "s"}`;

/** 118013952 -> 118 M */
export function short(n: number): string {
  for (const [size, sign] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (n >= size) return `${Number((n / size).toPrecision(3))} ${sign}`;
  }
  return whole(n);
}

/** 0.3274 -> 33 % */
export const percent = (part: number): string => `${Number((part * 100).toPrecision(2))} %`;

export const times = (sizes: readonly number[]): string =>
  sizes.map((n) => (n < 1e4 && sizes.length > 1 ? n : whole(n))).join(" × ");

/** The receptive field of a layer in one cell of the column. */
export function fieldText({ rf }: Layer): string {
  if (!rf) return "–";
  return rf.global ? "all" : rf.size.join("×");
}

// Signs that are not seen, but break lines or turn what follows them around.
const UNSEEN = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;
const LEFTWARD = /[\p{sc=Arab}\p{sc=Hebr}\p{sc=Syrc}\p{sc=Thaa}\p{sc=Nkoo}]/u;

/** A name that can be seen, whatever is in it. */
export const named = (name: string): string =>
  name.trim() ? name.replaceAll(UNSEEN, "\ufffd") : "(no name)";

/** A name in a sentence: one that is written from right to left keeps the numbers behind it in their place. */
const told = (name: string): string => (LEFTWARD.test(name) ? `\u2068${named(name)}\u2069` : named(name));

export const nameOf = (data: NetData, layer: number): string => {
  if (layer !== INPUT) return told(data.layers[layer]!.name);
  return Array.isArray(data.input) ? "the input" : `input ${told(data.wrt)}`;
};

/** rows 3–9 and columns 0–4 */
export function ranges(spans: readonly (readonly [number, number])[]): string {
  const words = axisNames(spans.length);
  return list(
    spans.map(([lo, hi], axis) =>
      lo === hi ? `${words[axis]} ${number(lo)}` : `${words[axis]}s ${number(lo)} to ${number(hi)}`,
    ),
  );
}

/** What the unit reads of a layer, what the ends of the maps take away, and the holes. */
export function readSentence(
  data: NetData,
  layer: number,
  unit: readonly number[],
  at: number,
  real: Box[],
  free: Box[],
): string {
  const who = `Unit (${unit.join(", ")}) of ${nameOf(data, layer)}`;
  const spans = bounds(real);
  if (!spans)
    return `${who} reads nothing of ${nameOf(data, at)}${free.length ? ": all it would read is padding" : ""}.`;
  const n = count(real);
  const box = spans.reduce((all, [lo, hi]) => all * (hi - lo + 1), 1);
  const parts = [`${who} reads ${ranges(spans)} of ${nameOf(data, at)}: ${cells(n)}.`];
  const ideal = bounds(free);
  const around = ideal !== null && stray(spans, ideal);
  if (n < box && !around) {
    parts.push(`Between them ${box - n === 1 ? "is 1 hole" : `are ${whole(box - n)} holes`}.`);
  }
  if (around) {
    const how = goOn(data, layer, at);
    parts.push(`Maps ${how} on the way: counted on beyond their ends, these are ${ranges(ideal)}.`);
  } else if (ideal && ideal.some(([lo, hi], a) => lo !== spans[a]![0] || hi !== spans[a]![1])) {
    parts.push(`If no map had an end, it would read ${ranges(ideal)}: ${cells(count(free))}.`);
  } else if (count(free) !== n) {
    parts.push(`If no map had an end, it would read ${cells(count(free))}.`);
  }
  return parts.join(" ");
}

/** What becomes of maps at their ends between two layers, where there is more than zeros. */
function goOn({ layers, steps }: NetData, layer: number, at: number): string {
  const taken = layers
    .slice(at + 1, layer + 1)
    .flatMap(({ reads }) => reads.flatMap((read) => read.steps.flat()));
  const borders = new Set(
    taken.map((step) => steps[step]!.relation).map((relation) => relation && borderOf(relation)),
  );
  const words = { circular: "wrap around", reflect: "are mirrored", replicate: "repeat their ends" };
  return list(
    (Object.keys(words) as (keyof typeof words)[]).filter((b) => borders.has(b)).map((b) => words[b]),
  );
}

/** Which units a cell reaches. */
export function fedSentence(
  data: NetData,
  at: number,
  cell: readonly number[],
  layer: number,
  units: Box[],
): string {
  const who = `Cell (${cell.join(", ")}) of ${nameOf(data, at)}`;
  const spans = bounds(units);
  if (!spans) return `${who} reaches no unit of ${nameOf(data, layer)}.`;
  const n = count(units);
  return `${who} reaches ${counted(n, "unit")} of ${nameOf(data, layer)}: ${ranges(spans)}.`;
}

const number = (n: number): string => (n < 0 ? `−${whole(-n)}` : whole(n));
const cells = (n: number): string => counted(n, "cell");

function list(words: string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
