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
  /** The layer whose weights this one uses again. */
  shares: string | null;
  macs: number;
  rf: Field | null;
  /** Units along each axis of the input; null where no unit depends on it. */
  map: number[] | null;
  reads: Read[];
  /** For each axis a table of `phases`, or null where all units are alike. */
  phases: (number | null)[];
  /** Why there is no map, as a sentence. */
  why: string | null;
  /** Its place in `codes`. */
  code: number;
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

/** The effective field of one unit: a picture of `shape` from cell `origin` on, by its last two axes. */
export interface Effective {
  layer: number;
  unit: number[];
  /** Whether the unit is the one in the middle; others are at a border. */
  middle: boolean;
  measured: boolean;
  /** What was computed, as a sentence. */
  about: string;
  origin: number[];
  shape: number[];
  picture: string;
  /** First and last cell of what holds 95 %, along each axis. */
  box: [number, number][];
  /** Sides of the theoretical field (at a border: of what of it lies in the input), and the part that the box is. */
  size: number[];
  part: number;
}

export interface NetData {
  page: "net";
  name: string;
  /** How a command line names the net; null where it has no name there. */
  source: string | null;
  input: number[] | Record<string, number[]>;
  wrt: string;
  space: number[];
  totals: { params: number; macs: number; layers: number };
  notes: string[];
  layers: Layer[];
  steps: Step[];
  /** Tables of [span, cells read (null: not counted)] for each unit of a period. */
  phases: [number, number | null][][];
  /** A layer in PyTorch (empty: it has no line of its own there) and in a model.yaml. */
  codes: { torch: string; yaml: string }[];
  pictures: { blocks: Picture; layers: Picture };
  image: string | null;
  erf: Effective[];
}
