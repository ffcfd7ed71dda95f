/** What stands below the grids: sizes and costs as formulas, the overlap of a transposed convolution, code to copy. */
import type { Formula, OpData, Overlap, Setting, Tensor } from "./data";
import { copyButton, h } from "./dom";

export function facts(setting: Setting): HTMLElement {
  const rows = setting.facts.flatMap(([what, value]) => [h("dt", {}, what), h("dd", {}, value)]);
  return h("dl", { class: "op-facts" }, ...rows);
}

export function cards(data: OpData, setting: Setting): HTMLElement[] {
  const found = [formulas(data, setting)];
  if (setting.overlap) found.push(overlap(data, setting.overlap));
  found.push(
    h("div", { class: "op-column" }, code("PyTorch", setting.torch), code("model.yaml", setting.yaml)),
  );
  return found;
}

function card(title: string, ...children: (Node | string)[]): HTMLElement {
  return h("section", { class: "op-card" }, h("h2", {}, title), ...children);
}

function formulas(data: OpData, setting: Setting): HTMLElement {
  const rows = setting.formulas.map((index) => {
    const { about, symbols, numbers, result, note } = data.store[index] as Formula;
    return h(
      "li",
      {},
      h("div", { class: "op-about" }, about),
      h("div", { class: "op-symbols" }, symbols),
      h(
        "div",
        { class: "op-numbers" },
        `= ${numbers}`,
        numbers === result ? null : h("b", {}, ` = ${result}`),
      ),
      note ? h("div", { class: "op-note" }, note) : null,
    );
  });
  const notes = setting.notes.map((index) => h("p", { class: "op-note" }, data.store[index] as string));
  return card("Sizes and costs", h("ul", { class: "op-formulas" }, ...rows), ...notes);
}

// -- overlap ----------------------------------------------------------------------------------------
const VERDICTS: Record<string, string> = {
  uniform: "Every output adds up equally many products: no checkerboard.",
  uneven: "Neighbouring outputs add up different numbers of products: a checkerboard.",
  dead: "Some outputs get no product at all: holes with nothing but the bias.",
};

function overlap(data: OpData, found: Overlap): HTMLElement {
  const counts = data.store[found.counts] as Tensor;
  const columns = counts.shape[counts.shape.length - 1]!;
  const most = Math.max(1, ...counts.values.map(Number));
  const map = h("div", { class: "op-heat", role: "img", "aria-label": `products that reach each output` });
  map.style.setProperty("--columns", String(columns));
  for (const value of counts.values) {
    const cell = h("span", {}, String(value));
    cell.style.setProperty("--part", String(Number(value) / most));
    map.append(cell);
  }
  const about = VERDICTS[found.verdict] ?? "";
  const spread =
    found.cv === null ? "" : ` Spread over the phases (standard deviation over mean): ${found.cv}.`;
  return card("Overlap", h("p", {}, about), map, phases(found), h("p", { class: "op-note" }, spread));
}

/** The products by output phase, away from the border; a table of two axes where there are two. */
function phases({ phases, joint }: Overlap): HTMLElement {
  const value = (place: number[]): string => joint.find(([at]) => at.join() === place.join())?.[1] ?? "";
  const head = phases[phases.length - 1]!.map((_, j) => h("th", { scope: "col" }, `phase ${j}`));
  const rows =
    phases.length === 2
      ? phases[0]!.map((_, i) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, `phase ${i}`),
            ...phases[1]!.map((_, j) => h("td", {}, value([i, j]))),
          ),
        )
      : phases.map((values, axis) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, phases.length > 1 ? `axis ${axis}` : "products"),
            ...values.map((text) => h("td", {}, text)),
          ),
        );
  const corner = h("td", {});
  const caption = h("caption", {}, "Products by phase, away from the border");
  return h(
    "table",
    { class: "op-phases" },
    caption,
    h("thead", {}, h("tr", {}, corner, ...head)),
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
