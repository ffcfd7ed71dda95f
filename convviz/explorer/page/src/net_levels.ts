/** The layers between a unit of a sequence and the input, one strip each: a cone that widens on its way down. */
import { type Box, hull, type Runs, sameRuns } from "./net_boxes";
import type { NetData } from "./net_data";
import { type Area, borders, colours, fill, fit, type Ink, outline, Width } from "./net_pen";
import { INPUT } from "./net_reach";
import { nameOf, whole } from "./net_words";

const MOST = 14; // strips; of more the ones between are left out
const STRIP = 16; // height of a strip
const PITCH = 35; // from one strip to the next, with its name above
const DOT = 1.5; // pixels at least of a cell that is read
const CELL = 4; // pixels of a cell from which on cells have borders

export interface Level {
  at: number;
  size: number;
  runs: Runs;
}

/** The layers at which what is read changes, from the unit to the input. */
export function levels(data: NetData, read: ReadonlyMap<number, Box[]>): Level[] {
  const all = [...read].sort(([a], [b]) => b - a);
  const found: Level[] = [];
  for (const [at, boxes] of all) {
    const size = at === INPUT ? data.space[0]! : data.layers[at]!.map![0]!;
    const runs = hull(boxes)?.[0] ?? [];
    const known = found.some((level) => level.size === size && sameRuns(level.runs, runs));
    if (known && at !== INPUT) continue;
    found.push({ at, size, runs });
  }
  if (found.length <= MOST) return found;
  return Array.from({ length: MOST }, (_, i) => found[Math.round((i * (found.length - 1)) / (MOST - 1))]!);
}

export class LevelsView {
  private readonly canvas = document.createElement("canvas");
  private readonly width: Width;
  private shown: Level[] = [];

  constructor(parent: HTMLElement, look: (at: number) => void) {
    this.canvas.className = "net-levels";
    this.canvas.setAttribute("role", "img");
    parent.append(this.canvas);
    this.width = new Width(parent);
    this.canvas.addEventListener("click", (event) => {
      const level = this.shown[Math.floor(event.offsetY / PITCH)];
      if (level) look(level.at);
    });
  }

  /** view: the first and last cell of the input that are in sight; other maps are in sight in proportion. */
  draw(data: NetData, shown: Level[], view: [number, number], at: number, label: string): void {
    this.shown = shown;
    if (this.canvas.getAttribute("aria-label") !== label) this.canvas.setAttribute("aria-label", label);
    const width = this.width.now;
    if (!width) return;
    const pen = fit(this.canvas, width, shown.length * PITCH + 4);
    const ink = colours(this.canvas);
    const cells = data.space[0]!;
    const perCell = (width - 8) / (view[1] - view[0] + 1);
    const place = (size: number, cell: number): number => 4 + ((cell * cells) / size - view[0]) * perCell;
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, width, shown.length * PITCH + 4);
    pen.clip();
    shown.forEach((level, i) => {
      const next = shown[i + 1];
      if (next) cone(pen, level, next, i, place, ink);
    });
    shown.forEach((level, i) => {
      this.strip(pen, level, i, place, ink, data, at);
    });
    pen.restore();
  }

  private strip(
    pen: CanvasRenderingContext2D,
    level: Level,
    row: number,
    place: (size: number, cell: number) => number,
    ink: Ink,
    data: NetData,
    at: number,
  ): void {
    const { size, runs } = level;
    const role = level.at === INPUT ? "input" : "output";
    const y = top(row);
    const area = (lo: number, hi: number, least = 0): Area => {
      const [x, end] = [place(size, lo), place(size, hi + 1)];
      return { x, y, width: Math.max(least, end - x), height: STRIP };
    };
    const map = area(0, size - 1);
    fill(pen, [map], ink(`--${role}-fill`));
    const lit = runs.map(([lo, hi]) => area(lo, hi, DOT));
    fill(pen, lit, ink("--active-edge"), 0.8);
    if (map.width / size >= CELL) {
      pen.beginPath();
      for (const x of borders(map.x, map.width / size, size, this.width.now)) {
        pen.moveTo(x, y);
        pen.lineTo(x, y + STRIP);
      }
      pen.strokeStyle = ink("--paper");
      pen.lineWidth = 1;
      pen.stroke();
    }
    outline(pen, [map], ink(`--${role}-edge`), level.at === at ? 2.5 : 1);
    const n = runs.reduce((sum, [lo, hi]) => sum + hi - lo + 1, 0);
    const name = nameOf(data, level.at);
    pen.fillStyle = ink("--faint");
    pen.font = `${level.at === at ? 600 : 400} 12px Inter, system-ui, sans-serif`;
    pen.textBaseline = "alphabetic";
    const said = `${row ? "" : "unit of "}${name}: ${whole(n)} of ${whole(size)}`;
    pen.fillText(said, 4, y - 5, this.width.now - 8);
  }
}

const top = (row: number): number => row * PITCH + PITCH - STRIP - 2;

/** From what is read of one strip to what is read of the next. */
function cone(
  pen: CanvasRenderingContext2D,
  above: Level,
  below: Level,
  row: number,
  place: (size: number, cell: number) => number,
  ink: Ink,
): void {
  const ends = ({ runs, size }: Level): [number, number] | null =>
    runs.length ? [place(size, runs[0]![0]), place(size, runs.at(-1)![1] + 1)] : null;
  const [from, to] = [ends(above), ends(below)];
  if (!from || !to) return;
  pen.beginPath();
  pen.moveTo(from[0], top(row) + STRIP);
  pen.lineTo(from[1], top(row) + STRIP);
  pen.lineTo(to[1], top(row + 1));
  pen.lineTo(to[0], top(row + 1));
  pen.closePath();
  pen.globalAlpha = 0.14;
  pen.fillStyle = ink("--active-edge");
  pen.fill();
  pen.globalAlpha = 1;
}
