/**
 * What a unit reads in every layer before it, and which units a cell reaches: the rule of convviz/analysis/backward.py.
 *
 * A set of units is a list of boxes, each a product of runs along the axes. Joins that are no boxes (1x3 beside 3x1)
 * are lists of several, so every set and every count is exact. All geometry comes from `taps`.
 */
import type { Layer, NetData, Read, Step } from "./net_data";
import { borderOf, feeds, inside, type Relation, type Tap, taps } from "./relations";

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
  const read = swept((o) => taps(relation, o), paceOf(relation), cells);
  if (!clip) return read;
  const border = borderOf(relation);
  if (border === "zeros" || within(read, [[0, n - 1]])) return cut(read, n);
  const stands = outside(read, n).map((cell) => inside(cell, n, border)!);
  return union([cut(read, n), runsOf(stands)]);
}

/** The outputs of a step that read one of the inputs `cells`. */
function readers(step: Step, cells: Runs): Runs {
  const { relation, n, m } = step;
  if (!relation) return [[0, m - 1]];
  const border = borderOf(relation);
  if (relation.kind === "table") {
    const wanted = new Set(members(cells));
    const reads = (o: number): boolean =>
      taps(relation, o).some((tap) => wanted.has(inside(tap.cell, n, border) ?? NaN));
    return runsOf(Array.from({ length: m }, (_, o) => o).filter(reads));
  }
  // A cell is read as itself, and as those beyond the ends that it stands for.
  const far = border === "zeros" ? [] : outside(image(step, [[0, m - 1]], false), n);
  const twins = far.filter((cell) => holds([[cells]], [inside(cell, n, border)!]));
  const pace = paceOf(relation, true);
  const reached = swept((i) => feeds(relation, i, m), pace, union([cells, runsOf(twins)]));
  return cut(reached, m);
}

/** How a relation moves on: by `stride` cells of which every `up`-th is there; closed: without holes in between. */
interface Pace {
  stride: number;
  up: number;
  closed: boolean;
}

/** From outputs to inputs, or `back`: a window that is turned around swaps its stride with what it is stuffed by. */
function paceOf(relation: Relation, back = false): Pace {
  if (relation.kind !== "window") return { stride: 0, up: 0, closed: relation.kind === "blocks" };
  const { kernel, dilation } = relation;
  const [stride, up] = back ? [relation.up, relation.stride] : [relation.stride, relation.up];
  return { stride, up, closed: up === 1 && stride <= kernel && (Math.abs(dilation) === 1 || kernel === 1) };
}

/** What all of some runs reach by their taps: by the ends of a run where that is known to be all, however long it is. */
function swept(tapsOf: (at: number) => Tap[], pace: Pace, runs: Runs): Runs {
  const whole: Runs = [];
  const single: number[] = [];
  for (const [first, last] of runs) {
    const ends = pace.closed ? [first, last].flatMap((at) => outer(tapsOf(at))) : [];
    if (ends.length) {
      whole.push([Math.min(...ends), Math.max(...ends)]);
    } else if (pace.stride !== 1 || last - first < 2 * pace.up) {
      for (let at = first; at <= last; at++) for (const tap of tapsOf(at)) single.push(tap.cell);
    } else {
      whole.push(...steady(tapsOf, pace.up, first, last));
    }
  }
  return union([whole, runsOf(single)]);
}

/** The first and the last cell of taps, which follow each other in one direction. */
const outer = (taps: Tap[]): number[] => (taps[0] ? [taps[0].cell, taps.at(-1)!.cell] : []);

/** Each tap of a kernel moves on by one cell at a time: from where it first hits to where it last does. */
function steady(tapsOf: (at: number) => Tap[], up: number, first: number, last: number): Runs {
  const from = new Map<number, number>();
  const to = new Map<number, number>();
  for (let i = up - 1; i >= 0; i--) {
    for (const { cell, index } of tapsOf(first + i)) from.set(index, cell);
    for (const { cell, index } of tapsOf(last - i)) to.set(index, cell);
  }
  return [...from].map(([index, cell]) => [cell, to.get(index)!]);
}

/** The members that lie beyond the ends of an axis of `n` cells. */
function outside(runs: Runs, n: number): number[] {
  return members(
    runs
      .flatMap(([lo, hi]): Runs => [
        [lo, Math.min(hi, -1)],
        [Math.max(lo, n), hi],
      ])
      .filter(([lo, hi]) => lo <= hi),
  );
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

export function sameRuns(a: Runs, b: Runs): boolean {
  return a.length === b.length && a.every(([lo, hi], i) => lo === b[i]![0] && hi === b[i]![1]);
}

function within(a: Runs, b: Runs): boolean {
  let i = 0;
  return a.every(([lo, hi]) => {
    while (i < b.length && b[i]![1] < lo) i++;
    return i < b.length && b[i]![0] <= lo && hi <= b[i]![1];
  });
}
