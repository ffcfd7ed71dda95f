/** One map of a layer on a canvas: its cells, the ones that are read, and a cell that is pointed at or moved by keys. */
import { type Box, bounds, hull, stray } from "./net_boxes";
import {
  type Area,
  borders,
  colours,
  edges,
  fill,
  fit,
  hatch,
  type Ink,
  OUTLINES,
  outline,
  plane,
  Width,
} from "./net_pen";

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
  /** The effective field, in place of the even tint of what is read; `box` holds 95 % of it. */
  heat?: Heat | null;
}

export interface MapEvents {
  point: (cell: number[] | null) => void;
  pick: (cell: number[]) => void;
  key: (event: KeyboardEvent) => void;
}

export interface Heat {
  picture: CanvasImageSource;
  origin: number[];
  shape: number[];
  box: [number, number][];
}

const LINES = 5; // pixels of a cell from which on cells have borders
const STRIP = 40; // height of the map of a sequence
const LEAST = 200; // pixels that it may always take

/** `tall`: the share of the window's height that a map may take. */
export class MapView {
  readonly canvas = document.createElement("canvas");
  private scene: Scene | null = null;
  private readonly width: Width;
  private place = { x: 0, y: 0, dx: 1, dy: 1 };

  constructor(
    parent: HTMLElement,
    on: MapEvents,
    private readonly tall: number,
  ) {
    const { canvas } = this;
    canvas.className = "net-map";
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    parent.append(canvas);
    this.width = new Width(parent);
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
    if (this.canvas.getAttribute("aria-label") !== scene.label)
      this.canvas.setAttribute("aria-label", scene.label);
    const width = this.width.now;
    if (!width) return;
    const view = scene.view.slice(-2);
    const [rows, columns] = plane(
      view.map(([lo, hi]) => hi - lo + 1),
      1,
    );
    const sequence = scene.size.length === 1;
    const most = Math.min(width, Math.max(LEAST, Math.round(innerHeight * this.tall)));
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
    else this.cells(pen, scene, read, ink);
    if (scene.heat) this.heat(pen, scene.heat);
    if (Math.min(this.place.dx, this.place.dy) >= LINES) this.lines(pen, map, [rows, columns], ink("--line"));
    if (scene.heat) outline(pen, this.areas(scene.heat.box.map((run) => [run])), ink("--ink"), 2);
    if (scene.boxes.length === 1 && read.length <= OUTLINES) outline(pen, read, ink("--active-edge"), 2);
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
  private cells(pen: CanvasRenderingContext2D, { boxes, free, heat }: Scene, read: Area[], ink: Ink): void {
    const sides = hull(boxes);
    const around = free !== null && stray(bounds(boxes) ?? [], free); // what lies between was never passed over
    if (sides && !around && (boxes.length > 1 || sides.some((runs) => runs.length > 1))) {
      const all = this.areas(sides.map((runs) => [[runs[0]![0], runs.at(-1)![1]]]));
      fill(pen, all, ink("--muted-fill"));
      fill(pen, all, hatch(pen, ink("--muted-edge")));
    }
    edges(pen, read, ink);
    fill(pen, read, ink("--paper"));
    if (!heat) fill(pen, read, ink("--active-edge"), 0.5);
  }

  private heat(pen: CanvasRenderingContext2D, { picture, origin, shape }: Heat): void {
    const [y, x] = plane(origin, 0);
    const [rows, columns] = plane(shape, 1);
    const over = this.area([y, y + rows - 1], [x, x + columns - 1]);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, over.x, over.y, over.width, over.height);
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

  private lines(
    pen: CanvasRenderingContext2D,
    map: Area,
    [rows, columns]: [number, number],
    colour: string,
  ): void {
    const { dx, dy } = this.place;
    const tall = pen.canvas.height / (devicePixelRatio || 1);
    const [top, left] = [Math.max(0, map.y), Math.max(0, map.x)];
    const [bottom, right] = [Math.min(tall, map.y + map.height), Math.min(this.width.now, map.x + map.width)];
    pen.beginPath();
    for (const x of borders(map.x, dx, columns, this.width.now)) {
      pen.moveTo(x, top);
      pen.lineTo(x, bottom);
    }
    for (const y of borders(map.y, dy, rows, tall)) {
      pen.moveTo(left, y);
      pen.lineTo(right, y);
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
