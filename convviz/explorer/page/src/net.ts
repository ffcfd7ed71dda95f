/** The view of a net: its layers as a column, and what a unit of one of them reads on the way to the input. */
import type { Box } from "./net_boxes";
import { Column, mainOf } from "./net_column";
import type { Effective, NetData } from "./net_data";
import { Finder } from "./net_find";
import { frame } from "./net_frame";
import { centre, inside, moved, same } from "./net_keys";
import { INPUT, reach } from "./net_reach";
import { Show, type Seen } from "./net_show";
import { LONG } from "./net_views";
import type { Link } from "./state";

export type { NetData } from "./net_data";

const LINKED = 150; // milliseconds of rest after which the link says what is seen
const SWITCHES = ["zoom", "beyond", "heated"] as const;

export const mountNet = (element: HTMLElement, data: NetData, link: Link): unknown =>
  new NetView(element, data, link);

interface Reading {
  key: string;
  real: Map<number, Box[]>;
  free: Map<number, Box[]>;
}

class NetView {
  private layer: number;
  private unit: number[];
  private pinned = false;
  private at = INPUT;
  private cell: number[] | null = null;
  private due = 0;
  private reading: Reading = { key: "", real: new Map(), free: new Map() };
  private saving: ReturnType<typeof setTimeout> | undefined;
  private readonly column: Column;
  private readonly show: Show;
  private readonly parts: Record<string, HTMLElement>;

  constructor(
    element: HTMLElement,
    private readonly data: NetData,
    private readonly link: Link,
  ) {
    this.parts = frame(element, data);
    const { parts } = this;
    [this.layer, this.unit] = this.first();
    this.column = new Column(parts["column"]!, data, {
      layer: (layer) => this.choose(layer),
      at: (layer) => this.look(layer),
      enter: () => this.show.mine.canvas.focus(),
    });
    this.show = new Show(parts, data, {
      update: () => this.update(),
      choose: (layer) => this.choose(layer),
      look: (at) => this.look(at),
      field: (field) => this.field(field),
      mine: {
        point: (cell) => {
          if (cell && !this.pinned && !same(cell, this.unit.slice(-cell.length))) this.move(cell);
        },
        pick: (cell) => {
          this.pinned = !this.pinned || !same(cell, this.unit.slice(-cell.length));
          this.move(cell);
        },
        key: (event) => this.key(event),
      },
      theirs: {
        point: (cell) => this.point(cell),
        pick: (cell) => this.point(cell),
        key: (event) => {
          const size = this.sizeOf(this.at);
          const from = this.cell ?? this.show.views.middle(this.at, this.read().real.get(this.at) ?? []);
          const cell = event.key === "Escape" ? null : moved(event, from, size);
          if (cell || event.key === "Escape") this.point(cell);
        },
      },
    });
    this.controls(element);
    this.restore();
    this.link.listen(() => this.restore());
  }

  private controls(element: HTMLElement): void {
    const { parts, data } = this;
    new Finder(parts["find"] as HTMLInputElement, parts["found"]!, data, {
      now: () => this.layer,
      choose: (layer) => this.choose(layer),
    });
    parts["path"]!.addEventListener("input", () => {
      this.look(this.show.path[Number((parts["path"] as HTMLInputElement).value)] ?? INPUT);
    });
    parts["every"]!.addEventListener("change", () => this.rows());
    for (const name of SWITCHES) parts[name]!.addEventListener("change", () => this.update());
    parts["slice"]!.addEventListener("input", () => {
      this.unit[0] = Number((parts["slice"] as HTMLInputElement).value);
      this.update();
    });
    (parts["zoom"] as HTMLInputElement).checked = Math.max(...data.space) > LONG;
    new ResizeObserver(() => this.update()).observe(parts["maps"]!);
    element.addEventListener("layout", () => this.draw());
    new MutationObserver(() => this.update()).observe(element, { attributeFilter: ["data-theme"] });
  }

  /**
   * What is looked at first: an effective field of some size, else the middle of the last layer whose units read less than
   * half of the input along each axis, or less than all of it.
   */
  private first(): [number, number[]] {
    const { layers, erf, space } = this.data;
    const within = (size: number[], times: number): boolean => size.every((n, a) => times * n <= space[a]!);
    const half = ({ size }: { size: number[] }): boolean => within(size, 2);
    const seen = erf.filter((e) => e.middle && within(e.size, 1) && !within(e.size, 6));
    const field = seen.filter(half).at(-1) ?? seen[0] ?? erf.filter((e) => e.middle).at(-1);
    if (field) return [field.layer, [...field.unit]];
    const local = layers.filter((l) => l.map?.length && l.rf && !l.rf.global && Math.max(...l.map) > 1);
    const small = local.filter((l) => half(l.rf!));
    const last = layers.indexOf(small.at(-1) ?? local.at(-1) ?? layers.at(-1)!);
    const row = this.data.pictures.blocks.rows.find((r) => r.layers.includes(last));
    const main = row && mainOf(row, this.data);
    const layer = main !== undefined && local.includes(layers[main]!) ? main : last;
    return [layer, centre(layers[layer]?.map)];
  }

  // -- what the reader does ------------------------------------------------------------------------------
  private choose(layer: number): void {
    if (layer === this.layer) return;
    const [before, now] = [this.data.layers[this.layer]!.map, this.data.layers[layer]!.map];
    this.unit = (now ?? []).map((n, a) => {
      const part = before?.length ? ((this.unit[a] ?? 0) + 0.5) / (before[a] ?? 1) : 0.5;
      return Math.min(n - 1, Math.floor(part * n));
    });
    this.layer = layer;
    if (this.at >= layer) this.at = INPUT;
    this.cell = null;
    this.update();
  }

  private look(at: number): void {
    this.at = at === this.layer ? INPUT : at;
    this.cell = null;
    this.update();
  }

  private move(cell: number[]): void {
    this.unit = [...this.unit.slice(0, -cell.length), ...cell];
    this.update();
  }

  /** A cell of the map that is looked at; what it reaches lights up. Axes that are not drawn keep their middle. */
  private point(cell: number[] | null): void {
    const middle = cell && this.show.views.middle(this.at, this.read().real.get(this.at) ?? []);
    const now = cell && [...middle!.slice(0, -cell.length), ...cell];
    if (String(now) === String(this.cell)) return;
    this.cell = now;
    this.update();
  }

  /** Arrows move the unit, Enter pins it where it is, Escape lets it go. */
  private key(event: KeyboardEvent): void {
    if (event.key === "Escape") this.pinned = false;
    else if (event.key === "Enter" || event.key === " ") {
      this.pinned = !this.pinned;
      event.preventDefault();
    } else {
      const unit = moved(event, this.unit, this.data.layers[this.layer]!.map!);
      if (!unit) return;
      [this.pinned, this.cell, this.unit] = [true, null, unit];
    }
    this.update();
  }

  private field(field: Effective): void {
    [this.layer, this.unit, this.at, this.pinned] = [field.layer, [...field.unit], INPUT, true];
    this.update();
  }

  // -- what is shown -------------------------------------------------------------------------------------
  private on(name: string): boolean {
    return (this.parts[name] as HTMLInputElement).checked;
  }

  private rows(): void {
    this.column.show(this.data.pictures[this.on("every") ? "layers" : "blocks"]);
    this.update();
  }

  /** At most once a frame, however many events come. */
  private update(): void {
    this.due ||= requestAnimationFrame(() => {
      this.due = 0;
      this.draw();
    });
  }

  /** What the unit reads, in the maps as they are and as if they had no end; found once for each unit. */
  private read(): Reading {
    const { data, layer, unit } = this;
    const key = `${layer} ${unit}`;
    if (this.reading.key !== key) {
      const found = (clip: boolean): Map<number, Box[]> =>
        data.layers[layer]?.map?.length ? reach(data, layer, unit, clip) : new Map();
      this.reading = { key, real: found(true), free: found(false) };
    }
    return this.reading;
  }

  private draw(): void {
    const { layer, unit, cell, pinned } = this;
    const { real, free } = this.read();
    if (this.at !== INPUT && !free.has(this.at)) this.at = INPUT;
    const { at } = this;
    const [zoom, beyond, heated] = SWITCHES.map((name) => this.on(name)) as [boolean, boolean, boolean];
    const seen: Seen = { layer, unit, at, pinned, cell, real, free, zoom, beyond, heated };
    if (cell && !inside(cell, this.sizeOf(at))) seen.cell = null;
    this.column.light({ read: real, layer, at });
    this.show.draw(seen);
    clearTimeout(this.saving); // browsers refuse a link that changes with every frame
    this.saving = setTimeout(() => this.save(), LINKED);
  }

  private sizeOf(at: number): number[] {
    return this.show.views.sizeOf(at);
  }

  // -- the link ------------------------------------------------------------------------------------------
  private save(): void {
    const { data, layer, unit, at } = this;
    const state: Record<string, string> = { layer: data.layers[layer]?.name ?? "", unit: unit.join(",") };
    if (at !== INPUT) state["at"] = data.layers[at]!.name;
    if (this.on("every")) state["rows"] = "layers";
    if (this.on("zoom")) state["zoom"] = "1";
    this.link.write(state);
  }

  private restore(): void {
    const state = this.link.read();
    const { layers } = this.data;
    const layer = layers.findIndex((l) => l.name === state["layer"]);
    if (layer >= 0) {
      const map = layers[layer]!.map;
      const unit = (state["unit"] ?? "").split(",").map(Number);
      const known = map && inside(unit, map);
      [this.layer, this.unit, this.cell, this.pinned] = [layer, known ? unit : centre(map), null, !!known];
      const at = layers.findIndex((l) => l.name === state["at"]);
      this.at = at >= 0 && at < layer ? at : INPUT;
    }
    (this.parts["every"] as HTMLInputElement).checked = state["rows"] === "layers";
    if (layer >= 0) (this.parts["zoom"] as HTMLInputElement).checked = state["zoom"] === "1";
    this.rows();
  }
}
