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

/** What the colours mean, and the units that have an effective field, to go to; or where else there is one. */
export function legend(
  into: HTMLElement,
  data: NetData,
  layer: number,
  unit: readonly number[],
  go: (field: Effective) => void,
): void {
  const field = fieldOf(data, layer, unit);
  const key = `${layer} ${field ? field.unit : "none"}`;
  if (!data.erf.length || into.dataset["shows"] === key) return;
  into.dataset["shows"] = key;
  const here = data.erf.filter((e) => e.layer === layer);
  into.replaceChildren();
  if (here.length > (field ? 1 : 0)) into.append(choice(here, field, go));
  if (field) into.append(...meaning(field));
  if (here.length) return;
  const far = (e: Effective): number => Math.abs(e.layer - layer) + (e.middle ? 0 : 0.5);
  const next = data.erf.reduce((a, b) => (far(b) < far(a) ? b : a));
  const where = nameOf(data, next.layer);
  into.append(
    h("span", {}, `No effective field was computed for this layer; the nearest is that of ${where}. `),
    h("button", { type: "button", click: () => go(next) }, "Show it"),
  );
}

function meaning(field: Effective): HTMLElement[] {
  const [few, many] = field.measured ? ["no gradient", "largest"] : ["no path", "most paths"];
  const whole = field.middle
    ? `the theoretical ${times(field.size)}`
    : `the ${times(field.size)} within reach`;
  return [
    h("span", { class: "net-scale" }, few, h("i", { class: "net-ramp" }), many),
    h("span", {}, h("i", { class: "net-box" }), ` 95 % of it lies in ${times(sides(field))} cells: `),
    h("b", {}, `${percent(field.part)} of ${whole}.`),
    h("p", {}, field.about),
  ];
}

/** The units of a layer that have one: in the middle, at an edge, in the corner. */
function choice(
  here: readonly Effective[],
  now: Effective | null,
  go: (field: Effective) => void,
): HTMLElement {
  const nav = h("nav", { "aria-label": "Units with an effective field" }, "Effective field of unit");
  for (const field of here) {
    const button = h("button", { type: "button", "aria-pressed": String(field === now) });
    button.textContent = `(${field.unit.join(", ")})`;
    button.addEventListener("click", () => go(field));
    nav.append(button);
  }
  return nav;
}

const sides = (field: Effective): number[] => field.box.map(([lo, hi]) => hi - lo + 1);
