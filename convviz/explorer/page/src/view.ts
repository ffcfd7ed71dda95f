/** One view of an op: its cells, and which of them are joined, by the relations that Python gave. */
import type { Along, Cell, RawView, Statistics, Tensor } from "./data";
import { borderOf, feeds, inside, taps, type Tap } from "./relations";

/** An input cell that an output reads: `cell` may lie in the padding, `value` is null where nothing counts there. */
export interface Read {
  cell: Cell;
  value: number | null;
  padding: boolean;
  weight: Cell | null;
}

/** An output that an input cell reaches, and what joins them; `cropped` where it lies outside the real output. */
export interface Pair extends Read {
  out: Cell;
  cropped: boolean;
}

export class View {
  readonly input: Tensor;
  readonly output: Tensor;
  readonly kernel: Tensor | null;
  readonly bias: Tensor | null;
  readonly divisors: Tensor | null;
  private readonly outside: Map<string, number | null>;
  private readonly axes: Along["axes"];
  private readonly sources: Tensor | null;

  constructor(
    readonly raw: RawView,
    private readonly store: unknown[],
  ) {
    this.input = this.tensor(raw.input.tensor);
    this.output = this.tensor(raw.output.tensor);
    this.kernel = raw.kernel && this.tensor(raw.kernel.tensor);
    this.bias = raw.bias === null ? null : this.tensor(raw.bias);
    this.divisors = raw.divisors === null ? null : this.tensor(raw.divisors);
    this.sources = raw.sources === null ? null : this.tensor(raw.sources);
    const around = store[raw.input.outside] as [Cell, number | null][];
    this.outside = new Map(around.map(([cell, value]) => [key(cell), value]));
    this.axes = (store[raw.reads] as Along).axes;
  }

  private tensor(at: number): Tensor {
    return this.store[at] as Tensor;
  }

  // -- values ---------------------------------------------------------------------------------------
  /** What an input cell holds: 0 in the padding, unless Python says otherwise; null where it holds nothing. */
  value(cell: Cell): number | null {
    if (within(cell, this.input.shape)) return at(this.input, cell);
    if (this.outside.has(key(cell))) return this.outside.get(key(cell))!;
    const pads = this.raw.input.pads;
    const drawn = cell.every((i, a) => i >= -pads[a]![0] && i < this.input.shape[a]! + pads[a]![1]);
    return drawn ? 0 : null; // beyond what is drawn there is nothing at all
  }

  /** Whether no output reads an input cell. */
  unused(cell: Cell): boolean {
    return this.raw.input.unused.some((indices, axis) => indices.includes(cell[axis]!));
  }

  /** Whether an input cell is one of the zeros that a stride puts between real cells. */
  stuffed(cell: Cell): boolean {
    return cell.some((i, axis) => i % this.raw.input.stuffed[axis]! !== 0);
  }

  /** The statistics of the set to which a cell belongs. */
  statistics(cell: Cell): Statistics {
    const label = at(this.tensor(this.raw.labels!), cell)!;
    return this.store[this.raw.sets![label]!] as Statistics;
  }

  // -- what is joined -------------------------------------------------------------------------------
  /** All input cells that an output reads, in the order of the kernel. */
  reads(out: Cell): Read[] {
    if (this.sources) {
      const cell = unravel(at(this.sources, out)!, this.input.shape);
      return [{ cell, value: at(this.input, cell), padding: false, weight: null }];
    }
    const along = this.axes.map(({ relation, to }) => taps(relation, to === null ? 0 : out[to]!));
    return product(along).map((hit) => {
      const cell = hit.map((tap) => tap.cell);
      const padding = !within(cell, this.input.shape);
      return { cell, value: this.value(cell), padding, weight: this.weight(hit, out) };
    });
  }

  /** Which weight joins an output with the input cell that its taps meet. */
  private weight(hit: Tap[], out: Cell): Cell | null {
    if (!this.raw.kernel) return null;
    const [channel, ...space] = hit.map((tap) => tap.index) as [number, ...number[]];
    if (this.raw.kernel.order === "filters") return [out[0]!, channel, ...space];
    const fed = feeds(this.axes[0]!.relation, hit[0]!.cell, this.output.shape[0]!);
    return [hit[0]!.cell, fed.find((tap) => tap.cell === out[0])!.index, ...space];
  }

  /** All outputs that an input cell feeds, through whichever cells of the padding repeat it, too. */
  feeds(cell: Cell): Pair[] {
    if (this.sources) {
      const from = ravel(cell, this.input.shape);
      return cellsOf(this.output.shape)
        .filter((out) => at(this.sources!, out) === from)
        .flatMap((out) => this.pairs(out, cell));
    }
    const ends = this.output.shape.map(() => [0]);
    this.axes.forEach(({ relation, to }, axis) => {
      if (to === null) return;
      const n = this.output.shape[to]!;
      const [before, after] = this.raw.output.pads?.[to] ?? [0, 0];
      const hits = this.standsFor(cell[axis]!, axis).flatMap((i) => feeds(relation, i, n));
      const real = [...new Set(hits.map((tap) => tap.cell))].filter((o) => o >= -before && o < n + after);
      ends[to] = real.sort((a, b) => a - b);
    });
    return product(ends).flatMap((out) => this.pairs(out, cell));
  }

  /** Where a cell is met along one axis: at its own place, and where the padding repeats it. */
  private standsFor(i: number, axis: number): number[] {
    const n = this.input.shape[axis]!;
    const [before, after] = this.raw.input.pads[axis]!;
    const border = borderOf(this.axes[axis]!.relation);
    if (border === "zeros" || i < 0 || i >= n) return [i];
    const all = Array.from({ length: n + before + after }, (_, at) => at - before);
    return all.filter((raw) => inside(raw, n, border) === i);
  }

  /** The ways in which an output reads one input cell: one, or several where the padding repeats it. */
  private pairs(out: Cell, cell: Cell): Pair[] {
    const real = (raw: Cell) =>
      raw.map((i, axis) => inside(i, this.input.shape[axis]!, borderOf(this.axes[axis]!.relation)) ?? i);
    const wanted = key(cell);
    return this.reads(out)
      .filter((read) => read.value !== null && (key(read.cell) === wanted || key(real(read.cell)) === wanted))
      .map((read) => ({ ...read, out, cropped: !within(out, this.output.shape) }));
  }

  /** All pairs of an input and an output that one weight joins. */
  joined(weight: Cell): Pair[] {
    const [first, second, ...space] = weight as [number, number, ...number[]];
    const channels = this.axes[0]!.relation;
    const ends =
      this.raw.kernel!.order === "filters"
        ? { cell: taps(channels, first)[second]!.cell, out: first }
        : { cell: first, out: feeds(channels, first, this.output.shape[0]!)[second]!.cell };
    const along = space.map((index, a) => {
      const { relation, to } = this.axes[a + 1]!;
      return Array.from({ length: this.output.shape[to!]! }, (_, out) =>
        taps(relation, out)
          .filter((tap) => tap.index === index)
          .map(({ cell }) => ({ cell, out })),
      ).flat();
    });
    return product([[ends], ...along])
      .map((hit) => {
        const [cell, out] = [hit.map((end) => end.cell), hit.map((end) => end.out)];
        const padding = !within(cell, this.input.shape);
        return { cell, out, value: this.value(cell), padding, weight, cropped: false };
      })
      .filter((pair) => pair.value !== null);
  }

  /** The cells that are played one after the other. */
  played(): Cell[] {
    return cellsOf(this.raw.plays === "output" ? this.output.shape : this.input.shape);
  }
}

// -- cells ------------------------------------------------------------------------------------------
export const key = (cell: Cell): string => cell.join(",");

export function at(tensor: Tensor, cell: Cell): number | null {
  return tensor.values[ravel(cell, tensor.shape)]!;
}

export function within(cell: Cell, shape: readonly number[]): boolean {
  return cell.length === shape.length && cell.every((i, axis) => i >= 0 && i < shape[axis]!);
}

export function ravel(cell: Cell, shape: readonly number[]): number {
  return cell.reduce((sum, i, axis) => sum * shape[axis]! + i, 0);
}

function unravel(index: number, shape: readonly number[]): Cell {
  const cell = shape.map(() => 0);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    cell[axis] = index % shape[axis]!;
    index = Math.floor(index / shape[axis]!);
  }
  return cell;
}

export function cellsOf(shape: readonly number[]): Cell[] {
  return product(shape.map((n) => Array.from({ length: n }, (_, i) => i)));
}

/** Every way of taking one item of each list, the last turning fastest. */
export function product<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>((rows, list) => rows.flatMap((row) => list.map((item) => [...row, item])), [[]]);
}
