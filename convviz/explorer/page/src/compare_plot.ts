/** Runs as dots along an axis: both arms with their means, and their differences with the interval. */
import { fixed, type Axis, type Choice, type Pair } from "./compare_data";
import { h, svg } from "./dom";

const ROWS = [26, 74]; // per cent of the height at which the two arms lie

/** Both arms above each other; a line joins the runs of a seed. */
export function runsPlot(pair: Pair, choice: Choice): HTMLElement {
  const chosen = new Set(choice.rows);
  const at = scale(pair.axis);
  const plot = h("div", { class: "cmp-plot cmp-runs", role: "img", "aria-label": told(pair, choice) });
  plot.append(...ticks(pair.axis, at, " %"), joins(pair, chosen, at));
  pair.arms.forEach((arm, side) => {
    const y = ROWS[side]!;
    const colour = side === 0 ? "cmp-a" : "cmp-b";
    const mean = choice.means[side]!;
    const sd = choice.sds[side]!;
    if (sd !== null) plot.append(bar(`cmp-sd ${colour}`, at(mean - sd), at(mean + sd), y));
    plot.append(mark(`cmp-mean ${colour}`, at(mean), y));
    pair.values[side]!.forEach((value, i) => {
      const dot = mark(`cmp-dot ${colour}${chosen.has(i) ? "" : " cmp-out"}`, at(value), y);
      dot.title = `${arm}, seed ${pair.seeds[i]![side]}: ${fixed(value)} %`;
      plot.append(dot);
    });
  });
  return plot;
}

/** The differences of both arms, seed by seed, their mean and its interval. */
export function gapsPlot(pair: Pair, choice: Choice): HTMLElement {
  const at = scale(pair.gapAxis);
  const y = 50;
  const plot = h("div", { class: "cmp-plot cmp-gaps", role: "img", "aria-label": toldGap(pair, choice) });
  plot.append(...ticks(pair.gapAxis, at, ""));
  const zero = at(0);
  const line = h("i", { class: "cmp-zero" });
  line.style.left = `${zero}%`;
  plot.append(line);
  if (choice.interval) {
    const [low, high] = choice.interval.map(at) as [number, number];
    const span = bar("cmp-interval", Math.max(low, 0), Math.min(high, 100), y);
    span.classList.toggle("cmp-beyond-low", low < 0);
    span.classList.toggle("cmp-beyond-high", high > 100);
    plot.append(span);
  }
  plot.append(mark("cmp-mean cmp-gap", at(choice.difference), y));
  if (pair.paired) {
    const chosen = new Set(choice.rows);
    pair.gaps.forEach((gap, i) => {
      const dot = mark(`cmp-dot cmp-gap${chosen.has(i) ? "" : " cmp-out"}`, at(gap), y);
      dot.title = `seed ${pair.seeds[i]![0]}: ${fixed(gap, 2, true)} points`;
      plot.append(dot);
    });
  }
  return plot;
}

// -- parts ------------------------------------------------------------------------------------------
/** Where a value lies, in per cent of the width. */
function scale({ low, high }: Axis): (value: number) => number {
  return (value) => (100 * (value - low)) / (high - low);
}

function mark(name: string, x: number, y: number): HTMLElement {
  const made = h("span", { class: name });
  made.style.left = `${x}%`;
  made.style.top = `${y}%`;
  return made;
}

function bar(name: string, from: number, to: number, y: number): HTMLElement {
  const made = mark(name, from, y);
  made.style.width = `${to - from}%`;
  return made;
}

function* ticks(axis: Axis, at: (value: number) => number, unit: string): Generator<HTMLElement> {
  for (const [i, [value, text]] of axis.ticks.entries()) {
    const tick = h("span", { class: "cmp-tick" }, text + (i === axis.ticks.length - 1 ? unit : ""));
    tick.style.left = `${at(value)}%`;
    yield tick;
  }
}

function joins(pair: Pair, chosen: Set<number>, at: (value: number) => number): SVGElement {
  const lines = svg("svg", { class: "cmp-joins", viewBox: "0 0 100 100", preserveAspectRatio: "none" });
  if (!pair.paired) return lines;
  const order = pair.seeds.map((_, i) => i).sort((i, j) => Number(chosen.has(i)) - Number(chosen.has(j)));
  for (const i of order) {
    const [a, b] = [pair.values[0][i]!, pair.values[1][i]!];
    const line = svg("line", { x1: at(a), x2: at(b), y1: ROWS[0]!, y2: ROWS[1]! });
    if (!chosen.has(i)) line.classList.add("cmp-out");
    lines.append(line);
  }
  return lines;
}

// -- in words ---------------------------------------------------------------------------------------
function told(pair: Pair, choice: Choice): string {
  const one = (side: 0 | 1): string => {
    const values = choice.rows.map((i) => fixed(pair.values[side][i]!)).join(", ");
    return `${pair.arms[side]}: ${values}; mean ${fixed(choice.means[side])} per cent`;
  };
  return `Accuracy of the chosen runs. ${one(0)}. ${one(1)}.`;
}

function toldGap(pair: Pair, choice: Choice): string {
  const ends = choice.interval;
  const interval = ends ? `, interval ${fixed(ends[0], 2, true)} to ${fixed(ends[1], 2, true)}` : "";
  return `${pair.arms[0]} less ${pair.arms[1]}: ${fixed(choice.difference, 2, true)} points${interval}.`;
}
