/** The effective field of the units that have one: a picture over the input, and what is said of it. */
import { h } from "./dom";
import type { Effective, NetData } from "./net_data";
import type { Heat } from "./net_map";
import { colours } from "./net_pen";
import { nameOf, percent, times } from "./net_words";

/** The field of a unit, else null. */
export function fieldOf(data: NetData, layer: number, unit: readonly number[]): Effective | null {
  return data.erf.find((e) => e.layer === layer && e.unit.every((u, a) => u === unit[a])) ?? null;
}

/** Pictures in the colours of the page; each is asked for once it is looked at. */
export class Pictures {
  private readonly loaded = new Map<Effective, HTMLImageElement>();
  private readonly made = new Map<Effective, { colour: string; picture: HTMLCanvasElement }>();

  /** ready: called when a picture can be drawn that could not be yet. */
  constructor(private readonly ready: () => void) {}

  /** What to draw of a field; null until its picture is there. */
  heat(field: Effective, place: Element): Heat | null {
    const { origin, shape, box } = field;
    let image = this.loaded.get(field);
    if (!image) {
      image = new Image();
      image.onload = this.ready;
      image.src = field.picture;
      this.loaded.set(field, image);
    }
    if (!image.complete) return null;
    const colour = colours(place)("--active-edge");
    let known = this.made.get(field);
    if (known?.colour !== colour) {
      known = { colour, picture: tinted(image, shape, colour) };
      this.made.set(field, known);
    }
    return { picture: known.picture, origin, shape, box };
  }
}

/** One colour, as dense as the picture is bright. */
function tinted(image: HTMLImageElement, shape: number[], colour: string): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = shape as [number, number];
  const pen = canvas.getContext("2d", { willReadFrequently: true })!;
  pen.drawImage(image, 0, 0);
  const bright = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  pen.fillStyle = colour;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < bright.length; at += 4) pixels.data[at + 3] = bright[at]!;
  pen.putImageData(pixels, 0, 0);
  return canvas;
}

/** What the colours mean; or where else there is an effective field, with a button that goes there. */
export function legend(
  into: HTMLElement,
  data: NetData,
  layer: number,
  unit: readonly number[],
  go: (field: Effective) => void,
): void {
  const field = fieldOf(data, layer, unit);
  const here = data.erf.find((e) => e.layer === layer);
  const key = field ? `${layer} field` : `${layer} none`;
  if (!data.erf.length || into.dataset["shows"] === key) return;
  into.dataset["shows"] = key;
  if (field) {
    const [few, many] = field.measured ? ["no gradient", "largest"] : ["no path", "most paths"];
    into.replaceChildren(
      h("span", { class: "net-scale" }, few, h("i", { class: "net-ramp" }), many),
      h("span", {}, h("i", { class: "net-box" }), ` 95 % of it lies in ${times(sides(field))} cells: `),
      h("b", {}, `${percent(field.part)} of the theoretical ${times(field.size)}.`),
      h("p", {}, field.about),
    );
    return;
  }
  const next =
    here ?? data.erf.reduce((a, b) => (Math.abs(b.layer - layer) < Math.abs(a.layer - layer) ? b : a));
  const where = `unit (${next.unit.join(", ")}) of ${here ? "this layer" : nameOf(data, next.layer)}`;
  const button = h("button", { type: "button", click: () => go(next) }, "Show it");
  into.replaceChildren(
    h("span", {}, `The effective field was computed for ${where}${here ? "" : ", not for this layer"}. `),
    button,
  );
}

const sides = (field: Effective): number[] => field.box.map(([lo, hi]) => hi - lo + 1);
