/** What is said of a step, of a cell that is read, and of a weight: sentences, and sums with their terms in colour. */
import { h } from "./dom";
import type { Pair, Spot, Step, Story, Value } from "./plan_data";
import { told } from "./plan_panels";
import { count, inner } from "./words";

const ROLES = ["op-in", "op-weight", "op-out", "op-zero", "op-out plan-result"]; // SPANS of plan_cells.py
const SHOWN = 60; // pairs that are written out

export function ofStep(story: Story, index: number): Node[] {
  const step = story.steps[index]!;
  const found: Node[] = [h("p", { class: "op-sentence" }, step.caption)];
  if (step.sum) found.push(h("p", { class: "op-sum", ...scrolled(step.sum.length > 300) }, ...sum(step)));
  if (step.after) found.push(h("p", {}, step.after));
  return found;
}

/** The sum of a step, its numbers coloured by where they come from. */
function sum({ sum, spans }: Step): (Node | string)[] {
  const found: (Node | string)[] = [];
  let at = 0;
  for (let i = 0; i < spans.length; i += 3) {
    const [start, length, role] = spans.slice(i, i + 3) as [number, number, number];
    if (start > at) found.push(sum.slice(at, start));
    const text = sum.slice(start, start + length);
    found.push(h(role === 4 ? "b" : "span", { class: ROLES[role]! }, text));
    at = start + length;
  }
  if (at < sum.length) found.push(sum.slice(at));
  return found;
}

/** `input (0, 1, 2)` */
export function place(story: Story, { panel, cell }: Spot): string {
  const found = story.panels.find((one) => one.key === panel);
  const names = found?.type === "grid" && found.shape.length === 1 ? found.channels : [];
  const named = names[Number(cell)];
  if (named !== undefined) return `${found!.short}, ${named}`;
  const numbers = cell.replaceAll("-", "−");
  return `${found?.short ?? panel} ${numbers.includes(",") ? `(${numbers.replaceAll(",", ", ")})` : numbers}`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What a cell that is read feeds. */
export function ofRead(story: Story, at: Spot, value: Value, pairs: Pair[]): Node[] {
  const ends = new Set(pairs.map((pair) => `${pair.to.panel}:${pair.to.cell}`)).size;
  const holds = value === null ? "is empty" : `is ${told(value)}`;
  const what = pairs.length ? `and feeds ${count(ends, "cell")}.` : "and no step reads it.";
  return [
    h("p", { class: "op-sentence" }, `${capital(place(story, at))} ${holds} ${what}`),
    list(story, pairs),
  ];
}

export function ofWeight(story: Story, at: Spot, value: Value, pairs: Pair[]): Node[] {
  const many = pairs.some((pair) => pair.weight) ? count(pairs.length, "pair") : count(pairs.length, "cell");
  const what = pairs.some((pair) => pair.weight) ? `it joins ${many}` : `it goes into ${many}`;
  return [
    h("p", { class: "op-sentence" }, `${capital(place(story, at))} is ${told(value)}; ${what}.`),
    list(story, pairs),
  ];
}

/** Each pair with the cell that it goes to. */
function list(story: Story, pairs: Pair[]): HTMLElement {
  const items = pairs.slice(0, SHOWN).map((pair) => {
    const value = h("span", { class: "op-in" }, written(pair.value));
    const factor = pair.factor !== null && h("span", { class: "op-weight" }, written(pair.factor));
    const to = h("span", { class: "op-out" }, place(story, pair.to));
    const parts = pair.value === null ? [] : factor ? [value, "×", factor, " "] : [value, " "];
    return h("li", {}, ...parts, "→ ", to);
  });
  if (pairs.length > SHOWN) items.push(h("li", {}, `… and ${count(pairs.length - SHOWN, "more", "more")}`));
  return h("ul", { class: "op-pairs", ...scrolled(items.length > 20) }, ...items);
}

const written = (value: Value): string => (typeof value === "number" ? inner(value) : told(value));

/** What may have to be scrolled can be reached by the keyboard. */
function scrolled(long: boolean): Record<string, string> {
  return long ? { tabindex: "0" } : {};
}
