/** What Python gives of a net: convviz/explorer/net.py. */
import type { Relation } from "./relations";

/** A step along one axis, from `n` units to `m`; without a relation every unit reads all of them. */
export interface Step {
  relation: Relation | null;
  n: number;
  m: number;
}

/** What a layer reads of layer `from` (-1: the input): for each axis the steps that lead there, its side first. */
export interface Read {
  from: number;
  steps: number[][];
}

export interface Field {
  size: number[];
  min: number[];
  jump: (string | null)[];
  start: (string | null)[];
  period: number[];
  pixels: number | null;
  global: boolean;
  also_global: string | null;
}

export interface Layer {
  name: string;
  op: string;
  fields: Record<string, unknown>;
  inputs: string[];
  in: number[][];
  out: number[];
  params: number;
  macs: number;
  rf: Field | null;
  /** Units along each axis of the input; null where no unit depends on it. */
  map: number[] | null;
  reads: Read[];
  /** For each axis a table of `phases`, or null where all units are alike. */
  phases: (number | null)[];
}

/** A row of the column: a layer with what trails it, or an input of the net (which has no layers). */
export interface Row {
  name: string;
  lane: number;
  layers: number[];
  shows?: number;
  does?: string;
  params?: number;
  macs?: number;
}

/** Rows, and wires as [source row, target row, lane or null, track]. */
export interface Picture {
  rows: Row[];
  wires: [number, number, number | null, number][];
  lanes: number;
  tracks: number;
}

/** The effective field of one unit: a byte for each cell from `origin` on, by axis where it is a product. */
export interface Effective {
  layer: number;
  unit: number[];
  measured: boolean;
  origin: number[];
  shape: number[];
  factors: string[];
}

export interface NetData {
  page: "net";
  name: string;
  input: number[] | Record<string, number[]>;
  wrt: string;
  space: number[];
  totals: { params: number; macs: number };
  notes: string[];
  layers: Layer[];
  steps: Step[];
  /** Tables of [span, cells read (null: not counted)] for each unit of a period. */
  phases: [number, number | null][][];
  pictures: { blocks: Picture; layers: Picture };
  image: string | null;
  erf: Effective[];
}
