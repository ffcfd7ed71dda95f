/** What Python gives to the view of plans (convviz/explorer/plans.py), and who reads and writes what in it. */
import type { OpData, Setting } from "./data";

/** ∞ and what is no number at all come as text; null is a cell that holds nothing. */
export type Value = number | string | null;
export type Role = "input" | "kernel" | "output";
export type Mark = "read" | "written" | "weight" | "hole" | "shared" | "fed" | "winner";

interface Panel {
  key: string;
  title: string;
  /** The title without sizes. */
  short: string;
  /** Whether the panel begins a new row: the same told in another way. */
  apart: boolean;
}

/** Cells are named `0,1,2`; lists of them have blanks between. */
export interface GridPanel extends Panel {
  type: "grid";
  role: Role;
  shape: number[];
  values: Value[] | null;
  pads: [number, number][];
  outside: [string, Value][];
  stuffed: number[];
  unused: string;
  channels: string[];
  batched: boolean;
}

export interface MatrixPanel extends Panel {
  type: "matrix";
  rows: string;
  columns: string;
  entries: [number, number, string, Value][];
}

export interface TablePanel extends Panel {
  type: "table";
  columns: string[];
  rows: string[][];
}

export interface Series {
  name: string;
  role: string;
  x: (number | null)[];
  y: (number | null)[];
}

export interface CurvePanel extends Panel {
  type: "curve";
  x: string;
  y: string;
  series: Series[];
}

export type AnyPanel = GridPanel | MatrixPanel | TablePanel | CurvePanel;

/** Panel, cell, value; panel, cell and value of the weight; whether padding; the cell that alone it goes to. */
export type Join = [string, string, Value, (string | 0)?, string?, Value?, (0 | 1)?, (string | null)?];

export interface Step {
  section: number;
  caption: string;
  sum: string;
  /** Start, length and role of the numbers in the sum, in one row. */
  spans: number[];
  after: string;
  marks: [string, Mark, string][];
  joins: Join[];
  writes: [string, string, Value][];
}

export interface PlanState extends Setting {
  panels: number[];
  sections: string[];
  steps: number[];
  first: number | null;
}

export type PlanData = Omit<OpData, "page" | "states"> & { page: "plan"; states: PlanState[] };

/** A cell of a panel. */
export interface Spot {
  panel: string;
  cell: string;
}

/** A value and a weight (or a value alone) and the cell that they go into, in a step. */
export interface Pair {
  step: number;
  from: Spot;
  value: Value;
  weight: Spot | null;
  factor: Value;
  to: Spot;
}

export const spot = (panel: string, cell: string): string => `${panel}:${cell}`;

/** A plan's steps, and the same the other way round: for every cell the steps that write, read or multiply by it. */
export class Story {
  readonly panels: AnyPanel[];
  readonly steps: Step[];
  readonly writers = new Map<string, number[]>();
  private readonly reading = new Map<string, Pair[]>();
  private readonly joining = new Map<string, Pair[]>();

  constructor(
    readonly state: PlanState,
    store: unknown[],
  ) {
    this.panels = state.panels.map((at) => store[at] as AnyPanel);
    this.steps = state.steps.map((at) => store[at] as Step);
    this.steps.forEach((step, i) => this.learn(step, i));
  }

  private learn(step: Step, i: number): void {
    for (const [panel, cell] of step.writes) push(this.writers, spot(panel, cell), i);
    const told = new Set<string>();
    for (const [panel, cell, value, kernel, weight, factor, , alone] of step.joins) {
      told.add(spot(panel, cell));
      const other = weight !== undefined && kernel ? { panel: kernel, cell: weight } : null;
      if (other) told.add(spot(other.panel, other.cell));
      for (const [into, to] of step.writes) {
        if (alone && alone !== to) continue;
        const pair = {
          step: i,
          from: { panel, cell },
          value,
          weight: other,
          factor: factor ?? (other ? 0 : null),
          to: { panel: into, cell: to },
        };
        push(this.reading, spot(panel, cell), pair);
        if (other) push(this.joining, spot(other.panel, other.cell), pair);
      }
    }
    // What is read or used without being a term: a bias, the winner of an earlier step, a set.
    for (const [panel, mark, cells] of step.marks) {
      if (mark !== "read" && mark !== "weight" && mark !== "winner") continue;
      for (const cell of cells.split(" ")) {
        if (told.has(spot(panel, cell))) continue;
        told.add(spot(panel, cell));
        for (const [into, to] of step.writes) {
          const ends = { from: { panel, cell }, to: { panel: into, cell: to } };
          const pair = { step: i, value: null, weight: null, factor: null, ...ends };
          push(mark === "weight" ? this.joining : this.reading, spot(panel, cell), pair);
        }
      }
    }
  }

  /** What a cell feeds. */
  feeds({ panel, cell }: Spot): Pair[] {
    return this.reading.get(spot(panel, cell)) ?? [];
  }

  /** What a weight joins. */
  joins({ panel, cell }: Spot): Pair[] {
    return this.joining.get(spot(panel, cell)) ?? [];
  }

  /** The last step up to `until` that writes a cell, or the first that ever will. */
  writer({ panel, cell }: Spot, until: number | null): number | null {
    const all = this.writers.get(spot(panel, cell)) ?? [];
    return all.findLast((step) => until === null || step <= until) ?? all[0] ?? null;
  }

  /** All cells that a cell reaches, through whatever lies between. */
  reached(from: Spot): Set<string> {
    const seen = new Set<string>();
    const next = [spot(from.panel, from.cell)];
    while (next.length) {
      for (const pair of this.reading.get(next.pop()!) ?? []) {
        const to = spot(pair.to.panel, pair.to.cell);
        if (!seen.has(to)) {
          seen.add(to);
          next.push(to);
        }
      }
    }
    return seen;
  }

  /** What every cell of the panels that are written shows after a step (null: after the last). */
  values(until: number | null): Map<string, Value> {
    const shown = new Map<string, Value>();
    const steps = until === null ? this.steps : this.steps.slice(0, until + 1);
    for (const step of steps) {
      for (const [panel, cell, value] of step.writes) shown.set(spot(panel, cell), value);
    }
    return shown;
  }
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key);
  if (list) list.push(item);
  else map.set(key, [item]);
}
