/** What is known of one layer: what it does, its shapes, numbers, receptive field and phases. */
import type { Layer, NetData } from "./net_data";
import { axisNames, short, times, whole } from "./net_words";

/** What does not depend on the unit; `choose` is called for another layer of the same row. */
export function facts(
  into: HTMLElement,
  data: NetData,
  index: number,
  choose: (layer: number) => void,
): void {
  const layer = data.layers[index];
  if (!layer || into.dataset["shows"] === layer.name) return;
  into.dataset["shows"] = layer.name;
  const title = element("h2", layer.name);
  title.append(element("small", layer.op.replaceAll("_", " ")));
  into.replaceChildren(title, others(data, index, choose), list(numbers(layer)));
  for (const note of notes(layer)) into.append(element("p", note));
}

/** The layer's fields, and a table of one period of units where not all are alike. */
export function details(into: HTMLElement, data: NetData, index: number, unit: readonly number[]): void {
  const layer = data.layers[index]!;
  const now = layer.phases.map((table, axis) =>
    table === null ? null : unit[axis]! % data.phases[table]!.length,
  );
  const key = `${index} ${now.join()}`;
  if (into.dataset["shows"] === key) return;
  into.dataset["shows"] = key;
  into.replaceChildren();
  const fields = Object.entries(layer.fields);
  if (fields.length) into.append(list(fields.map(([name, value]) => [name, fieldValue(value)])));
  for (const table of new Set(layer.phases.filter((t) => t !== null))) {
    const mine = now.map((phase, axis) => (layer.phases[axis] === table ? phase : null));
    into.append(phases(data.phases[table]!, mine));
  }
}

function list(pairs: [string, string][]): HTMLElement {
  const made = element("dl", "");
  for (const [name, value] of pairs) {
    const pair = element("div", "");
    pair.append(element("dt", name), element("dd", value));
    made.append(pair);
  }
  return made;
}

/** The layers that share a row with this one, to go to. */
function others(data: NetData, index: number, choose: (layer: number) => void): HTMLElement {
  const row = data.pictures.blocks.rows.find((r) => r.layers.includes(index));
  const nav = element("nav", "");
  nav.setAttribute("aria-label", "Layers of this row");
  if (!row || row.layers.length < 2) return nav;
  for (const other of row.layers) {
    const button = element("button", data.layers[other]!.name) as HTMLButtonElement;
    button.type = "button";
    button.setAttribute("aria-pressed", String(other === index));
    button.addEventListener("click", () => choose(other));
    nav.append(button);
  }
  return nav;
}

function numbers(layer: Layer): [string, string][] {
  const { rf } = layer;
  const out: [string, string][] = [
    ["Input", layer.in.map(times).join(", ") || "none"],
    ["Output", times(layer.out)],
    ["Parameters", whole(layer.params)],
    ["MACs", layer.macs < 1e4 ? whole(layer.macs) : `${short(layer.macs)} (${whole(layer.macs)})`],
  ];
  if (!rf?.size.length) return out;
  const size = rf.size.map((n, a) => (rf.min[a] === n ? whole(n) : `${rf.min[a]} to ${n}`)).join(" × ");
  out.push(["Receptive field", rf.global ? `all of the input (${size})` : size]);
  const box = rf.size.reduce((a, b) => a * b, 1);
  if (rf.pixels !== null && !rf.global && rf.pixels < box) {
    out.push(["Cells read", `${whole(rf.pixels)} of ${whole(box)}, with holes`]);
  }
  if (rf.jump.every((j) => j !== null)) out.push(["Jump", both(rf.jump)]);
  if (rf.start.every((s) => s !== null)) out.push(["Starts at", both(rf.start)]);
  if (rf.period.some((p) => p > 1)) out.push(["Phases", both(rf.period.map(String))]);
  return out;
}

function notes(layer: Layer): string[] {
  const { rf } = layer;
  if (!layer.map || !rf) return ["No unit of this layer can be followed back to cells of the input."];
  if (!layer.map.length) return ["The input is a vector: its units have no position."];
  const out = [];
  if (rf.also_global) {
    out.push(
      `Besides, every unit depends on all of the input through ${rf.also_global}; that path is not drawn.`,
    );
  }
  if (rf.global) out.push("Every unit reads all of its input from here on.");
  return out;
}

/** One period of units: how far each one's cells reach, and how many it reads; `now` has the unit's phase by axis. */
function phases(rows: [number, number | null][], now: (number | null)[]): HTMLElement {
  const words = axisNames(now.length);
  const along = words.filter((_, axis) => now[axis] !== null);
  const table = element("table", "");
  table.append(
    element("caption", `Units repeat every ${rows.length} ${along.map((w) => `${w}s`).join(" and ")}.`),
  );
  const head = element("tr", "");
  for (const text of ["Phase", "Span", "Cells read", "This unit"]) {
    const cell = element("th", text);
    cell.setAttribute("scope", "col");
    head.append(cell);
  }
  table.append(head);
  rows.forEach(([span, count], phase) => {
    const row = element("tr", "");
    const mine = words.filter((_, axis) => now[axis] === phase);
    row.className = mine.length ? "net-now" : "";
    for (const text of [String(phase), whole(span), count === null ? "not counted" : whole(count)]) {
      row.append(element("td", text));
    }
    row.append(element("td", mine.length ? `◂ ${mine.join(", ")}` : ""));
    table.append(row);
  });
  return table;
}

function fieldValue(value: unknown): string {
  if (Array.isArray(value)) return new Set(value).size === 1 ? String(value[0]) : value.join("×");
  return String(value);
}

const both = (values: (string | null)[]): string =>
  (new Set(values).size === 1 ? values[0]! : values.join(" × ")).replaceAll("-", "−");

function element(tag: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
