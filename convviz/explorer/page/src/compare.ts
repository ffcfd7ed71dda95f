/** The page of a comparison: two arms of runs, so many seeds of each, and what they can be taken for. */
import { chances, chanceWords } from "./compare_chances";
import {
  fixed,
  quoted,
  type Choice,
  type ComparisonData,
  type Experiment,
  type Pair,
  type Size,
} from "./compare_data";
import { gapsPlot, runsPlot } from "./compare_plot";
import { copyButton, h } from "./dom";
import type { Link, State } from "./state";
import { count } from "./words";

export type { ComparisonData } from "./compare_data";

export function mountComparison(element: HTMLElement, data: ComparisonData, link: Link): void {
  new ComparisonPage(element, data, link);
}

class ComparisonPage {
  private readonly knobs = h("div", { class: "cmp-knobs" });
  private readonly facts = h("dl", { class: "op-facts" });
  private readonly about = h("div", { class: "cmp-about" });
  private readonly main = h("div", { class: "op-main" });
  private readonly said = h("section", { class: "cmp-verdict", "aria-live": "polite" });
  private readonly runs = h("section", { class: "op-card cmp-wide" });
  private readonly other = h("section", { class: "op-card cmp-wide" });
  private readonly below = h("section", { class: "op-card op-code" });
  private experiment!: Experiment;
  private arms: [string, string] = ["", ""];
  private n = 1;
  private key = "first";

  constructor(
    element: HTMLElement,
    private readonly data: ComparisonData,
    private readonly link: Link,
  ) {
    element.classList.add("cmp");
    this.main.append(this.said, this.runs, this.other, this.below);
    element.append(
      h("header", { class: "op-head" }, h("h1", {}, data.title), h("p", { class: "op-intro" }, data.about)),
      h(
        "div",
        { class: "op-body" },
        h("aside", { class: "op-aside" }, this.knobs, this.facts, this.about),
        this.main,
      ),
    );
    this.enter(data.experiments[0]!);
    this.follow(link.read());
    link.listen((state) => this.follow(state));
  }

  // -- state ----------------------------------------------------------------------------------------
  /** Another experiment: the pair of its arms whose single runs disagree most. */
  private enter(experiment: Experiment): void {
    this.experiment = experiment;
    this.arms = experiment.pairs[experiment.start]!.arms;
    this.n = 1;
    this.key = "first";
  }

  private follow(state: State): void {
    const named = this.data.experiments.find(({ name }) => name === state["runs"]);
    if (named) this.enter(named);
    const [a, b] = [state["a"] ?? this.arms[0], state["b"] ?? this.arms[1]];
    if (this.pairOf(a, b)) this.arms = [a, b];
    if (state["n"] !== undefined) this.n = Number(state["n"]);
    this.key = state["seeds"] ?? this.key;
    this.draw();
  }

  private pairOf(a: string, b: string): Pair | undefined {
    return this.experiment.pairs.find(({ arms }) => arms.includes(a) && arms.includes(b) && a !== b);
  }

  private get pair(): Pair {
    return this.pairOf(...this.arms)!;
  }

  /** The number of seeds that was asked for, or the nearest there is. */
  private get size(): Size {
    const sizes = [...this.pair.sizes];
    const wanted = Number.isFinite(this.n) ? this.n : 1;
    return sizes.sort((s, t) => Math.abs(s.n - wanted) - Math.abs(t.n - wanted))[0]!;
  }

  private choiceOf(size: Size, key: string): Choice {
    return this.data.store[size.choices[key]!] as Choice;
  }

  private set(change: Partial<{ arms: [string, string]; n: number; key: string }>): void {
    Object.assign(this, change);
    this.draw();
  }

  /** Takes an arm for one side; the other side makes room where it was that arm. */
  private take(side: 0 | 1, arm: string): void {
    const other = this.arms[1 - side]! === arm ? this.arms[side]! : this.arms[1 - side]!;
    this.set({ arms: side === 0 ? [arm, other] : [other, arm] });
  }

  // -- drawing --------------------------------------------------------------------------------------
  private draw(): void {
    const { pair, size } = this;
    this.n = size.n;
    if (!Object.hasOwn(size.choices, this.key)) this.key = "first";
    const choice = this.choiceOf(size, this.key);
    this.drawKnobs(pair, size);
    const { facts, question, cautions } = this.experiment;
    this.facts.replaceChildren(...facts.flatMap(([what, value]) => [h("dt", {}, what), h("dd", {}, value)]));
    this.about.replaceChildren(...[question, ...cautions].filter(Boolean).map((text) => h("p", {}, text)));
    this.said.replaceChildren(...this.verdict(pair, size, choice));
    this.runs.replaceChildren(...this.plots(pair, choice));
    this.other.replaceChildren(
      h("h2", {}, "Had you taken other seeds"),
      h("p", {}, chanceWords(pair, size, this.choiceOf(pair.sizes.at(-1)!, "first"))),
      h(
        "div",
        { class: "cmp-scroll" },
        chances(pair, size, (n) => this.goTo(n)),
      ),
      legend(pair),
    );
    const code = this.experiment.code;
    this.below.replaceChildren(
      h(
        "h2",
        {},
        "All of it in Python",
        copyButton("Python", () => code),
      ),
      h("pre", { tabindex: "0" }, h("code", {}, code)),
    );
    this.link.write(this.state);
  }

  private get state(): State {
    const [a, b] = this.arms;
    const several = this.data.experiments.length > 1 ? { runs: this.experiment.name } : {};
    return { ...several, a, b, n: String(this.n), seeds: this.key };
  }

  private goTo(n: number): void {
    this.set({ n });
    const rows = this.pair.sizes.findIndex((size) => size.n === n);
    this.other.querySelectorAll<HTMLButtonElement>("tbody button")[rows]?.focus();
  }

  private verdict(pair: Pair, size: Size, choice: Choice): HTMLElement[] {
    const [a, b] = pair.arms.map(quoted) as [string, string];
    const gap = choice.difference;
    const looks =
      Math.abs(gap) < 0.00005
        ? `${a} and ${b} come out equal.`
        : `${gap > 0 ? a : b} ${size.n === 1 ? "comes out" : "is on average"} ${fixed(Math.abs(gap))} points higher.`;
    const rows: [string, string][] = [["runs of each arm", String(size.n)]];
    rows.push(["difference", `${fixed(gap, 2, true)} points`]);
    if (choice.interval) {
      rows.push([
        "95 % interval",
        `${fixed(choice.interval[0], 2, true)} to ${fixed(choice.interval[1], 2, true)}`,
      ]);
    }
    rows.push(["p", choice.p === null ? "no test" : `${choice.p} (${choice.test})`]);
    const last = size === pair.sizes.at(-1);
    if (last && pair.holm && pair.family > 1) rows.push([`p by Holm, all ${pair.family} pairs`, pair.holm]);
    const notes = choice.notes.map((index) => h("li", {}, this.data.store[index] as string));
    return [
      h("p", { class: "cmp-looks" }, looks),
      h("p", { class: choice.detected ? "cmp-says cmp-found" : "cmp-says" }, choice.verdict),
      h("dl", { class: "cmp-figures" }, ...rows.map(([what, value]) => figure(what, value))),
      notes.length ? h("ul", { class: "cmp-notes" }, ...notes) : null,
    ].filter((child) => child !== null);
  }

  private plots(pair: Pair, choice: Choice): HTMLElement[] {
    const keys = ([0, 1] as const).map((side) => {
      const sd = choice.sds[side];
      const told = `mean ${fixed(choice.means[side])} %${sd === null ? "" : `, sd ${fixed(sd)}`}`;
      return h("li", { class: side ? "cmp-b" : "cmp-a" }, h("b", {}, pair.arms[side]), ` ${told}`);
    });
    const seeds = choice.rows.map((i) => pair.seeds[i]![0]).join(", ");
    const left = pair.left
      ? ` ${count(pair.left, "run")} without a partner ${pair.left === 1 ? "is" : "are"} left out.`
      : "";
    const about = pair.paired
      ? `Filled: the chosen seeds (${seeds}). A line joins the two runs of a seed.${left}`
      : `Filled: the chosen runs. No seeds are shared: runs have no partners.${left}`;
    return [
      h("h2", {}, "Every run, after the last epoch"),
      h("ul", { class: "cmp-keys" }, ...keys),
      runsPlot(pair, choice),
      h("p", { class: "op-note" }, about),
      h("h2", { class: "cmp-second" }, `${quoted(pair.arms[0])} less ${quoted(pair.arms[1])}, in points`),
      gapsPlot(pair, choice),
      h("p", { class: "op-note" }, gapNote(pair, choice)),
    ];
  }

  // -- knobs ----------------------------------------------------------------------------------------
  private drawKnobs(pair: Pair, size: Size): void {
    if (!this.knobs.children.length) this.makeKnobs();
    const set = (id: string, value: string): void => {
      this.knobs.querySelector<HTMLSelectElement>(`#${id}`)!.value = value;
    };
    const several = this.data.experiments.length > 1;
    if (several) set("cmp-experiment", this.experiment.name);
    ([0, 1] as const).forEach((side) => {
      const select = this.knobs.querySelector<HTMLSelectElement>(`#cmp-arm-${side}`)!;
      select.replaceChildren(...this.experiment.arms.map((arm) => h("option", { value: arm }, arm)));
      select.value = this.arms[side];
    });
    const slider = this.knobs.querySelector<HTMLInputElement>("#cmp-n")!;
    slider.max = String(pair.sizes.length - 1);
    slider.value = String(pair.sizes.indexOf(size));
    slider.disabled = pair.sizes.length < 2;
    slider.setAttribute("aria-valuetext", count(size.n, "seed"));
    this.knobs.querySelector("output")!.textContent = String(size.n);
    const ends = [pair.sizes[0]!.n, pair.sizes.at(-1)!.n];
    this.knobs
      .querySelector(".cmp-ends")!
      .replaceChildren(...ends.slice(0, pair.sizes.length).map((n) => h("span", {}, String(n))));
    this.knobs.querySelector(".cmp-which")!.replaceChildren(...this.which(pair, size));
  }

  private makeKnobs(): void {
    const experiments = this.data.experiments;
    const knob = (label: string, id: string, ...rest: HTMLElement[]): HTMLElement =>
      h("div", { class: "cmp-knob" }, h("label", { for: id }, label), ...rest);
    if (experiments.length > 1) {
      const select = h("select", { id: "cmp-experiment" });
      select.append(...experiments.map(({ name }) => h("option", { value: name }, name)));
      select.addEventListener("change", () => {
        this.enter(experiments[select.selectedIndex]!);
        this.draw();
      });
      this.knobs.append(knob("experiment", select.id, select));
    }
    ([0, 1] as const).forEach((side) => {
      const select = h("select", { id: `cmp-arm-${side}` });
      select.addEventListener("change", () => this.take(side, select.value));
      this.knobs.append(knob(side ? "other arm" : "arm", select.id, select));
    });
    const slider = h("input", { id: "cmp-n", type: "range", min: 0, step: 1 });
    slider.addEventListener("input", () => this.set({ n: this.pair.sizes[Number(slider.value)]!.n }));
    const ticks = h("div", { class: "cmp-ends", "aria-hidden": "true" });
    this.knobs.append(knob("seeds", "cmp-n", h("output", { for: "cmp-n" }), slider, ticks));
    this.knobs.append(h("div", { class: "cmp-which", role: "group", "aria-label": "Which seeds" }));
  }

  /** Buttons for the choices of seeds; those behind the first are leafed through by one. */
  private which(pair: Pair, size: Size): HTMLElement[] {
    const keys = Object.keys(size.choices);
    const others = keys.filter((key) => key.startsWith("other"));
    const next = others[(others.indexOf(this.key) + 1) % others.length];
    const rows: [string, string | undefined][] = [
      [size.n === pair.seeds.length ? "all seeds" : "the first", "first"],
      ["others", next],
      [`best for ${pair.arms[0]}`, keys.find((key) => key === "high")],
      [`best for ${pair.arms[1]}`, keys.find((key) => key === "low")],
    ];
    return rows.flatMap(([label, key], i) => {
      if (key === undefined) return [];
      const on = key === this.key || (i === 1 && others.includes(this.key));
      const button = h("button", { type: "button", "aria-pressed": String(on) }, label);
      button.addEventListener("click", () => {
        this.set({ key });
        this.knobs.querySelectorAll<HTMLButtonElement>(".cmp-which button")[i]?.focus();
      });
      return [button];
    });
  }
}

function figure(what: string, value: string): HTMLElement {
  return h("div", {}, h("dt", {}, what), h("dd", {}, value));
}

function gapNote(pair: Pair, choice: Choice): string {
  const [a, b] = pair.arms.map(quoted) as [string, string];
  const sides = `Left of 0 ${b} is higher, right of it ${a}.`;
  if (!choice.interval) return sides;
  const { low, high } = pair.gapAxis;
  const beyond = choice.interval[0] < low || choice.interval[1] > high;
  return `${sides} Bar: the interval of the mean difference${beyond ? ", which goes on beyond the axis" : ""}.`;
}

function legend(pair: Pair): HTMLElement {
  const names = [pair.arms[0], "neither", pair.arms[1]];
  const items = names.map((name, i) => h("li", { class: ["cmp-a", "cmp-none", "cmp-b"][i]! }, name));
  return h("ul", { class: "cmp-legend" }, ...items);
}
