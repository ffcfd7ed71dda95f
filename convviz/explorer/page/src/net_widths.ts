/** How wide the numbers of the column are, so that they are never cut and names get what is left. */
import type { NetData, Picture } from "./net_data";
import { fieldText, short } from "./net_words";

const LEAST = { shape: 42, field: 30, params: 44, macs: 34 }; // pixels that the heads take
const SPARE = 3; // pixels between what is long and the number beside it
const MOST = 132; // pixels; what is longer is cut, and its title has it whole
const NARROW: Record<string, number> = { ".": 3.4, " ": 3.4, M: 10.8, G: 9 };
const DIGIT = 7.95; // pixels of a digit, or a cross, at 12 pixels

/** The texts of one row: none where there is nothing to say. */
export interface Numbers {
  shape: string;
  field: string;
  params: string;
  macs: string;
}

export function numbersOf(data: NetData, row: Picture["rows"][number]): Numbers {
  const layer = row.shows === undefined ? null : data.layers[row.shows]!;
  const given = Array.isArray(data.input) ? data.input : (data.input[row.name] ?? []);
  return {
    shape: (layer ? layer.out : given).join("×"),
    field: layer ? fieldText(layer) : "",
    params: row.params ? short(row.params) : "",
    macs: row.macs ? short(row.macs) : "",
  };
}

/** The width of each column of numbers, in pixels. */
export function widthsOf(data: NetData, picture: Picture): Record<keyof Numbers, number> {
  const widths = { ...LEAST };
  for (const row of picture.rows) {
    for (const [name, text] of Object.entries(numbersOf(data, row)) as [keyof Numbers, string][]) {
      widths[name] = Math.min(MOST, Math.max(widths[name], Math.ceil(wide(text)) + SPARE));
    }
  }
  return widths;
}

const wide = (text: string): number => [...text].reduce((sum, sign) => sum + (NARROW[sign] ?? DIGIT), 0);
