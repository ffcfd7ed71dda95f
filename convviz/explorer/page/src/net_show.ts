/** What stands beside the column: the layer, its map, what a unit of it reads, and all that is said of that. */
import { type Box, bounds } from "./net_boxes";
import type { Effective, NetData } from "./net_data";
import { fieldOf, legend, Pictures } from "./net_effective";
import { details, numbers, title } from "./net_facts";
import { levels, LevelsView } from "./net_levels";
import { MapView, type MapEvents } from "./net_map";
import { colours } from "./net_pen";
import { fed, INPUT } from "./net_reach";
import { Views } from "./net_views";
import { fedSentence, nameOf, ranges, readSentence, times } from "./net_words";

/** Where the reader looks, and what the unit reads there. */
export interface Seen {
  layer: number;
  unit: number[];
  /** The layer (or the input) whose map is shown beside. */
  at: number;
  pinned: boolean;
  /** A cell of that map. */
  cell: number[] | null;
  real: Map<number, Box[]>;
  free: Map<number, Box[]>;
  zoom: boolean;
  beyond: boolean;
  heated: boolean;
}

interface Events {
  update: () => void;
  choose: (layer: number) => void;
  look: (at: number) => void;
  field: (field: Effective) => void;
  mine: MapEvents;
  theirs: MapEvents;
}

export class Show {
  readonly mine: MapView;
  readonly views: Views;
  /** The input and the layers between it and the selected one, as far as they are read. */
  path: number[] = [];
  private readonly theirs: MapView;
  private readonly levels: LevelsView | null;
  private readonly pictures: Pictures;
  private readonly sequence: boolean;
  private image: HTMLImageElement | null = null;
  /** What the strips between unit and input were drawn of. */
  private between: { real: Map<number, Box[]>; now: string } | null = null;

  constructor(
    private readonly parts: Record<string, HTMLElement>,
    private readonly data: NetData,
    private readonly on: Events,
  ) {
    this.views = new Views(data);
    this.pictures = new Pictures(on.update);
    this.sequence = data.space.length === 1;
    this.mine = new MapView(parts["mine"]!, on.mine, 0.3);
    this.theirs = new MapView(parts["theirs"]!, on.theirs, 0.62);
    this.levels = this.sequence ? new LevelsView(parts["levels"]!, on.look) : null;
    parts["maps"]!.classList.toggle("net-sequence", this.sequence);
    parts["slices"]!.hidden = data.space.length < 3;
    parts["heated"]!.parentElement!.hidden = !data.erf.length;
    void document.fonts.ready.then(() => {
      this.between = null; // names on the strips were drawn in another font
      on.update();
    });
    if (data.image) {
      const image = new Image();
      image.onload = () => {
        this.image = image;
        on.update();
      };
      image.src = data.image;
    }
  }

  draw(seen: Seen): void {
    const { data, parts } = this;
    const { layer, unit } = seen;
    const drawn = !!data.layers[layer]?.map?.length;
    parts["own"]!.hidden = parts["hero"]!.hidden = parts["said"]!.hidden = !drawn;
    title(parts["title"]!, data, layer, this.on.choose);
    numbers(parts["numbers"]!, data, layer);
    details(parts["details"]!, data, layer, unit);
    if (drawn) this.maps(seen, data.layers[layer]!.map!);
  }

  private maps(seen: Seen, map: number[]): void {
    const { data, parts } = this;
    const { layer, unit, at, cell } = seen;
    const real = seen.real.get(at) ?? [];
    // What reads all has no more to read.
    const free = data.layers[layer]!.rf?.global ? real : (seen.free.get(at) ?? []);
    const units = cell ? fed(data, at, cell, layer) : [];
    this.own(seen, map, units);
    const field = at === INPUT && seen.heated ? fieldOf(data, layer, unit) : null;
    const size = this.views.sizeOf(at);
    const reach = bounds(free);
    const read = readSentence(data, layer, unit, at, real, free);
    const view = seen.zoom ? this.views.near(at, reach) : this.views.whole(layer, at, seen.beyond);
    this.theirs.draw({
      size,
      role: at === INPUT ? "input" : "output",
      boxes: real,
      free: reach,
      view,
      cell,
      label: read,
      image: at === INPUT ? this.image : null,
      heat: field && this.pictures.heat(field, parts["theirs"]!),
    });
    const now = `${view} ${at} ${colours(parts["theirs"]!)("--paper")} ${innerWidth} ${devicePixelRatio}`;
    if (this.levels && (this.between?.real !== seen.real || this.between.now !== now)) {
      this.between = { real: seen.real, now };
      const shown = levels(data, seen.real);
      const sight = at === INPUT ? view[0]! : this.sight(seen);
      const label = `What the unit reads in ${shown.length} layers on the way to the input`;
      this.levels.draw(data, shown, sight, at, label);
    }
    const past = reach !== null && String(reach) !== String(bounds(real));
    this.tell(seen, view, cell ? fedSentence(data, at, cell, layer, units) : read, past);
  }

  /** The part of the input that is in sight, where another map is looked at. */
  private sight({ layer, free, zoom, beyond }: Seen): [number, number] {
    if (zoom) return this.views.near(INPUT, bounds(free.get(INPUT) ?? []))[0]!;
    return this.views.whole(layer, INPUT, beyond)[0]!;
  }

  /** The map of the layer itself, with its unit, and the units that a cell reaches. */
  private own({ layer, unit, pinned }: Seen, map: number[], units: Box[]): void {
    const { parts, data } = this;
    const name = nameOf(data, layer);
    write(parts["mine-title"]!, `Unit of ${times(map)}`);
    this.mine.draw({
      size: map,
      role: "output",
      boxes: units,
      free: null,
      view: map.map((n) => [0, n - 1]),
      cell: unit,
      label: `Map of ${name}, ${times(map)} units. Arrow keys move the unit, Enter or a click pins it, Escape frees it.`,
    });
    const hint = pinned ? "Pinned. A click on it frees it." : "Point at a unit. A click pins it.";
    write(parts["hint"]!, hint);
    write(parts["slicing"]!, `Slice ${unit.at(-3) ?? 0}`);
    slide(parts["slice"]!, (map.at(-3) ?? 1) - 1, unit.at(-3) ?? 0);
  }

  private tell(seen: Seen, view: [number, number][], said: string, past: boolean): void {
    const { parts, data } = this;
    const { layer, unit, at, heated } = seen;
    const other = nameOf(data, at);
    const size = this.views.sizeOf(at);
    const kind = `${at === INPUT ? "cell" : "unit"}${size.every((n) => n === 1) ? "" : "s"}`;
    const part = seen.zoom ? `, ${ranges(inSight(view, size))}` : "";
    write(parts["theirs-title"]!, `What it reads of ${other}, ${times(size)} ${kind}${part}`);
    write(parts["said"]!, said);
    const dashed = past ? " Dashed: what the unit would read if no map had an end." : "";
    const behind = size.length > 2 ? " Slices lie behind each other: what is read of any is lit." : "";
    write(parts["told"]!, `Point at a cell: the units that it reaches light up.${behind}${dashed}`);
    parts["heat"]!.hidden = !data.erf.length || at !== INPUT || !heated;
    legend(parts["heat"]!, data, layer, unit, this.on.field);
    this.path = [...seen.free.keys()].filter((i) => i !== layer).sort((a, b) => a - b);
    slide(parts["path"]!, this.path.length - 1, Math.max(0, this.path.indexOf(at)));
    if (parts["path"]!.getAttribute("aria-valuetext") !== other)
      parts["path"]!.setAttribute("aria-valuetext", other);
  }
}

function inSight(view: [number, number][], size: number[]): [number, number][] {
  return view.map(([lo, hi], a) => [Math.max(0, lo), Math.min(hi, size[a]! - 1)]);
}

/** Text that is the same stays untouched: nothing is laid out again. */
function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function slide(slider: HTMLElement, max: number, value: number): void {
  const input = slider as HTMLInputElement;
  if (input.max !== String(max)) input.max = String(max);
  if (input.value !== String(value)) input.value = String(value);
}
