/** What Python gives to the page of a comparison: see convviz/explorer/compare.py and compare_pair.py. */

/** Some runs of both arms and what they say; numbers are per cent and points, notes are entries of the store. */
export interface Choice {
  rows: number[];
  means: [number, number];
  sds: [number | null, number | null];
  difference: number;
  interval: [number, number] | null;
  test: string | null;
  p: string | null;
  verdict: string;
  detected: boolean;
  notes: number[];
}

/** So many seeds. `higher`, `found`: of the choices counted, for the one arm, for neither, for the other. */
export interface Size {
  n: number;
  of: string;
  counted: number;
  higher: Split;
  found: Split;
  choices: Record<string, number>;
}

export type Split = [number, number, number];

export interface Axis {
  low: number;
  high: number;
  ticks: [number, string][];
}

export interface Pair {
  arms: [string, string];
  seeds: [string, string][];
  paired: boolean;
  left: number;
  values: [number[], number[]];
  gaps: number[];
  axis: Axis;
  gapAxis: Axis;
  holm: string | null;
  family: number;
  sizes: Size[];
}

export interface Experiment {
  name: string;
  question: string;
  facts: [string, string][];
  cautions: string[];
  code: string;
  arms: string[];
  pairs: Pair[];
  start: number;
}

export interface ComparisonData {
  page: "comparison";
  name: string;
  title: string;
  about: string;
  alpha: number;
  fewest: number;
  experiments: Experiment[];
  store: unknown[];
}

/** A number of points with so many digits, a true minus sign, and a plus sign where it is asked for. */
export function fixed(value: number, digits = 2, sign = false): string {
  const text = value.toFixed(digits);
  const zero = Number(text) === 0;
  const bare = zero ? text.replace("-", "") : text.replace("-", "−");
  return sign && !zero && value > 0 ? `+${bare}` : bare;
}

/** A name inside a sentence: arms are called "none" or "BN, L1". */
export const quoted = (arm: string): string => `“${arm}”`;
