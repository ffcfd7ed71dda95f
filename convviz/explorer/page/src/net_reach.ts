/**
 * What a unit reads in every layer before it, and which units a cell reaches: the rule of convviz/analysis/backward.py.
 *
 * A set of units is a list of boxes, each a product of runs along the axes. Joins that are no boxes (1x3 beside 3x1)
 * are lists of several, so every set and every count is exact. All geometry comes from `taps`.
 */
import type { Layer, NetData, Read, Step } from "./net_data";
import { borderOf, feeds, inside, type Relation, taps } from "./relations";

/** Maximal stretches [first, last] of a set of integers, in order. */
export type Runs = [number, number][];
export type Box = Runs[];
type Net = Pick<NetData, "steps"> & { layers: Pick<Layer, "reads">[] };

export const INPUT = -1;

/**
 * The boxes that one unit reads in each layer before it (INPUT: the net's input), and itself.
 *
 * clip: keep to the real map at every layer; otherwise as if no map had an end.
 */
export function reach(net: Net, layer: number, unit: readonly number[], clip: boolean): Map<number, Box[]> {
  const found = new Map<number, Box[]>([[layer, [unit.map((u): Runs => [[u, u]])]]]);
  for (let at = layer; at >= 0; at--) {
    const boxes = found.get(at);
    if (!boxes) continue;
    for (const read of net.layers[at]!.reads) {
      carry(boxes, read, found, read.from, (runs, lines) =>
        lines.reduceRight((cells, step) => image(net.steps[step]!, cells, clip), runs),
      );
    }
  }
  return found;
}

/** The boxes of units of `layer` that read a cell of layer `source` (INPUT: the net's input). */
export function fed(net: Net, source: number, cell: readonly number[], layer: number): Box[] {
  const found = new Map<number, Box[]>([[source, [cell.map((c): Runs => [[c, c]])]]]);
  for (let at = source + 1; at <= layer; at++) {
    for (const read of net.layers[at]!.reads) {
      const boxes = found.get(read.from);
      if (!boxes) continue;
      carry(boxes, read, found, at, (runs, lines) =>
        lines.reduce((cells, step) => readers(net.steps[step]!, cells), runs),
      );
    }
  }
  return found.get(layer) ?? [];
}

/** Takes boxes along a read into the set of layer `into`. */
function carry(
  boxes: Box[],
  read: Read,
  found: Map<number, Box[]>,
  into: number,
  along: (runs: Runs, steps: number[]) => Runs,
): void {
  for (const box of boxes) {
    const moved = box.map((runs, axis) => along(runs, read.steps[axis]!));
    if (moved.some((runs) => !runs.length)) continue;
    if (!found.has(into)) found.set(into, []);
    insert(found.get(into)!, moved);
  }
}

/** The inputs of a step that its outputs `cells` read. */
export function image(step: Step, cells: Runs, clip: boolean): Runs {
  const { relation, n } = step;
  if (!cells.length) return cells;
  if (!relation) return [[0, n - 1]];
  const border = clip ? borderOf(relation) : "zeros";
  const [whole, single]: [Runs, number[]] = [[], []];
  for (const [first, last] of cells) {
    if (border === "zeros" && closed(relation)) {
      const ends = [...taps(relation, first), ...taps(relation, last)].map((tap) => tap.cell);
      whole.push([Math.min(...ends), Math.max(...ends)]);
      continue;
    }
    for (let o = first; o <= last; o++) {
      for (const tap of taps(relation, o)) {
        const cell = clip ? inside(tap.cell, n, border) : tap.cell;
        if (cell !== null) single.push(cell);
      }
    }
  }
  const read = union([whole, runsOf(single)]);
  return clip ? cut(read, n) : read;
}

/** Whether outputs side by side read cells without a hole between them. */
function closed(relation: Relation): boolean {
  if (relation.kind !== "window" || relation.up !== 1) return false;
  const { kernel, stride, dilation } = relation;
  return stride <= kernel && (Math.abs(dilation) === 1 || kernel === 1);
}

/** The outputs of a step that read any of its inputs `cells`, clipped to what there is. */
function readers(step: Step, cells: Runs): Runs {
  const { relation, m } = step;
  if (!relation) return [[0, m - 1]];
  if (relation.kind !== "table" && borderOf(relation) === "zeros") {
    return cut(runsOf(members(cells).flatMap((i) => feeds(relation, i, m).map((tap) => tap.cell))), m);
  }
  const wanted = new Set(members(cells));
  const reads = (o: number): boolean =>
    taps(relation, o).some((tap) => wanted.has(inside(tap.cell, step.n, borderOf(relation)) ?? NaN));
  return runsOf(Array.from({ length: m }, (_, o) => o).filter(reads));
}

/** Adds a box: nothing if it lies in another, joined with one that differs along a single axis. */
export function insert(boxes: Box[], added: Box): void {
  let box = added;
  for (let i = 0; i < boxes.length; i++) {
    const old = boxes[i]!;
    const unlike = box.flatMap((runs, axis) => (sameRuns(runs, old[axis]!) ? [] : [axis]));
    if (box.every((runs, axis) => within(runs, old[axis]!))) return;
    if (unlike.length === 1) {
      const axis = unlike[0]!;
      box = box.map((runs, a) => (a === axis ? union([runs, old[axis]!]) : runs));
    } else if (!old.every((runs, axis) => within(runs, box[axis]!))) {
      continue;
    }
    boxes.splice(i, 1);
    i = -1; // the box is a larger one now: look at all others again
  }
  boxes.push(box);
}

/** The projection of a set on each axis; null for a set without cells. */
export function hull(boxes: Box[]): Box | null {
  return boxes[0] ? boxes[0].map((_, axis) => union(boxes.map((box) => box[axis]!))) : null;
}

/** The first and the last cell along each axis. */
export function bounds(boxes: Box[]): [number, number][] | null {
  return hull(boxes)?.map((runs) => [runs[0]![0], runs.at(-1)![1]]) ?? null;
}

/** How many cells a set has. */
export function count(boxes: Box[]): number {
  if (!boxes.length) return 0;
  if (boxes.length === 1) return boxes[0]!.reduce((all, runs) => all * total(runs), 1);
  if (boxes[0]!.length === 1) return total(union(boxes.map((box) => box[0]!)));
  // Between two ends along the first axis the same boxes are there: count the rest of these.
  const ends = [...new Set(boxes.flatMap((box) => box[0]!.flatMap(([a, b]) => [a, b + 1])))].sort(
    (a, b) => a - b,
  );
  let sum = 0;
  for (let i = 0; i + 1 < ends.length; i++) {
    const at = ends[i]!;
    const there = boxes.filter((box) => box[0]!.some(([a, b]) => a <= at && at <= b));
    sum += (ends[i + 1]! - at) * count(there.map((box) => box.slice(1)));
  }
  return sum;
}

/** Whether a cell is in a set. */
export function holds(boxes: Box[], cell: readonly number[]): boolean {
  return boxes.some((box) =>
    box.every((runs, a) => runs.some(([lo, hi]) => lo <= cell[a]! && cell[a]! <= hi)),
  );
}

export function union(sets: Runs[]): Runs {
  if (sets.length === 1) return sets[0]!;
  const all = sets.flat().sort((a, b) => a[0] - b[0]);
  const out: Runs = [];
  for (const [lo, hi] of all) {
    const last = out.at(-1);
    if (last && lo <= last[1] + 1) last[1] = Math.max(last[1], hi);
    else out.push([lo, hi]);
  }
  return out;
}

function runsOf(cells: number[]): Runs {
  if (!cells.length) return [];
  const lo = cells.reduce((a, b) => Math.min(a, b));
  const there = new Uint8Array(cells.reduce((a, b) => Math.max(a, b)) - lo + 2);
  for (const cell of cells) there[cell - lo] = 1;
  const out: Runs = [];
  for (let i = 0, first = 0; i < there.length; i++) {
    if (there[i] && !there[i - 1]) first = i;
    if (!there[i] && there[i - 1]) out.push([first + lo, i - 1 + lo]);
  }
  return out;
}

/** The part inside [0, n). */
function cut(runs: Runs, n: number): Runs {
  if (!runs.length || (runs[0]![0] >= 0 && runs.at(-1)![1] < n)) return runs;
  return runs
    .map(([lo, hi]): [number, number] => [Math.max(lo, 0), Math.min(hi, n - 1)])
    .filter(([lo, hi]) => lo <= hi);
}

function members(runs: Runs): number[] {
  return runs.flatMap(([lo, hi]) => Array.from({ length: hi - lo + 1 }, (_, i) => lo + i));
}

function total(runs: Runs): number {
  return runs.reduce((sum, [lo, hi]) => sum + hi - lo + 1, 0);
}

function sameRuns(a: Runs, b: Runs): boolean {
  return a.length === b.length && a.every(([lo, hi], i) => lo === b[i]![0] && hi === b[i]![1]);
}

function within(a: Runs, b: Runs): boolean {
  return a.every(([lo, hi]) => b.some(([from, to]) => from <= lo && hi <= to));
}
