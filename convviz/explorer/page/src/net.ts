/** The view of a net: its layers as a column, and what a unit of one of them reads on the way to the input. */
import { Column } from "./net_column";
import type { NetData } from "./net_data";
import { heatOf } from "./net_effective";
import { details, facts } from "./net_facts";
import { frame } from "./net_frame";
import { centre, inside, moved, same } from "./net_keys";
import { MapView, type Scene } from "./net_map";
import { type Box, bounds, fed, hull, INPUT, reach } from "./net_reach";
import { fedSentence, nameOf, readSentence, times } from "./net_words";
import type { Link } from "./state";

export type { NetData } from "./net_data";

const LINKED = 150; // milliseconds of rest after which the link says what is seen
const DRAWN = 4096; // units along one axis that are drawn

export const mountNet = (element: HTMLElement, data: NetData, link: Link): unknown =>
  new NetView(element, data, link);

class NetView {
  private layer: number;
  private unit: number[];
  private pinned = false;
  private at = INPUT;
  private cell: number[] | null = null;
  private real = new Map<number, Box[]>();
  private free = new Map<number, Box[]>();
  private reachable = new Map<string, [number, number][] | null>();
  private due = 0;
  private saving: ReturnType<typeof setTimeout> | undefined;
  private image: HTMLImageElement | null = null;
  private readonly column: Column;
  private readonly mine: MapView;
  private readonly theirs: MapView;
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
    });
    this.mine = new MapView(parts["mine"]!, {
      point: (cell) => {
        if (cell && !this.pinned) this.move(cell);
      },
      pick: (cell) => {
        this.pinned = !this.pinned || !same(cell, this.unit.slice(-cell.length));
        this.move(cell);
      },
      key: (event) => {
        const unit = moved(event, this.unit, this.data.layers[this.layer]!.map!);
        if (!unit) return;
        this.pinned = true;
        this.cell = null;
        this.move(unit);
      },
    });
    this.theirs = new MapView(parts["theirs"]!, {
      point: (cell) => this.point(cell),
      pick: (cell) => this.point(cell),
      key: (event) => {
        const size = this.sizeOf(this.at);
        const cell = event.key === "Escape" ? null : moved(event, this.cell ?? this.middle(), size);
        if (cell || event.key === "Escape") this.point(cell);
      },
    });
    this.controls(element);
    this.restore();
    this.link.listen(() => this.restore());
  }

  private controls(element: HTMLElement): void {
    const { parts, data } = this;
    parts["path"]!.addEventListener("input", () => {
      this.look(this.path()[Number((parts["path"] as HTMLInputElement).value)] ?? INPUT);
    });
    parts["every"]!.addEventListener("change", () => this.rows());
    parts["beyond"]!.addEventListener("change", () => this.update());
    parts["maps"]!.classList.toggle("net-sequence", data.space.length === 1);
    parts["slice"]!.parentElement!.hidden = data.space.length < 3;
    parts["slice"]!.addEventListener("input", () => {
      this.unit[0] = Number((parts["slice"] as HTMLInputElement).value);
      this.update();
    });
    parts["effective"]!.hidden = !data.erf.length;
    parts["effective"]!.addEventListener("click", () => {
      const field = data.erf[0]!;
      [this.layer, this.unit, this.at, this.pinned] = [field.layer, [...field.unit], INPUT, true];
      this.update();
    });
    if (data.image) {
      const image = new Image();
      image.onload = () => {
        this.image = image;
        this.update();
      };
      image.src = data.image;
    }
    new ResizeObserver(() => this.update()).observe(parts["maps"]!);
    new MutationObserver(() => this.update()).observe(element, { attributeFilter: ["data-theme"] });
  }

  /**
   * What is looked at first: the unit of the effective field, else the middle of the last layer whose units read
   * less than half of the input along each axis, or less than all of it.
   */
  private first(): [number, number[]] {
    const { layers, erf, space } = this.data;
    if (erf[0]) return [erf[0].layer, [...erf[0].unit]];
    const local = layers.filter((l) => l.map?.length && l.rf && !l.rf.global && Math.max(...l.map) > 1);
    const small = local.filter((l) => l.rf!.size.every((n, a) => 2 * n <= space[a]!));
    const layer = layers.indexOf(small.at(-1) ?? local.at(-1) ?? layers.at(-1)!);
    return [layer, centre(layers[layer]?.map)];
  }

  // -- what the reader does ------------------------------------------------------------------------------
  private choose(layer: number): void {
    if (layer === this.layer) return;
    const [before, now] = [this.data.layers[this.layer]!.map, this.data.layers[layer]!.map];
    this.unit = (now ?? []).map((n, a) => {
      const part = before ? ((this.unit[a] ?? 0) + 0.5) / (before[a] ?? 1) : 0.5;
      return Math.min(n - 1, Math.floor(part * n));
    });
    this.layer = layer;
    if (this.at >= layer) this.at = INPUT;
    this.cell = null;
    this.pinned = true;
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
    this.cell = cell && [...this.middle().slice(0, -cell.length), ...cell];
    this.update();
  }

  // -- what is shown -------------------------------------------------------------------------------------
  private rows(): void {
    const every = (this.parts["every"] as HTMLInputElement).checked;
    this.column.show(this.data.pictures[every ? "layers" : "blocks"]);
    this.update();
  }

  /** At most once a frame, however many events come. */
  private update(): void {
    this.due ||= requestAnimationFrame(() => {
      this.due = 0;
      this.draw();
    });
  }

  private draw(): void {
    const { data, layer, parts } = this;
    const map = data.layers[layer]?.map ?? null;
    const drawn = !!map?.length && [...map, ...data.space].every((n) => n <= DRAWN);
    const read = (clip: boolean): Map<number, Box[]> =>
      drawn ? reach(data, layer, this.unit, clip) : new Map();
    [this.real, this.free] = [read(true), read(false)];
    if (this.at !== INPUT && !this.free.has(this.at)) this.at = INPUT;
    this.column.light({ read: this.real, layer, at: this.at });
    parts["maps"]!.hidden = parts["reading"]!.hidden = !drawn;
    facts(parts["facts"]!, data, layer, (other) => this.choose(other));
    details(parts["details"]!, data, layer, this.unit);
    if (drawn) this.maps(map);
    clearTimeout(this.saving); // browsers refuse a link that changes with every frame
    this.saving = setTimeout(() => this.save(), LINKED);
  }

  private maps(map: number[]): void {
    const { data, layer, unit, at, parts } = this;
    const real = this.real.get(at) ?? [];
    const free = data.layers[layer]!.rf?.global ? real : (this.free.get(at) ?? []); // what reads all has no more to read
    const cell = this.cell && inside(this.cell, this.sizeOf(at)) ? this.cell : null;
    const units = cell ? fed(data, at, cell, layer) : [];
    const [name, other] = [nameOf(data, layer), nameOf(data, at)];
    parts["mine-title"]!.textContent = `${name}, ${times(map)} units`;
    parts["theirs-title"]!.textContent =
      `${other[0]!.toUpperCase()}${other.slice(1)}, ${times(this.sizeOf(at))} cells`;
    if (at !== INPUT) parts["theirs-title"]!.textContent = `${other}, ${times(this.sizeOf(at))} units`;
    const all = (size: number[]): [number, number][] => size.map((n) => [0, n - 1]);
    this.mine.draw({
      size: map,
      role: "output",
      boxes: units,
      free: null,
      view: all(map),
      cell: unit,
      label: `Map of ${name}, ${times(map)} units. Arrow keys move the unit, a click pins or frees it.`,
    });
    const heat = at === INPUT ? heatOf(data, layer, unit, parts["theirs"]!) : null;
    parts["heat"]!.textContent = heat?.says ?? "";
    const scene: Scene = {
      size: this.sizeOf(at),
      role: at === INPUT ? "input" : "output",
      boxes: real,
      free: bounds(free),
      view: this.view(),
      cell,
      label: readSentence(data, layer, unit, at, real, free),
      image: at === INPUT ? this.image : null,
      heat,
    };
    this.theirs.draw(scene);
    const said = cell ? fedSentence(data, at, cell, layer, units) : scene.label;
    if (parts["said"]!.textContent !== said) parts["said"]!.textContent = said;
    parts["hint"]!.textContent = this.pinned
      ? "Click a unit to pick it; click it again and it follows the pointer."
      : "The unit follows the pointer. Click to pin it.";
    const path = this.path();
    slide(parts["path"]!, path.length - 1, Math.max(0, path.indexOf(at)));
    parts["path"]!.setAttribute("aria-valuetext", other);
    slide(parts["slice"]!, (map.at(-3) ?? 1) - 1, unit.at(-3) ?? 0);
  }

  /** The input and the layers between it and the selected one, as far as they are read. */
  private path(): number[] {
    return [...this.free.keys()].filter((at) => at !== this.layer).sort((a, b) => a - b);
  }

  private sizeOf(at: number): number[] {
    return at === INPUT ? this.data.space : this.data.layers[at]!.map!;
  }

  /** The middle of what is read, or of the map. */
  private middle(): number[] {
    const side = hull(this.real.get(this.at) ?? []);
    if (!side) return centre(this.sizeOf(this.at));
    return side.map((runs) => Math.floor((runs[0]![0] + runs.at(-1)![1]) / 2));
  }

  /** Room for the map and for what units at its corners would read beyond its ends. */
  private view(): [number, number][] {
    const { data, layer, at } = this;
    const size = this.sizeOf(at);
    const every = (this.parts["beyond"] as HTMLInputElement).checked;
    const corners = every
      ? [data.layers[layer]!.map!.map(() => 0), data.layers[layer]!.map!.map((n) => n - 1)]
      : [];
    const reached = corners.map((corner) => {
      const key = `${layer} ${at} ${corner}`;
      if (!this.reachable.has(key)) {
        this.reachable.set(key, bounds(reach(data, layer, corner, false).get(at) ?? []));
      }
      return this.reachable.get(key);
    });
    return size.map((n, a) => [
      Math.min(0, ...reached.map((b) => b?.[a]![0] ?? 0)),
      Math.max(n - 1, ...reached.map((b) => b?.[a]![1] ?? 0)),
    ]);
  }

  // -- the link ------------------------------------------------------------------------------------------
  private save(): void {
    const { data, layer, unit, at } = this;
    const state: Record<string, string> = { layer: data.layers[layer]?.name ?? "", unit: unit.join(",") };
    if (at !== INPUT) state["at"] = data.layers[at]!.name;
    if ((this.parts["every"] as HTMLInputElement).checked) state["rows"] = "layers";
    this.link.write(state);
  }

  private restore(): void {
    const state = this.link.read();
    const { layers } = this.data;
    const layer = layers.findIndex((l) => l.name === state["layer"]);
    if (layer >= 0) {
      const map = layers[layer]!.map;
      const unit = (state["unit"] ?? "").split(",").map(Number);
      [this.layer, this.unit] = [layer, map && inside(unit, map) ? unit : centre(map)];
      const at = layers.findIndex((l) => l.name === state["at"]);
      this.at = at >= 0 && at < layer ? at : INPUT;
    }
    (this.parts["every"] as HTMLInputElement).checked = state["rows"] === "layers";
    this.rows();
  }
}

function slide(slider: HTMLElement, max: number, value: number): void {
  Object.assign(slider, { max: String(max), value: String(value) });
}
