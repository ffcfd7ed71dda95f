/** The net as a column of layers, top to bottom, with its branches. Only the rows in sight are in the document. */
import type { Box } from "./net_boxes";
import type { NetData, Picture, Row } from "./net_data";
import { colours, type Ink, thumbnail } from "./net_pen";
import { INPUT } from "./net_reach";
import { numbersOf, widthsOf } from "./net_widths";
import { counted, named } from "./net_words";

const HEIGHT = 46; // of a row, in pixels
const SPARE = 6; // rows beyond the edge that are kept ready
const LANE = 10; // pixels between two lanes
const GUTTER = 66; // pixels at most for all of them
const SVG = "http://www.w3.org/2000/svg";

export interface Lit {
  /** What the unit reads in each layer. */
  read: Map<number, Box[]>;
  layer: number;
  at: number;
}

let columns = 0; // so that rows of several nets in one notebook have names of their own

export class Column {
  private readonly id = `net-${++columns}`;
  private readonly list = document.createElement("div");
  private readonly space = document.createElement("div");
  private readonly shown = new Map<number, HTMLElement>();
  private picture!: Picture;
  private crossing: Picture["wires"][] = [];
  private lit: Lit | null = null;
  private marked: { read: Lit["read"]; now: string } | null = null;
  private readonly marks = new WeakMap<Element, string>();

  constructor(
    parent: HTMLElement,
    private readonly data: NetData,
    private readonly on: { layer: (layer: number) => void; at: (layer: number) => void; enter: () => void },
  ) {
    const head = document.createElement("div");
    head.className = "net-row net-head";
    head.setAttribute("aria-hidden", "true");
    for (const [name, text] of Object.entries({
      gutter: "",
      thumb: "Read",
      name: "Layer",
      shape: "Output",
      field: "Field",
      params: "Params",
      macs: "MACs",
    })) {
      head.append(cell(name, text));
    }
    const { list, space } = this;
    list.className = "net-list";
    list.tabIndex = 0;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", `Layers of ${data.name}`);
    list.append(space);
    space.className = "net-space";
    space.setAttribute("role", "presentation");
    parent.append(head, list);
    list.addEventListener("scroll", () => this.fill(), { passive: true });
    list.addEventListener("keydown", (e) => this.key(e));
    list.addEventListener("click", (e) => this.click(e));
    new ResizeObserver(() => this.fill()).observe(list);
  }

  /** Rows of another picture of the same net. */
  show(picture: Picture): void {
    this.picture = picture;
    this.crossing = picture.rows.map(() => []);
    for (const wire of picture.wires) {
      for (let row = wire[0]; row <= wire[1]; row++) this.crossing[row]!.push(wire);
    }
    const lanes = picture.lanes + picture.tracks;
    const wide = Math.min(GUTTER, (lanes + 1) * LANE);
    const { style } = this.list.parentElement!;
    style.setProperty("--gutter", `${wide}px`);
    for (const [name, width] of Object.entries(widthsOf(this.data, picture))) {
      style.setProperty(`--${name}`, `${width}px`);
    }
    this.space.style.height = `${picture.rows.length * HEIGHT}px`;
    for (const row of this.shown.values()) row.remove();
    this.shown.clear();
    this.lit = this.marked = null; // what is selected has another row now
  }

  /** The row of a layer, or of the input. */
  rowOf(layer: number): number {
    if (layer === INPUT)
      return this.picture.rows.findIndex((r) => !r.layers.length && r.name === this.data.wrt);
    return this.picture.rows.findIndex((r) => r.layers.includes(layer));
  }

  /** Lights what is read, and keeps the selected row in sight where it has changed. */
  light(lit: Lit): void {
    const moved = lit.layer !== this.lit?.layer;
    this.lit = lit;
    if (moved) this.reveal(this.rowOf(lit.layer));
    this.fill();
    const ink = colours(this.list);
    const now = `${lit.layer} ${lit.at} ${ink("--paper")} ${devicePixelRatio}`;
    if (this.marked?.read === lit.read && this.marked.now === now) return;
    this.marked = { read: lit.read, now };
    for (const [index, row] of this.shown) this.mark(row, index, ink);
  }

  private reveal(row: number): void {
    const [top, bottom] = [row * HEIGHT, (row + 1) * HEIGHT];
    const { list } = this;
    if (top < list.scrollTop || bottom > list.scrollTop + list.clientHeight) {
      list.scrollTop = top - list.clientHeight / 2 + HEIGHT / 2;
    }
  }

  private fill(): void {
    const { list, picture } = this;
    const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - SPARE);
    const last = Math.min(
      picture.rows.length - 1,
      Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + SPARE,
    );
    for (const [index, row] of this.shown) {
      if (index < first || index > last) {
        row.remove();
        this.shown.delete(index);
      }
    }
    const ink = colours(list);
    for (let index = first; index <= last; index++) {
      if (this.shown.has(index)) continue;
      const row = this.make(picture.rows[index]!, index);
      this.shown.set(index, row);
      this.space.append(row);
      this.mark(row, index, ink);
    }
  }

  private make(row: Row, index: number): HTMLElement {
    const layer = row.shows === undefined ? null : this.data.layers[row.shows]!;
    const element = document.createElement("div");
    element.className = "net-row";
    element.id = `${this.id}-${index}`;
    element.dataset["row"] = String(index);
    element.setAttribute("role", "option");
    element.setAttribute("aria-setsize", String(this.picture.rows.length));
    element.setAttribute("aria-posinset", String(index + 1));
    element.style.transform = `translateY(${index * HEIGHT}px)`;
    element.style.order = String(index); // on paper rows follow each other
    const thumb = cell("thumb", "");
    const canvas = document.createElement("canvas");
    canvas.setAttribute("aria-hidden", "true");
    thumb.append(canvas);
    const name = cell("name", "");
    const does = document.createElement("small");
    name.append(title(named(row.name)), does);
    does.textContent = layer ? row.does! : "input of the net";
    const numbers = Object.entries(numbersOf(this.data, row)).map(([kind, text]) => cell(kind, text));
    const [shape, field, params, macs] = numbers as [HTMLElement, HTMLElement, HTMLElement, HTMLElement];
    for (const whole of [does, shape, field]) whole.title = whole.textContent!; // where there is too little room
    if (row.params) params.title = counted(row.params, "parameter");
    if (row.macs) macs.title = counted(row.macs, "multiplication");
    element.append(this.wires(index), thumb, name, ...numbers);
    return element;
  }

  /** The piece of the graph that lies in one row. */
  private wires(index: number): SVGElement {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "net-gutter");
    svg.setAttribute("aria-hidden", "true");
    const { lanes, tracks, rows } = this.picture;
    const step = Math.min(LANE, GUTTER / (lanes + tracks + 1));
    const at = (lane: number): number => (tracks + lane + 1) * step;
    const middle = HEIGHT / 2;
    const paths = this.crossing[index]!.map(([source, target, lane, track]) => {
      const x = lane === null ? at(-track) : at(lane);
      if (index === source) return curve(at(rows[source]!.lane), middle, x, HEIGHT);
      if (index === target) return curve(x, 0, at(rows[target]!.lane), middle);
      return `M${x} 0V${HEIGHT}`;
    });
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", paths.join(""));
    const dot = document.createElementNS(SVG, "circle");
    dot.setAttribute("cx", String(at(rows[index]!.lane)));
    dot.setAttribute("cy", String(middle));
    dot.setAttribute("r", "4");
    svg.append(path, dot);
    return svg;
  }

  private mark(element: HTMLElement, index: number, ink: Ink): void {
    const { lit, picture, data } = this;
    if (!lit) return;
    const row = picture.rows[index]!;
    const layer = layerOf(row, data);
    const selected = row.layers.includes(lit.layer);
    const boxes = layer === null ? [] : (lit.read.get(selected ? lit.layer : layer) ?? []);
    const size = layer === null ? null : layer === INPUT ? data.space : data.layers[layer]!.map;
    const looked = layer === lit.at || (row.layers.includes(lit.at) && lit.at !== INPUT);
    const shows = `${selected} ${looked} ${ink("--paper")} ${devicePixelRatio} ${JSON.stringify(boxes)}`;
    if (this.marks.get(element) === shows) return; // most rows stay as they are while a unit moves
    this.marks.set(element, shows);
    if (element.getAttribute("aria-selected") !== String(selected)) {
      element.setAttribute("aria-selected", String(selected));
    }
    if (selected) this.list.setAttribute("aria-activedescendant", element.id);
    element.classList.toggle("net-lit", boxes.length > 0);
    element.classList.toggle("net-at", looked && boxes.length > 0);
    const canvas = element.querySelector("canvas")!;
    canvas.hidden = !size?.length;
    if (size?.length) thumbnail(canvas, size, boxes, layer === INPUT ? "input" : "output", ink);
  }

  private click(event: MouseEvent): void {
    const target = event.target as Element;
    const index = Number(target.closest<HTMLElement>(".net-row")?.dataset["row"] ?? NaN);
    const row = this.picture.rows[index];
    const layer = row && layerOf(row, this.data);
    if (layer === null || layer === undefined) return;
    if (layer === INPUT || (target.closest(".net-thumb") && this.lit?.read.has(layer))) this.on.at(layer);
    else this.on.layer(mainOf(row!, this.data)!);
  }

  private key(event: KeyboardEvent): void {
    const rows = this.picture.rows;
    const now = this.lit ? this.rowOf(this.lit.layer) : 0;
    const page = Math.max(1, Math.floor(this.list.clientHeight / HEIGHT) - 1);
    if (event.key === "Enter") this.on.enter();
    const moves: Record<string, number> = {
      ArrowDown: now + 1,
      ArrowUp: now - 1,
      PageDown: now + page,
      PageUp: now - page,
      Home: 0,
      End: rows.length - 1,
    };
    let to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    to = Math.min(Math.max(to, 0), rows.length - 1);
    while (to < rows.length - 1 && rows[to]!.shows === undefined) to++;
    const layer = mainOf(rows[to]!, this.data);
    if (layer !== undefined) this.on.layer(layer);
  }
}

/** The layer that a row is named after, to which one goes first. */
export function mainOf(row: Row, data: NetData): number | undefined {
  return row.layers.find((layer) => data.layers[layer]!.name === row.name) ?? row.shows;
}

/** The layer whose map a row shows; null for an input that is not followed. */
function layerOf(row: Row, data: NetData): number | null {
  return row.shows ?? (row.name === data.wrt ? INPUT : null);
}

/** A name whose last word stays in sight where there is too little room: `layer4.conv2`. */
function title(text: string): HTMLElement {
  const dot = text.lastIndexOf(".") + 1;
  const whole = cell("title", "");
  whole.append(cell("before", text.slice(0, dot)), cell("last", text.slice(dot)));
  whole.title = text;
  return whole;
}

function cell(name: string, text: string): HTMLElement {
  const element = document.createElement("span");
  element.className = `net-${name}`;
  element.textContent = text;
  return element;
}

function curve(x: number, y: number, toX: number, toY: number): string {
  const middle = (y + toY) / 2;
  return x === toX ? `M${x} ${y}V${toY}` : `M${x} ${y}C${x} ${middle} ${toX} ${middle} ${toX} ${toY}`;
}
