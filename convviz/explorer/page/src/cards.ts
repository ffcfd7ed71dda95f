/** What stands below the grids: sizes and costs as formulas, how often each cell is met, code to copy. */
import { formulaOf, type Cell, type Overlap, type Setting, type Tensor } from "./data";
import { copyButton, h } from "./dom";
import { cellsOf, key } from "./view";
import { count, place } from "./words";

/** What is told of a cell of space that is pointed at. */
export interface Touch {
  point: (role: "input" | "output", cell: Cell | null) => void;
  pin: (role: "input" | "output", cell: Cell) => void;
}

export function facts(setting: Pick<Setting, "facts">): HTMLElement {
  const rows = setting.facts.flatMap(([what, value]) => [h("dt", {}, what), h("dd", {}, value)]);
  return h("dl", { class: "op-facts" }, ...rows);
}

export function cards(data: { store: unknown[] }, setting: Setting, touch?: Touch): HTMLElement[] {
  const found = [];
  if (setting.formulas.length || setting.notes.length) found.push(formulas(data.store, setting));
  if (setting.overlap) found.push(overlap(data.store, setting.overlap, touch));
  found.push(
    h("div", { class: "op-column" }, code("PyTorch", setting.torch), code("model.yaml", setting.yaml)),
  );
  return found;
}

function card(title: string, ...children: (Node | string)[]): HTMLElement {
  return h("section", { class: "op-card" }, h("h2", {}, title), ...children);
}

function formulas(store: unknown[], setting: Setting): HTMLElement {
  const rows = setting.formulas.map((index) => {
    const { about, symbols, numbers, result, note } = formulaOf(store, index);
    return h(
      "li",
      {},
      h("div", { class: "op-about" }, about),
      h("span", { class: "op-symbols" }, `${symbols} `),
      h(
        "span",
        { class: "op-numbers" },
        `= ${numbers}`,
        numbers === result ? null : h("b", {}, ` = ${result}`),
      ),
      note ? h("div", { class: "op-note" }, note) : null,
    );
  });
  const notes = setting.notes.map((index) => h("p", { class: "op-note" }, store[index] as string));
  return card("Sizes and costs", h("ul", { class: "op-formulas" }, ...rows), ...notes);
}

// -- overlap ----------------------------------------------------------------------------------------
const MANY = 16; // columns with no room for numbers: pointing tells them
const UNITS = { input: "read", output: "product" };

/** How often each cell is met, as a map that can be pointed at. */
function overlap(store: unknown[], found: Overlap, touch?: Touch): HTMLElement {
  const counts = store[found.counts] as Tensor;
  const most = Math.max(1, ...counts.values.map(Number));
  const columns = counts.shape[counts.shape.length - 1]!;
  const rows = counts.shape.length > 1 ? counts.shape[counts.shape.length - 2]! : 1;
  const maps = h("div", { class: `op-heats op-heat-${found.role}` });
  const told = h("p", { class: "op-note op-heat-told", "aria-live": "polite" }, found.about);
  cellsOf(counts.shape).forEach((cell, i) => {
    const value = Number(counts.values[i]);
    if (i % (columns * rows) === 0) {
      const slice = counts.shape.length > 2 ? `slice ${cell[0]}` : "";
      const label = `How often each cell of the ${found.role} is met${slice && `, ${slice}`}`;
      const map = h("div", { class: "op-heat", role: "img", "aria-label": label });
      map.style.setProperty("--columns", String(columns));
      map.classList.toggle("op-heat-many", columns > MANY);
      maps.append(h("div", {}, slice && h("div", { class: "op-label" }, slice), map));
    }
    const dot = h("span", { "data-at": key(cell) }, String(value));
    dot.style.setProperty("--part", String(value / most));
    maps.lastElementChild!.lastElementChild!.append(dot);
  });
  const target = (event: Event): HTMLElement | null => (event.target as Element).closest("[data-at]");
  const point = (hit: HTMLElement | null): void => {
    const cell = hit?.dataset["at"]!.split(",").map(Number) ?? null;
    const met = hit && cell && count(Number(hit.textContent), UNITS[found.role]);
    told.textContent = cell ? `${found.role} ${place(cell)}: ${met}` : found.about;
    touch?.point(found.role, cell);
  };
  maps.addEventListener("pointerover", (event) => point(target(event)));
  maps.addEventListener("pointerleave", () => point(null));
  maps.addEventListener("click", (event) => {
    const cell = target(event)?.dataset["at"]!.split(",").map(Number);
    if (cell) touch?.pin(found.role, cell);
  });
  const made = card("Overlap", told, maps);
  if (found.phases) made.append(phases(found.phases, found.joint ?? []));
  if (found.cv) {
    const spread = `Spread over the phases (standard deviation over mean): ${found.cv}.`;
    made.append(h("p", { class: "op-note" }, spread));
  }
  return made;
}

/** The products by output phase, away from the border; a table of two axes where there are two. */
function phases(phases: string[][], joint: [number[], string][]): HTMLElement {
  const value = (place: number[]): string => joint.find(([at]) => at.join() === place.join())?.[1] ?? "";
  const head = phases[phases.length - 1]!.map((_, j) => h("th", { scope: "col" }, `phase ${j}`));
  const longest = Math.max(...phases.map((axis) => axis.length));
  while (head.length < longest) head.push(h("th", { scope: "col" }, `phase ${head.length}`));
  const row = (name: string, values: string[]): HTMLElement =>
    h("tr", {}, h("th", { scope: "row" }, name), ...values.map((text) => h("td", {}, text)));
  const rows =
    phases.length === 2
      ? phases[0]!.map((_, i) =>
          row(
            `phase ${i}`,
            phases[1]!.map((_, j) => value([i, j])),
          ),
        )
      : phases.map((values, axis) => row(phases.length > 1 ? `axis ${axis}` : "products", values));
  return h(
    "table",
    { class: "op-phases" },
    h("caption", {}, "Products by phase, away from the border"),
    h("thead", {}, h("tr", {}, h("td", {}), ...head)),
    h("tbody", {}, ...rows),
  );
}

// -- code -------------------------------------------------------------------------------------------
function code(title: string, text: string): HTMLElement {
  const made = card(title, h("pre", { tabindex: "0" }, h("code", {}, text)));
  made.classList.add("op-code");
  made.querySelector("h2")!.append(copyButton(title, () => text));
  return made;
}
