/** The view of plans: panels in reading order, the steps on a scrubber, and who reads and writes each cell. */
import { cards, facts } from "./cards";
import { h } from "./dom";
import { PlanStage } from "./plan_stage";
import { Story, type PlanData, type PlanState, type Spot } from "./plan_data";
import { ofRead, ofStep, ofWeight } from "./plan_told";
import { Player } from "./player";
import { Settings } from "./settings";
import type { Link } from "./state";

export type { PlanData } from "./plan_data";

const CHIPS = 10; // sections that stand side by side; more of them are a list

export function mountPlan(element: HTMLElement, data: PlanData, link: Link): void {
  new PlanPage(element, data, link);
}

class PlanPage {
  private readonly settings: Settings;
  private readonly player = new Player((step) => this.play(step));
  private readonly title = h("p", { class: "op-headline" });
  private readonly chapters = h("div", { class: "plan-chapters" });
  private readonly place = h("div", { class: "op-place" });
  private readonly told = h("div", { class: "op-explain", "aria-live": "polite" });
  private readonly time = h("div", { class: "plan-time" }, this.chapters, this.player.element, this.told);
  private readonly facts = h("div");
  private readonly below = h("div", { class: "plan-below" });
  private state!: PlanState;
  private story!: Story;
  private stage!: PlanStage;
  /** The cell that was clicked, or null: then the step is shown that the scrubber stands at. */
  private pinned: Spot | null = null;
  private step = 0;
  /** Whether steps beyond the one shown are still to be written. */
  private playing = false;

  constructor(
    element: HTMLElement,
    private readonly data: PlanData,
    private readonly link: Link,
  ) {
    this.settings = new Settings(data, () => this.turned());
    const aside = h("aside", { class: "op-aside" }, this.settings.element, this.facts);
    if (!data.knobs.length) this.settings.element.remove();
    const main = h("div", { class: "op-main" }, h("div", { class: "op-bar" }, this.title), this.place);
    main.append(this.time);
    element.append(
      h("header", { class: "op-head" }, h("h1", {}, data.title), h("p", { class: "op-intro" }, data.about)),
      h("div", { class: "op-body" }, aside, main),
      this.below,
    );
    this.follow(link.read());
    link.listen((state) => this.follow(state));
    const fit = (): void => this.stage.fit(this.place.clientWidth);
    new ResizeObserver(fit).observe(this.place);
    element.addEventListener("layout", fit);
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.letGo();
    });
  }

  /** Shows what a link says. */
  private follow(link: Record<string, string>): void {
    this.settings.take(link);
    const [panel, cell] = (link["at"] ?? "").split(":");
    this.pinned = panel && cell ? { panel, cell } : null;
    this.rebuild();
    const step = Number(link["time"]) - 1;
    if (Number.isInteger(step) && step >= 0 && step < this.story.steps.length) {
      this.playing = true;
      this.step = step;
    } else this.rest();
    this.settle();
    this.show();
  }

  /** The scrubber stands at the step that writes what is pinned. */
  private settle(): void {
    const step = this.pinned && this.story.writer(this.pinned, this.until);
    if (step !== null && (!this.playing || step <= this.step)) this.step = step;
  }

  /** Another setting: as far along, and with the same cell where there is one. */
  private turned(): void {
    const before = { steps: this.story.steps.length, step: this.step };
    this.rebuild();
    const now = this.story.steps.length;
    if (!this.playing) this.rest();
    else if (now !== before.steps)
      this.step = Math.round((before.step * (now - 1)) / Math.max(1, before.steps - 1));
    this.show();
  }

  private rebuild(): void {
    this.player.stop();
    this.state = this.data.states[this.settings.state]!;
    this.story = new Story(this.state, this.data.store);
    this.stage = new PlanStage(this.story, {
      point: (panel, cell) => (cell === null ? this.show(false) : this.light({ panel, cell })),
      pin: (panel, cell) => this.pin({ panel, cell }),
    });
    this.place.replaceChildren(this.stage.element);
    if (this.pinned && !this.stage.has(this.pinned)) this.pinned = null;
    this.title.textContent = this.state.title;
    this.facts.replaceChildren(facts(this.state));
    this.below.replaceChildren(...this.cards());
    this.drawChapters();
    const some = this.story.steps.length > 1;
    this.player.element.hidden = !some;
    this.told.hidden = !this.story.steps.length && !this.stage.grids.length;
    this.stage.fit(this.place.clientWidth);
  }

  /** Formulas and code, of those that there are. */
  private cards(): HTMLElement[] {
    const found = cards(this.data, this.state);
    const { formulas, notes, torch, yaml } = this.state;
    const [first, last] = [found[0]!, found[found.length - 1]!];
    const codes = [...last.children];
    if (!torch) codes[0]?.remove();
    if (!yaml) codes[1]?.remove();
    const kept = [...(formulas.length + notes.length ? [first] : []), ...(torch || yaml ? [last] : [])];
    return kept.length ? [h("div", { class: "op-cards" }, ...kept)] : [];
  }

  // -- chapters -------------------------------------------------------------------------------------------
  private drawChapters(): void {
    const { sections } = this.state;
    this.chapters.hidden = sections.length < 2;
    if (sections.length > CHIPS) {
      const options = sections.map((name, i) => h("option", { value: i }, name));
      const changed = (event: Event): void => this.open(Number((event.target as HTMLSelectElement).value));
      this.chapters.replaceChildren(
        h("label", {}, "Part ", h("select", { change: changed, "aria-label": "Part" }, ...options)),
      );
      return;
    }
    const chips = sections.map((name, i) => h("button", { type: "button", click: () => this.open(i) }, name));
    this.chapters.replaceChildren(...chips);
  }

  private open(section: number): void {
    this.player.stop();
    this.play(this.story.steps.findIndex((step) => step.section === section));
  }

  private markChapter(): void {
    const now = this.story.steps[this.step]?.section ?? 0;
    const list = this.chapters.querySelector("select");
    if (list) list.value = String(now);
    else {
      const chips = [...this.chapters.children] as HTMLElement[];
      chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(i === now)));
      const chip = chips[now];
      if (chip) this.chapters.scrollLeft = chip.offsetLeft - this.chapters.offsetLeft - 40;
    }
  }

  // -- what is shown --------------------------------------------------------------------------------------
  private play(step: number): void {
    this.playing = true;
    this.pinned = null;
    this.step = step;
    this.show();
    this.stage.reveal(step);
  }

  private pin(at: Spot): void {
    this.player.stop();
    this.pinned = at;
    this.settle();
    this.show();
  }

  private letGo(): void {
    this.player.stop();
    this.pinned = null;
    this.rest();
    this.show();
  }

  /** Chooses the step that the data name first; of plans taller than the window an earlier one, which is in sight. */
  private rest(): void {
    this.playing = false;
    const { steps } = this.story;
    const first = (this.step = this.state.first ?? 0);
    for (let part = steps[first]?.section ?? 0; part >= 0; part--) {
      this.show(false); // what is told of a step takes room, too
      if (this.stage.sees(this.step, innerHeight - this.time.offsetHeight)) return;
      const earlier = steps.flatMap((step, i) => (step.section === part - 1 ? [i] : []));
      this.step = earlier[earlier.length >> 1] ?? this.step;
    }
    this.step = first;
  }

  private get until(): number | null {
    return this.playing ? this.step : null;
  }

  /** What is pinned, or else the step. */
  private show(write = true): void {
    this.stage.write(this.until);
    this.stage.pin(this.pinned);
    if (this.pinned) this.light(this.pinned);
    else if (this.story.steps.length) {
      this.stage.step(this.step);
      this.told.replaceChildren(...ofStep(this.story, this.step));
    }
    this.markChapter();
    this.player.set(this.story.steps.length, this.step);
    if (write) this.remember();
  }

  /** Lights what belongs to a cell: the step that writes it, or else what it feeds or multiplies. */
  private light(at: Spot): void {
    const story = this.story;
    const writer = story.writer(at, this.until);
    if (writer !== null) {
      this.stage.step(writer, at);
      this.told.replaceChildren(...ofStep(story, writer));
      return;
    }
    const value = this.stage.value(at);
    const joins = story.joins(at);
    if (joins.length) {
      this.stage.weight(at, joins);
      this.told.replaceChildren(...ofWeight(story, at, value, joins));
    } else {
      const pairs = story.feeds(at);
      this.stage.read(at, pairs);
      this.told.replaceChildren(...ofRead(story, at, value, pairs));
    }
  }

  private remember(): void {
    this.link.write({
      ...this.settings.words,
      ...(this.playing ? { time: String(this.step + 1) } : {}),
      ...(this.pinned ? { at: `${this.pinned.panel}:${this.pinned.cell}` } : {}),
    });
  }
}
