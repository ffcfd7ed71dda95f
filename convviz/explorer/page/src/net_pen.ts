/** Strokes and fills that all maps of a net share, and the small maps of the column. */
import type { Box, Runs } from "./net_boxes";

export const OUTLINES = 300; // rectangles at most that get an outline of their own
const THUMB = 34; // side of a small map
const DOT = 2; // pixels at least of what is read in a small map

export type Area = { x: number; y: number; width: number; height: number };

/** A small map that only shows where the cells that are read lie. */
export function thumbnail(
  canvas: HTMLCanvasElement,
  size: number[],
  boxes: Box[],
  role: string,
  ink: Ink,
): void {
  const pen = fit(canvas, THUMB, THUMB);
  const [rows, columns] = plane(size, 1);
  const side = THUMB - 4;
  const sequence = size.length === 1;
  const dx = sequence ? side / columns : side / Math.max(rows, columns);
  const dy = sequence ? 12 : dx;
  const [x, y] = [(THUMB - columns * dx) / 2, (THUMB - rows * dy) / 2];
  const map = { x, y, width: columns * dx, height: rows * dy };
  fill(pen, [map], ink(boxes.length ? `--${role}-fill` : "--muted-fill"));
  for (const box of boxes) {
    const [high, wide] = box.length > 1 ? box.slice(-2) : [[[0, 0] as [number, number]], box[0]!];
    const [down, across] = [blots(high!, y, dy), blots(wide!, x, dx)];
    const areas = down.flatMap(([top, height]) =>
      across.map(([left, width]) => ({ x: left, y: top, width, height })),
    );
    fill(pen, areas, ink("--active-edge"));
  }
  outline(pen, [map], ink(boxes.length ? `--${role}-edge` : "--line"), 1);
}

/** Runs of cells as [start, length] in pixels, large enough to be seen; those that meet are one. */
function blots(runs: Runs, from: number, cell: number): [number, number][] {
  const found: [number, number][] = [];
  for (const [lo, hi] of runs) {
    const [start, end] = [from + lo * cell, from + Math.max((hi + 1) * cell, lo * cell + DOT)];
    const last = found.at(-1);
    if (last && start <= last[0] + last[1]) last[1] = Math.max(last[1], end - last[0]);
    else found.push([start, end - start]);
  }
  return found;
}

/** Rows and columns of what has one, two or more axes. */
export function plane(values: readonly number[], single: number): [number, number] {
  return values.length === 1 ? [single, values[0]!] : [values.at(-2)!, values.at(-1)!];
}

/** Where the borders between `n` cells lie that are in sight: a map may have a thousand million of them. */
export function borders(start: number, cell: number, n: number, room: number): number[] {
  const first = Math.max(1, Math.ceil(-start / cell));
  const last = Math.min(n - 1, Math.floor((room - start) / cell));
  const count = Math.max(0, last - first + 1);
  return Array.from({ length: count }, (_, i) => Math.round(start + (first + i) * cell) + 0.5);
}

/** Sharp on every screen: the canvas gets as many pixels as the screen has there. */
export function fit(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const dense = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d")!;
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

export type Ink = (name: string) => string;

/**
 * The colours as they are now. The theme writes them on the page's own element, where they are read without having
 * the browser work out all styles again.
 */
export function colours(element: Element): Ink {
  const own = element.closest<HTMLElement>(".cv")?.style;
  let computed: CSSStyleDeclaration | undefined;
  return (name) =>
    own?.getPropertyValue(name) || (computed ??= getComputedStyle(element)).getPropertyValue(name);
}

/** The width of an element, asked for only when it has changed: each question has the page laid out. */
export class Width {
  private known = 0;

  constructor(private readonly element: HTMLElement) {
    new ResizeObserver((all) => (this.known = all.at(-1)!.contentRect.width)).observe(element);
  }

  get now(): number {
    return (this.known ||= this.element.clientWidth);
  }
}

/** Fills areas as one: what lies in several of them is filled once. */
export function fill(
  pen: CanvasRenderingContext2D,
  areas: Area[],
  style: string | CanvasPattern,
  alpha = 1,
): void {
  pen.globalAlpha = alpha;
  pen.fillStyle = style;
  pen.beginPath();
  for (const a of areas) pen.rect(a.x, a.y, a.width, a.height);
  pen.fill();
  pen.globalAlpha = 1;
}

/** Drawn before the areas are filled, so that what is seen is the outline of all together. */
export function edges(pen: CanvasRenderingContext2D, areas: Area[], ink: Ink): void {
  if (areas.length <= OUTLINES) outline(pen, areas, ink("--active-edge"), 4);
}

export function outline(pen: CanvasRenderingContext2D, areas: Area[], colour: string, width: number): void {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  for (const a of areas) pen.strokeRect(a.x, a.y, a.width, a.height);
}

export function hatch(pen: CanvasRenderingContext2D, colour: string): CanvasPattern {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const brush = tile.getContext("2d")!;
  brush.strokeStyle = colour;
  brush.beginPath();
  for (const x of [-8, 0, 8]) {
    brush.moveTo(x, 8);
    brush.lineTo(x + 8, 0);
  }
  brush.stroke();
  return pen.createPattern(tile, "repeat")!;
}
