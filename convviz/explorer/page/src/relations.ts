/**
 * Which input cells an output cell reads, along one axis: the three records of convviz/ops/relations.py.
 *
 * This is all of the library's geometry that the page has; it is tested against the Python in the browser.
 */

export interface Window {
  kind: "window";
  kernel: number;
  stride: number;
  dilation: number;
  padding: number;
  up: number;
  border: Border;
}

export interface Blocks {
  kind: "blocks";
  size: number;
  out: number;
}

/** `rows` are [start, stop, step]; a row after `period` is the same moved by `advance`. */
export interface Table {
  kind: "table";
  rows: [number, number, number][];
  period: number;
  advance: number;
  border: Border;
}

export type Border = "zeros" | "reflect" | "replicate" | "circular";
export type Relation = Window | Blocks | Table;

/** A cell and, where there is a kernel, the index in it that multiplies the cell. */
export interface Tap {
  cell: number;
  index: number;
}

/** The cells that output `o` reads, on an axis without ends. */
export function taps(relation: Relation, o: number): Tap[] {
  switch (relation.kind) {
    case "window":
      return windowTaps(relation, o);
    case "blocks":
      return row(Math.floor(o / relation.out) * relation.size, relation.size);
    case "table":
      return tableTaps(relation, o);
  }
}

/** The outputs that input `i` reaches; `outputs` is how many there are, which only a table needs. */
export function feeds(relation: Relation, i: number, outputs: number): Tap[] {
  switch (relation.kind) {
    case "window": {
      const { kernel, stride, dilation, padding, up, border } = relation;
      const turned = { kernel, stride: up, dilation: -dilation, padding: -padding, up: stride, border };
      return windowTaps({ kind: "window", ...turned }, i);
    }
    case "blocks":
      return row(Math.floor(i / relation.size) * relation.out, relation.out);
    case "table": {
      const hits = [];
      for (let o = 0; o < outputs; o++) {
        if (tableTaps(relation, o).some((tap) => tap.cell === i)) hits.push({ cell: o, index: hits.length });
      }
      return hits;
    }
  }
}

/** The cell of an axis of `n` cells that a cell outside stands for; null where there is padding. */
export function inside(cell: number, n: number, border: Border): number | null {
  if (cell >= 0 && cell < n) return cell;
  switch (border) {
    case "zeros":
      return null;
    case "replicate":
      return cell < 0 ? 0 : n - 1;
    case "circular":
      return cell < 0 ? cell + n : cell - n;
    case "reflect":
      return cell < 0 ? -cell : 2 * (n - 1) - cell;
  }
}

/** What lies outside the axis under this relation. */
export function borderOf(relation: Relation): Border {
  return relation.kind === "blocks" ? "zeros" : relation.border;
}

function windowTaps({ kernel, stride, dilation, padding, up }: Window, o: number): Tap[] {
  const first = o * stride - padding;
  const found: Tap[] = [];
  for (let index = 0; index < kernel; index++) {
    const at = first + dilation * index;
    if (at % up === 0) found.push({ cell: at / up, index });
  }
  return found;
}

function tableTaps({ rows, period, advance }: Table, o: number): Tap[] {
  const turns = Math.floor(o / period);
  const [start, stop, step] = rows[o - turns * period] ?? [0, 0, 1];
  const found: Tap[] = [];
  for (let cell = start; step > 0 ? cell < stop : cell > stop; cell += step) {
    found.push({ cell: cell + turns * advance, index: found.length });
  }
  return found;
}

function row(start: number, count: number): Tap[] {
  return Array.from({ length: count }, (_, index) => ({ cell: start + index, index }));
}
