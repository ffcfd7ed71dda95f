/** Panels of a plan that are no grids of cells: a matrix, a table, a curve. */
import { h, svg } from "./dom";
import type { CurvePanel, MatrixPanel, TablePanel, Value } from "./plan_data";
import { short } from "./words";

export const told = (value: Value): string =>
  value === null ? "" : typeof value === "string" ? value : short(value);

function figure(kind: string, key: string, title: string, ...children: (Node | string)[]): HTMLElement {
  const caption = h("figcaption", {}, title);
  return h("figure", { class: `plan-panel plan-${kind}`, "data-panel": key }, caption, ...children);
}

const cellName = (cell: string): string => (cell.includes(",") ? `(${cell.replaceAll(",", ", ")})` : cell);

export function table(panel: TablePanel): HTMLElement {
  const head = panel.columns.map((name) => h("th", { scope: "col" }, name));
  const rows = panel.rows.map((row) => h("tr", {}, ...row.map((text) => h("td", {}, text))));
  const made = h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows));
  const scroll = h("div", { class: "plan-scroll", tabindex: "0", role: "region" }, made);
  scroll.setAttribute("aria-label", panel.title);
  return figure("table", panel.key, panel.title, scroll);
}

/** Rows are outputs, columns inputs; what no weight joins stays empty. */
export function matrix(panel: MatrixPanel): HTMLElement {
  const rows = panel.rows.split(" ");
  const columns = panel.columns.split(" ");
  const found = new Map(panel.entries.map(([row, column, , value]) => [`${row},${column}`, value]));
  const most = Math.max(...panel.entries.map(([, , , value]) => Math.abs(Number(value)) || 0), 1e-9);
  const head = columns.map((cell) => h("th", { scope: "col" }, cellName(cell)));
  const body = rows.map((cell, i) => {
    const cells = columns.map((_, j) => {
      const value = found.get(`${i},${j}`);
      const made = h("td", { class: value === undefined ? "plan-none" : "" }, told(value ?? null));
      if (value !== undefined) made.style.setProperty("--part", String(Math.abs(Number(value)) / most));
      return made;
    });
    return h("tr", { "data-row": cell }, h("th", { scope: "row" }, cellName(cell)), ...cells);
  });
  const made = h("table", {}, h("thead", {}, h("tr", {}, h("td", {}), ...head)), h("tbody", {}, ...body));
  const scroll = h("div", { class: "plan-scroll", tabindex: "0", role: "region" }, made);
  scroll.setAttribute("aria-label", panel.title);
  return figure("matrix", panel.key, panel.title, scroll);
}

// -- a curve ----------------------------------------------------------------------------------------------
const WIDE = 380;
const TALL = 250;
const LEFT = 52;
const BELOW = 40;
const TOP = 10;
const RIGHT = 12;
const DASHES = ["", "7 4", "2 4", "9 3 2 3", "1 3"];

export class CurveFigure {
  readonly element: HTMLElement;
  private readonly dot = svg("circle", { r: 6, class: "plan-dot" });
  private readonly x: (value: number) => number;
  private readonly y: (value: number) => number;

  constructor(panel: CurvePanel) {
    const [low, high] = ends(panel.series.flatMap((line) => line.x));
    const [bottom, top] = ends(panel.series.flatMap((line) => line.y));
    this.x = (value) => LEFT + ((value - low) / (high - low)) * (WIDE - LEFT - RIGHT);
    this.y = (value) => TALL - BELOW - ((value - bottom) / (top - bottom)) * (TALL - BELOW - TOP);
    const names = panel.series.map((line) => line.name).join(", ");
    const label = `${panel.title}: ${panel.y} over ${panel.x}${names ? `; lines: ${names}` : ""}`;
    const drawn = svg("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, role: "img", "aria-label": label });
    for (const value of ticks(low, high)) this.tick(drawn, value, this.x(value), true);
    for (const value of ticks(bottom, top)) this.tick(drawn, value, this.y(value), false);
    panel.series.forEach((line, i) => {
      const dash = DASHES[i % DASHES.length]!;
      drawn.append(
        svg("path", {
          d: this.path(line.x, line.y),
          class: `plan-line plan-${line.role}`,
          "stroke-dasharray": dash,
        }),
      );
    });
    const named = (text: string, x: number, y: number, turn = ""): void => {
      const label = svg("text", { x, y, class: "plan-axis", "text-anchor": "middle", transform: turn });
      label.textContent = text;
      drawn.append(label);
    };
    named(panel.x, (LEFT + WIDE - RIGHT) / 2, TALL - 4);
    const middle = (TOP + TALL - BELOW) / 2;
    named(panel.y, 13, middle, `rotate(-90 13 ${middle})`);
    this.dot.setAttribute("visibility", "hidden");
    drawn.append(this.dot);
    const keys = panel.series.map((line, i) => {
      const sample = svg("svg", { viewBox: "0 0 28 8", class: "plan-sample", "aria-hidden": "true" });
      const dash = DASHES[i % DASHES.length]!;
      sample.append(
        svg("path", { d: "M0 4H28", class: `plan-line plan-${line.role}`, "stroke-dasharray": dash }),
      );
      return h("li", {}, sample, line.name);
    });
    const legend = keys.length > 1 ? [h("ul", { class: "plan-legend" }, ...keys)] : [];
    this.element = figure("curve", panel.key, panel.title, drawn, ...legend);
  }

  /** Shows where a cell lies on the curve; nothing where it lies on none. */
  show(at: [Value, Value] | null): void {
    const on = at !== null && typeof at[0] === "number" && typeof at[1] === "number";
    this.dot.setAttribute("visibility", on ? "visible" : "hidden");
    if (!on) return;
    this.dot.setAttribute("cx", String(this.x(at[0] as number)));
    this.dot.setAttribute("cy", String(this.y(at[1] as number)));
  }

  private tick(drawn: SVGElement, value: number, at: number, below: boolean): void {
    const text = svg("text", {
      class: "plan-tick",
      x: below ? at : LEFT - 7,
      y: below ? TALL - BELOW + 16 : at + 4,
      "text-anchor": below ? "middle" : "end",
    });
    text.textContent = short(Number(value.toPrecision(6)));
    const ends = below
      ? { x1: at, x2: at, y1: TOP, y2: TALL - BELOW }
      : { x1: LEFT, x2: WIDE - RIGHT, y1: at, y2: at };
    drawn.append(svg("line", { ...ends, class: value === 0 ? "plan-zero" : "plan-rule" }), text);
  }

  /** The line; where a value is missing it begins anew. */
  private path(xs: Value[], ys: Value[]): string {
    let open = false;
    return xs
      .map((x, i) => {
        const y = ys[i];
        if (typeof x !== "number" || typeof y !== "number") {
          open = false;
          return "";
        }
        const letter = open ? "L" : "M";
        open = true;
        return `${letter}${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`;
      })
      .join("");
  }
}

function ends(values: Value[]): [number, number] {
  const real = values.filter((value) => typeof value === "number");
  if (!real.length) return [0, 1];
  const low = Math.min(...real);
  const high = Math.max(...real);
  if (low === high) return [low - 1, high + 1];
  const room = (high - low) * 0.04;
  return [low - room, high + room];
}

/** Round numbers between two ends, about five of them. */
function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough)!;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step || 0);
}
