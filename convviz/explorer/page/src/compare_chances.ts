/** What other seeds would have said: of all choices of so many, how many lie either way, and how many a test calls. */
import { quoted, type Choice, type Pair, type Size, type Split } from "./compare_data";
import { h } from "./dom";
import { count } from "./words";

/** A row for each number of seeds; a click on one goes there. */
export function chances(pair: Pair, now: Size, go: (n: number) => void): HTMLElement {
  const rows = pair.sizes.map((size) => {
    const button = h(
      "button",
      { type: "button", "aria-label": `Look at ${count(size.n, "seed")}` },
      String(size.n),
    );
    button.addEventListener("click", () => go(size.n));
    const row = h(
      "tr",
      {},
      h("th", { scope: "row" }, button),
      h("td", { class: "cmp-of" }, size.counted.toLocaleString("en-US")),
      h("td", {}, split(pair, size.higher, ["is higher", "equal"])),
      h("td", {}, split(pair, size.found, ["detected", "none"])),
    );
    if (size === now) row.setAttribute("aria-current", "true");
    return row;
  });
  const head = ["seeds", "choices", "whose mean is higher", "what the test detects"];
  return h(
    "table",
    { class: "cmp-chances" },
    h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, ...rows),
  );
}

/** The same of one number of seeds, in sentences. */
export function chanceWords(pair: Pair, size: Size, all: Choice): string {
  const [a, b] = pair.arms.map(quoted) as [string, string];
  const seeds = count(size.n, "seed");
  if (size === pair.sizes.at(-1)) {
    return size.n === 1
      ? "There is one run of each, and none to take instead: another seed may turn the order round."
      : `These are all ${seeds}. Fewer of them can be chosen in several ways, which need not agree.`;
  }
  const every = size.counted.toLocaleString("en-US") === size.of;
  const whole = every
    ? `Of all ${count(size.counted, "choice")} of ${seeds}`
    : `Of ${count(size.counted, "choice")} of ${seeds}, drawn from ${size.of}`;
  const [higher, equal, lower] = size.higher;
  const called = size.found[0] + size.found[2];
  const test = called === size.counted ? "every one" : called === 0 ? "none" : String(called);
  return (
    `${whole}, ${higher} put ${a} ahead and ${lower} ${b}${equal ? `, ${equal} neither` : ""}. ` +
    `The test detects a difference in ${test}. ${verdictOfAll(pair, size, all)}`
  );
}

/** How the choices look beside all runs there are. */
function verdictOfAll(pair: Pair, size: Size, all: Choice): string {
  const seeds = `All ${pair.seeds.length} together`;
  if (!all.detected) {
    return `${seeds} detect none: whoever called one arm better by its mean said more than these runs can bear.`;
  }
  const [winner, against] =
    all.difference > 0 ? [pair.arms[0], size.higher[2]] : [pair.arms[1], size.higher[0]];
  const missed = size.found[1];
  return (
    `${seeds} find ${quoted(winner)} higher: ${against || "none"} of these choices put the other one ahead, ` +
    `and ${missed || "none"} cannot tell.`
  );
}

function split(pair: Pair, parts: Split, [word, neither]: [string, string]): HTMLElement {
  const total = parts.reduce((sum, part) => sum + part, 0);
  const names = [`${pair.arms[0]} ${word}`, neither, `${pair.arms[1]} ${word}`];
  const told = parts.flatMap((part, i) => (part ? [`${names[i]}: ${part}`] : [])).join(", ");
  const made = h("div", {
    class: "cmp-split",
    role: "img",
    "aria-label": `${told} of ${total}`,
    title: told,
  });
  parts.forEach((part, i) => {
    if (!part) return;
    const piece = h("span", { class: ["cmp-a", "cmp-none", "cmp-b"][i]! }, h("b", {}, String(part)));
    piece.style.flexGrow = String(part);
    made.append(piece);
  });
  return made;
}
