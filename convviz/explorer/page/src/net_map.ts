/** One map of a layer on a canvas: its cells, the ones that are read, and a cell that is pointed at or moved by keys. */
import { type Box, bounds, hull } from "./net_reach";

export interface Scene {
  /** Units along each axis of the input (the last two are drawn). */
  size: number[];
  role: "input" | "output";
  /** The cells that are read. */
  boxes: Box[];
  /** What would be read if no map had an end: first and last cell along each axis. */
  free: [number, number][] | null;
  /** All that can come to be seen, so that nothing jumps while the unit moves: first and last cell. */
  view: [number, number][];
  /** The cell that is looked at. */
  cell: number[] | null;
  label: string;
  image?: CanvasImageSource | null;
  /** Drawn over the cells from `origin` on. */
  heat?: { picture: HTMLCanvasElement; origin: number[] } | null;
}

const LINES = 5; // pixels of a cell from which on cells have borders
const OUTLINES = 300; // rectangles at most that get an outline of their own
const THUMB = 34; // side of a small map
const DOT = 2; // pixels at least of what is read in a small map
const STRIP = 56; // height of the map of a sequence

type Area = { x: number; y: number; width: number; height: number };

export class MapView {
  readonly canvas = document.createElement("canvas");
  private scene: Scene | null = null;
  private place = { x: 0, y: 0, dx: 1, dy: 1 };

  constructor(
    parent: HTMLElement,
    on: {
      point: (cell: number[] | null) => void;
      pick: (cell: number[]) => void;
      key: (e: KeyboardEvent) => void;
    },
  ) {
    const { canvas } = this;
    canvas.className = "net-map";
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    parent.append(canvas);
    canvas.addEventListener("pointermove", (e) => on.point(this.cellAt(e)));
    canvas.addEventListener("pointerleave", (e) => {
      if (e.pointerType === "mouse") on.point(null); // a finger that is lifted leaves what it touched
    });
    canvas.addEventListener("pointerdown", (e) => {
      const cell = this.cellAt(e);
      if (cell) on.pick(cell);
    });
    canvas.addEventListener("keydown", on.key);
  }

  /** The cell under the pointer, by the last two axes; null beside the map. */
  private cellAt(event: PointerEvent): number[] | null {
    if (!this.scene) return null;
    const [rows, columns] = plane(this.scene.size, 1);
    const { x, y, dx, dy } = this.place;
    const at = [Math.floor((event.offsetY - y) / dy), Math.floor((event.offsetX - x) / dx)] as const;
    if (at[0] < 0 || at[1] < 0 || at[0] >= rows || at[1] >= columns) return null;
    return this.scene.size.length === 1 ? [at[1]] : [...at];
  }

  draw(scene: Scene): void {
    this.scene = scene;
    this.canvas.setAttribute("aria-label", scene.label);
    const width = this.canvas.parentElement!.clientWidth;
    if (!width) return;
    const view = scene.view.slice(-2);
    const [rows, columns] = plane(
      view.map(([lo, hi]) => hi - lo + 1),
      1,
    );
    const sequence = scene.size.length === 1;
    const most = Math.min(width, Math.max(240, Math.round(innerHeight * 0.56)));
    const dx = sequence ? (width - 8) / columns : Math.min((width - 8) / columns, (most - 8) / rows);
    const dy = sequence ? STRIP : dx;
    const height = Math.ceil(dy * rows) + 8;
    const pen = fit(this.canvas, width, height);
    const [top, left] = sequence ? [0, view[0]![0]] : [view[0]![0], view[1]![0]];
    this.place = { x: (width - dx * columns) / 2 - left * dx, y: 4 - top * dy, dx, dy };
    this.paint(pen, scene);
  }

  private paint(pen: CanvasRenderingContext2D, scene: Scene): void {
    const ink = colours(this.canvas);
    const [rows, columns] = plane(scene.size, 1);
    const map = this.area([0, rows - 1], [0, columns - 1]);
    const read = scene.boxes.flatMap((box) => this.areas(box));
    fill(pen, [map], ink(`--${scene.role}-fill`));
    if (scene.image) this.picture(pen, scene.image, map, read, ink);
    else this.cells(pen, scene.boxes, read, ink);
    if (scene.heat) {
      const { picture, origin } = scene.heat;
      const [y, x] = plane(origin, 0);
      const over = this.area([y, y + picture.height - 1], [x, x + picture.width - 1]);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(picture, over.x, over.y, over.width, over.height);
    }
    if (Math.min(this.place.dx, this.place.dy) >= LINES) this.lines(pen, map, ink("--line"));
    outline(pen, [map], ink(`--${scene.role}-edge`), 1.5);
    if (scene.free && String(scene.free) !== String(bounds(scene.boxes))) {
      const [y, x] = scene.free.length > 1 ? scene.free.slice(-2) : [[0, 0] as const, scene.free[0]!];
      pen.setLineDash([5, 4]);
      outline(pen, [this.area(y!, x!)], ink("--padding-edge"), 1.5);
      pen.setLineDash([]);
    }
    if (scene.cell) this.ring(pen, scene.cell, ink);
  }

  /** Cells that are read, and between them the holes: muted, with diagonal lines. */
  private cells(pen: CanvasRenderingContext2D, boxes: Box[], read: Area[], ink: Ink): void {
    const sides = hull(boxes);
    if (sides && (boxes.length > 1 || sides.some((runs) => runs.length > 1))) {
      const all = this.areas(sides.map((runs) => [[runs[0]![0], runs.at(-1)![1]]]));
      fill(pen, all, ink("--muted-fill"));
      fill(pen, all, hatch(pen, ink("--muted-edge")));
    }
    edges(pen, read, ink);
    fill(pen, read, ink("--paper"));
    fill(pen, read, ink("--active-edge"), 0.5);
  }

  /** The image, bright where it is read. */
  private picture(
    pen: CanvasRenderingContext2D,
    image: CanvasImageSource,
    map: Area,
    read: Area[],
    ink: Ink,
  ): void {
    const show = (): void => pen.drawImage(image, map.x, map.y, map.width, map.height);
    pen.imageSmoothingEnabled = false;
    show();
    fill(pen, [map], ink("--paper"), 0.66);
    edges(pen, read, ink);
    pen.save();
    pen.beginPath();
    for (const a of read) pen.rect(a.x, a.y, a.width, a.height);
    pen.clip();
    show();
    pen.restore();
  }

  private lines(pen: CanvasRenderingContext2D, map: Area, colour: string): void {
    const { dx, dy } = this.place;
    pen.beginPath();
    for (let x = map.x + dx; x < map.x + map.width - 0.5; x += dx) {
      pen.moveTo(Math.round(x) + 0.5, map.y);
      pen.lineTo(Math.round(x) + 0.5, map.y + map.height);
    }
    for (let y = map.y + dy; y < map.y + map.height - 0.5; y += dy) {
      pen.moveTo(map.x, Math.round(y) + 0.5);
      pen.lineTo(map.x + map.width, Math.round(y) + 0.5);
    }
    pen.strokeStyle = colour;
    pen.lineWidth = 1;
    pen.stroke();
  }

  /** The cell that is looked at, large enough to be seen at any size. */
  private ring(pen: CanvasRenderingContext2D, cell: number[], ink: Ink): void {
    const [y, x] = plane(cell, 0);
    const a = this.area([y, y], [x, x]);
    const grow = Math.max(0, (9 - Math.min(a.width, a.height)) / 2);
    const ring = { x: a.x - grow, y: a.y - grow, width: a.width + 2 * grow, height: a.height + 2 * grow };
    outline(pen, [ring], ink("--paper"), 6);
    outline(pen, [ring], ink("--active-edge"), 3);
  }

  private area([top, bottom]: readonly [number, number], [left, right]: readonly [number, number]): Area {
    const { x, y, dx, dy } = this.place;
    return {
      x: x + left * dx,
      y: y + top * dy,
      width: (right - left + 1) * dx,
      height: (bottom - top + 1) * dy,
    };
  }

  private areas(box: Box): Area[] {
    const [rows, columns] = box.length > 1 ? box.slice(-2) : [[[0, 0] as [number, number]], box[0]!];
    return rows!.flatMap((row) => columns!.map((column) => this.area(row, column)));
  }
}

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
    const areas = high!.flatMap(([top, bottom]) =>
      wide!.map(([left, right]) => ({
        x: x + left * dx,
        y: y + top * dy,
        width: Math.max(DOT, (right - left + 1) * dx),
        height: Math.max(DOT, (bottom - top + 1) * dy),
      })),
    );
    fill(pen, areas, ink("--active-edge"));
  }
  outline(pen, [map], ink(boxes.length ? `--${role}-edge` : "--line"), 1);
}

/** Rows and columns of what has one, two or more axes. */
export function plane(values: readonly number[], single: number): [number, number] {
  return values.length === 1 ? [single, values[0]!] : [values.at(-2)!, values.at(-1)!];
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

/** The colours as they are now; each is asked of the style sheet once. */
export function colours(element: Element): Ink {
  const style = getComputedStyle(element);
  const known = new Map<string, string>();
  return (name) => {
    if (!known.has(name)) known.set(name, style.getPropertyValue(name));
    return known.get(name)!;
  };
}

/** Fills areas as one: what lies in several of them is filled once. */
function fill(pen: CanvasRenderingContext2D, areas: Area[], style: string | CanvasPattern, alpha = 1): void {
  pen.globalAlpha = alpha;
  pen.fillStyle = style;
  pen.beginPath();
  for (const a of areas) pen.rect(a.x, a.y, a.width, a.height);
  pen.fill();
  pen.globalAlpha = 1;
}

/** Drawn before the areas are filled, so that what is seen is the outline of all together. */
function edges(pen: CanvasRenderingContext2D, areas: Area[], ink: Ink): void {
  if (areas.length <= OUTLINES) outline(pen, areas, ink("--active-edge"), 4);
}

function outline(pen: CanvasRenderingContext2D, areas: Area[], colour: string, width: number): void {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  for (const a of areas) pen.strokeRect(a.x, a.y, a.width, a.height);
}

function hatch(pen: CanvasRenderingContext2D, colour: string): CanvasPattern {
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
