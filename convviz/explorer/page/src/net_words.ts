/** Sentences and short texts of the net view. */
import type { Layer, NetData } from "./net_data";
import { type Box, bounds, count, INPUT } from "./net_reach";

/** What one step along each of so many axes is called. */
export const axisNames = (rank: number): string[] =>
  rank === 1 ? ["position"] : ["slice", "row", "column"].slice(-rank);

export const whole = (n: number): string => n.toLocaleString("en");

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
  sizes.map((n) => (n < 1e4 ? n : whole(n))).join(" × ");

/** The receptive field of a layer in one cell of the column. */
export function fieldText({ rf }: Layer): string {
  if (!rf) return "–";
  return rf.global ? "all" : rf.size.join("×");
}

/** A name that can be seen. */
export const named = (name: string): string => (name.trim() ? name : "(no name)");

export const nameOf = (data: NetData, layer: number): string => {
  if (layer !== INPUT) return named(data.layers[layer]!.name);
  return Array.isArray(data.input) ? "the input" : `input ${data.wrt}`;
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
  if (n < box) parts.push(`Between them ${box - n === 1 ? "is 1 hole" : `are ${whole(box - n)} holes`}.`);
  const ideal = bounds(free);
  if (ideal && spans.some(([lo, hi], a) => lo < ideal[a]![0] || hi > ideal[a]![1])) {
    parts.push(`Maps wrap around on the way: counted on beyond their ends, these are ${ranges(ideal)}.`);
  } else if (ideal && ideal.some(([lo, hi], a) => lo !== spans[a]![0] || hi !== spans[a]![1])) {
    parts.push(`If no map had an end, it would read ${ranges(ideal)}: ${cells(count(free))}.`);
  } else if (count(free) !== n) {
    parts.push(`If no map had an end, it would read ${cells(count(free))}.`);
  }
  return parts.join(" ");
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
  return `${who} reaches ${n === 1 ? "1 unit" : `${whole(n)} units`} of ${nameOf(data, layer)}: ${ranges(spans)}.`;
}

const number = (n: number): string => (n < 0 ? `−${whole(-n)}` : whole(n));
const cells = (n: number): string => (n === 1 ? "1 cell" : `${whole(n)} cells`);

function list(words: string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
