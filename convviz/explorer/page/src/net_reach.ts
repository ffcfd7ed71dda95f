/**
 * What a unit reads in every layer before it, and which units a cell reaches: the rule of convviz/analysis/backward.py.
 *
 * All geometry comes from `taps`.
 */
import {
  type Box,
  cut,
  holds,
  insert,
  members,
  outside,
  type Runs,
  runsOf,
  union,
  within,
} from "./net_boxes";
import type { Layer, NetData, Read, Step } from "./net_data";
import { borderOf, feeds, inside, type Relation, type Table, type Tap, taps } from "./relations";

type Net = Pick<NetData, "steps"> & { layers: Pick<Layer, "reads">[] };

export const INPUT = -1;

/**
 * The boxes that one unit reads in each layer before it (INPUT: the net's input), and itself.
 *
 * clip: keep to the real map at every layer; otherwise as if no map had an end.
 */
export function reach(net: Net, layer: number, unit: readonly number[], clip: boolean): Map<number, Box[]> {
  const found = new Map<number, Box[]>([[layer, [unit.map((u): Runs => [[u, u]])]]]);
  const back = once((cells, step) => image(net.steps[step]!, cells, clip));
  for (let at = layer; at >= 0; at--) {
    const boxes = found.get(at);
    if (!boxes) continue;
    for (const read of net.layers[at]!.reads) {
      carry(boxes, read, found, read.from, (runs, lines) => lines.reduceRight(back, runs));
    }
  }
  return found;
}

/** The boxes of units of `layer` that read a cell of layer `source` (INPUT: the net's input). */
export function fed(net: Net, source: number, cell: readonly number[], layer: number): Box[] {
  const found = new Map<number, Box[]>([[source, [cell.map((c): Runs => [[c, c]])]]]);
  const on = once((cells, step) => readers(net.steps[step]!, cells));
  for (let at = source + 1; at <= layer; at++) {
    for (const read of net.layers[at]!.reads) {
      const boxes = found.get(read.from);
      if (!boxes) continue;
      carry(boxes, read, found, at, (runs, lines) => lines.reduce(on, runs));
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
  const there = found.get(into);
  if (read.steps.every((lines) => !lines.length)) {
    if (there) for (const box of boxes) insert(there, box);
    else found.set(into, [...boxes]); // the same cells, which are joined already
    return;
  }
  const moved = boxes.map((box) => box.map((runs, axis) => along(runs, read.steps[axis]!)));
  const full = moved.filter((box) => box.every((runs) => runs.length));
  if (!there && full.length) found.set(into, []);
  for (const box of full) insert(found.get(into)!, box);
}

/** A step's answer is found once for each set: what runs side by side in a net asks for the same ones. */
function once(move: (cells: Runs, step: number) => Runs): (cells: Runs, step: number) => Runs {
  const known = new Map<Runs, Runs[]>();
  return (cells, step) => {
    let own = known.get(cells);
    if (!own) known.set(cells, (own = []));
    return (own[step] ??= move(cells, step));
  };
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
  if (relation.kind === "blocks") return { stride: 0, up: 0, closed: true };
  if (relation.kind === "table") return { stride: 0, up: 0, closed: gapless(relation) };
  const { kernel, dilation } = relation;
  const [stride, up] = back ? [relation.up, relation.stride] : [relation.stride, relation.up];
  return { stride, up, closed: up === 1 && stride <= kernel && (Math.abs(dilation) === 1 || kernel === 1) };
}

const rowsMeet = new WeakMap<Table, boolean>();

/** Whether each row of a table goes on where the one before it ends, or within it: worked out once for each table. */
function gapless(table: Table): boolean {
  let meet = rowsMeet.get(table);
  if (meet === undefined) {
    const { rows, period, advance } = table;
    meet = rows.every(([start, stop, step], o) => {
      const [next, end] = rows[(o + 1) % period]!.map((cell) => cell + (o + 1 === period ? advance : 0));
      return step === 1 && start < stop && start <= next! && next! <= stop && stop <= end!;
    });
    rowsMeet.set(table, meet);
  }
  return meet;
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
  const found = runsOf(single);
  if (!whole.length) return found;
  return whole.length === 1 && !found.length ? whole : union([whole, found]);
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
