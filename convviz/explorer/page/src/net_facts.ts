/** What is known of one layer: what it does, its shapes, numbers, receptive field and phases. */
import { copyButton, h } from "./dom";
import type { Layer, NetData } from "./net_data";
import { INPUT } from "./net_reach";
import { axisNames, named, nameOf, short, times, whole } from "./net_words";

/** Its name and kind, the layers that share its row, to go to, and what is to be known of it. */
export function title(
  into: HTMLElement,
  data: NetData,
  index: number,
  choose: (layer: number) => void,
): void {
  const layer = data.layers[index];
  if (!layer || into.dataset["shows"] === String(index)) return;
  into.dataset["shows"] = String(index);
  const name = element("h2", nameOf(data, index));
  name.append(element("small", layer.op.replaceAll("_", " ")));
  into.replaceChildren(name, others(data, index, choose));
  for (const note of notes(data, layer)) into.append(element("p", note));
}

/** The numbers of a layer, as a list. */
export function numbers(into: HTMLElement, data: NetData, index: number): void {
  const layer = data.layers[index];
  if (!layer || into.dataset["shows"] === String(index)) return;
  into.dataset["shows"] = String(index);
  into.replaceChildren(list(pairs(layer)));
}

/** A table of one period of units where not all are alike, fields, code, and commands that lead on. */
export function details(into: HTMLElement, data: NetData, index: number, unit: readonly number[]): void {
  const layer = data.layers[index];
  if (!layer) return;
  const now = layer.phases.map((table, axis) =>
    table === null ? null : (unit[axis] ?? 0) % data.phases[table]!.length,
  );
  const key = `${index} ${now.join()}`;
  if (into.dataset["shows"] !== key) {
    into.dataset["shows"] = key;
    into.replaceChildren();
    for (const table of new Set(layer.phases.filter((t) => t !== null))) {
      const mine = now.map((phase, axis) => (layer.phases[axis] === table ? phase : null));
      into.append(phases(data.phases[table]!, mine));
    }
    const fields = Object.entries(layer.fields);
    if (fields.length) into.append(list(fields.map(([name, value]) => [name, fieldValue(value)])));
    into.append(code(data, index));
  }
  const command = into.querySelector("[data-unit]");
  if (command) command.textContent = asked(data, index, unit);
}

/** The layer as code, and the commands that show the same numbers or more of it. */
function code(data: NetData, index: number): HTMLElement {
  const layer = data.layers[index]!;
  const { torch, yaml } = data.codes[layer.code]!;
  const made = h("dl", { class: "net-code" });
  const line = (what: string, text: string): HTMLElement => {
    const shown = h("code", {}, text);
    made.append(
      h(
        "div",
        {},
        h("dt", {}, what),
        h(
          "dd",
          {},
          shown,
          copyButton(what, () => shown.textContent ?? ""),
        ),
      ),
    );
    return shown;
  };
  if (torch) line("PyTorch", torch);
  line("model.yaml", yaml);
  if (data.source !== null) {
    if (layer.in.length)
      line("This layer alone", `convviz explore ${data.source} --layer ${quoted(layer.name)}`);
    if (layer.map?.length) line("The same numbers", "").setAttribute("data-unit", "");
    if (layer.map?.length && !data.erf.length)
      line("Effective field", `convviz explore ${data.source} --erf`);
  }
  return made;
}

function asked(data: NetData, index: number, unit: readonly number[]): string {
  const wrt = Array.isArray(data.input) ? "" : ` --wrt ${quoted(data.wrt)}`;
  return `convviz rf ${data.source} --layer ${quoted(data.layers[index]!.name)} --unit ${unit.join(",")}${wrt}`;
}

/** As a shell takes it. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./][\w@%+=:,./-]*$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;

function list(pairs: [string, string][]): HTMLElement {
  const made = element("dl", "");
  for (const [name, value] of pairs) {
    const pair = element("div", "");
    pair.append(element("dt", name), element("dd", value));
    made.append(pair);
  }
  return made;
}

/** The layers that share a row with this one, to go to, without what all their names begin with. */
function others(data: NetData, index: number, choose: (layer: number) => void): HTMLElement {
  const row = data.pictures.blocks.rows.find((r) => r.layers.includes(index));
  const nav = element("nav", "");
  nav.setAttribute("aria-label", "Layers of this row");
  if (!row || row.layers.length < 2) return nav;
  const names = row.layers.map((other) => data.layers[other]!.name);
  const first = names[0]!;
  let same = 0;
  while (same < first.length && names.every((name) => name[same] === first[same])) same++;
  const from = first.lastIndexOf(".", same - 1) + 1;
  row.layers.forEach((other, i) => {
    const button = h("button", { type: "button", title: names[i]!, "aria-pressed": String(other === index) });
    button.textContent = names[i]!.slice(from) || names[i]!;
    button.addEventListener("click", () => choose(other));
    nav.append(button);
  });
  return nav;
}

function inputs({ in: shapes }: Layer): string {
  const texts = [...new Set(shapes.map(times))];
  if (texts.length === 1 && shapes.length > 1) return `${shapes.length} of ${texts[0]}`;
  return texts.join(", ") || "none";
}

function pairs(layer: Layer): [string, string][] {
  const { rf } = layer;
  const out: [string, string][] = [
    ["Input", inputs(layer)],
    ["Output", times(layer.out)],
    ["Parameters", layer.shares === null ? whole(layer.params) : `0: those of ${named(layer.shares)}`],
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

function notes(data: NetData, layer: Layer): string[] {
  const { rf } = layer;
  if (layer.why) return [layer.why];
  if (!layer.map || !rf) return ["No unit of this layer can be followed back to cells of the input."];
  if (!layer.map.length)
    return ["The input is a vector: its units have no position, and each reads all of it."];
  const out = [];
  const input = nameOf(data, INPUT);
  if (rf.also_global) {
    out.push(
      `Every unit also depends on all of ${input} through ${named(rf.also_global)}; that path is not drawn (--with-global follows it).`,
    );
  }
  if (rf.global) out.push(`From here on every unit depends on all of ${input}.`);
  const long = rf.period.filter((p, axis) => p > 1 && layer.phases[axis] === null);
  if (long.length && !rf.global && rf.jump.every((j) => j !== null)) {
    out.push(
      `Its units repeat every ${whole(Math.max(...long))}: too many phases for a table; every unit is drawn as it is.`,
    );
  }
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
  return value === null ? "none" : String(value);
}

const both = (values: (string | null)[]): string =>
  (new Set(values).size === 1 ? values[0]! : values.join(" × ")).replaceAll("-", "−");

function element(tag: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
