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
    /** Along each axis the indices that no output reads. */
    unused: number[][];
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
  gamma?: string | null;
  beta?: string | null;
}

/** How often each cell (of the input, or of the output) is met; by phase where it goes on periodically. */
export interface Overlap {
  role: "input" | "output";
  about: string;
  counts: number;
  phases?: string[][];
  joint?: [number[], string][];
  cv?: string | null;
}

/** What a setting shows; formulas and notes are entries of the store. */
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

/** A view as it is written in the file; what it has not got is left out. */
interface StoredView extends Pick<RawView, "reads" | "labels" | "sets" | "eps" | "gamma" | "beta"> {
  frame: number;
  input: number;
  kernel?: number;
  output: number;
}

/** The same as it is written in the file: numbers stand for entries of the store. */
export interface StoredSetting {
  title: number;
  views: number[];
  formulas: number[];
  facts: number;
  notes: number[];
  torch: number[];
  yaml: number;
  overlap: number | null;
}

export interface Knob {
  field: string;
  label: string;
  labels: string[];
  slider: boolean;
}

/** Knobs and the settings that there are of them, the last knob turning fastest. */
export interface Turning {
  knobs: Knob[];
  /** For a setting the number of its state; null, or in `refused` with a reason: invalid; else it is just not here. */
  settings: (number | null)[] | Record<number, number>;
  refused?: Record<number, number>;
  start: number;
  store: unknown[];
}

export interface OpData extends Turning {
  page: "op";
  name: string;
  title: string;
  about: string;
  states: (StoredSetting | Setting)[];
  /** Of a layer of a net: what was cut, and what the whole layer costs. */
  cut?: string;
  layer?: [string, string][];
}

/** A setting with the entries of the store in place. */
export function opened({ states, store }: OpData, index: number): Setting {
  const { title, views, facts, torch, yaml, overlap, ...rest } = states[index] as StoredSetting;
  const take = <T>(at: number): T => store[at] as T;
  return {
    ...rest,
    title: take(title),
    views: views.map((at) => {
      const { frame, input, kernel, output, ...more } = take<StoredView>(at);
      return {
        bias: null,
        sources: null,
        divisors: null,
        ...more,
        ...take<Pick<RawView, "key" | "title" | "how" | "plays">>(frame),
        input: take(input),
        kernel: kernel === undefined ? null : take(kernel),
        output: take(output),
      };
    }),
    facts: take(facts),
    torch: torch.map(take<string>).join("\n"),
    yaml: take(yaml),
    overlap: overlap === null ? null : take(overlap),
  };
}

/** A formula of the store, whose texts may be entries themselves. */
export function formulaOf(store: unknown[], index: number): Formula {
  const entry = store[index] as Formula | [number, number, string, string, number];
  if (!Array.isArray(entry)) return entry;
  const [about, symbols, note] = [entry[0], entry[1], entry[4]].map((at) => store[at] as string);
  return { about: about!, symbols: symbols!, numbers: entry[2], result: entry[3], note: note! };
}
