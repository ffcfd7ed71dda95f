/** What Python gives to the view of an op: see convviz/explorer/op.py. */
import type { Relation } from "./relations";

export type Cell = readonly number[];

export interface Tensor {
  shape: number[];
  values: (number | null)[];
}

export interface Along {
  kind: "along";
  axes: { relation: Relation; to: number | null }[];
}

export interface Formula {
  about: string;
  symbols: string;
  numbers: string;
  result: string;
  note: string;
}

/** Statistics of a set of cells, as text with the sums that they come from. */
export interface Statistics {
  name: string;
  size: number;
  live: boolean;
  mean: string | null;
  var: string;
  root: string;
  shift: string | null;
}

/** Numbers stand for entries of the store. */
export interface RawView {
  key: string;
  title: string;
  how: "dot" | "max" | "mean" | "copy" | "norm";
  plays: "output" | "input";
  input: {
    title: string;
    tensor: number;
    pads: [number, number][];
    outside: number;
    unused: number;
    stuffed: number[];
  };
  /** `channels`: for each filter the input channels that it reads (for each input the outputs that it feeds). */
  kernel: { title: string; tensor: number; order: "filters" | "inputs"; channels: number[][] } | null;
  bias: number | null;
  output: { title: string; tensor: number; pads?: [number, number][] };
  reads: number;
  sources: number | null;
  divisors: number | null;
  labels?: number;
  sets?: number[];
  eps?: string;
}

export interface Overlap {
  counts: number;
  phases: string[][];
  joint: [number[], string][];
  verdict: string;
  cv: string | null;
}

export interface Setting {
  title: string;
  views: RawView[];
  formulas: number[];
  facts: [string, string][];
  notes: number[];
  torch: string;
  yaml: string;
  overlap: Overlap | null;
}

export interface Knob {
  field: string;
  label: string;
  labels: string[];
  slider: boolean;
}

export interface OpData {
  page: "op";
  name: string;
  title: string;
  about: string;
  knobs: Knob[];
  /** For each setting of the knobs (the last turns fastest) the number of its state, or null. */
  settings: (number | null)[];
  start: number;
  states: Setting[];
  store: unknown[];
}
