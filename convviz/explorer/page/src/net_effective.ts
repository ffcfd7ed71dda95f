/** The effective receptive field of the unit it was measured for, as a picture over the input. */
import type { Effective, NetData } from "./net_data";
import { colours, plane } from "./net_map";

const made = new WeakMap<Effective, { colour: string; picture: HTMLCanvasElement }>();

/** The picture where this unit has one, else null. */
export function heatOf(
  data: NetData,
  layer: number,
  unit: readonly number[],
  place: Element,
): { picture: HTMLCanvasElement; origin: number[]; says: string } | null {
  const field = data.erf.find((e) => e.layer === layer && e.unit.every((u, a) => u === unit[a]));
  if (!field || field.shape.length > 2) return null;
  const colour = colours(place)("--ink");
  let known = made.get(field);
  if (known?.colour !== colour) {
    known = { colour, picture: paint(field, colour) };
    made.set(field, known);
  }
  const says = field.measured
    ? "Shaded: how much each cell counts for this unit, measured by gradients."
    : "Shaded: over how many paths each cell reaches this unit.";
  return { picture: known.picture, origin: field.origin, says };
}

function paint(field: Effective, colour: string): HTMLCanvasElement {
  const [height, width] = plane(field.shape, 1);
  const lines = field.factors.map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d")!;
  pen.fillStyle = colour;
  pen.fillRect(0, 0, width, height);
  const pixels = pen.getImageData(0, 0, width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      pixels.data[at * 4 + 3] = lines.length > 1 ? (lines[0]![y]! * lines[1]![x]!) / 255 : lines[0]![at]!;
    }
  }
  pen.putImageData(pixels, 0, 0);
  return canvas;
}
