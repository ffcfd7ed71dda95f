/** Sliders and lists that turn the fields of an op, and only ever stand at what is valid. */
import type { Turning } from "./data";
import { h } from "./dom";

export class Settings {
  readonly element = h("div", { class: "op-settings" });
  private readonly rows: HTMLElement[];
  private readonly told = h("p", { class: "op-moved", role: "status" });
  /** All settings that there are, each as the values of the knobs by their numbers. */
  private readonly all: number[][];
  private at: number[];

  constructor(
    private readonly data: Turning,
    private readonly changed: () => void,
  ) {
    const states = Object.entries(data.settings) as [string, number | null][];
    this.all = states.filter(([, state]) => state !== null).map(([place]) => this.split(Number(place)));
    this.at = this.split(data.start);
    this.rows = data.knobs.map((_, i) => this.row(i));
    this.element.append(...this.rows, this.told);
    this.draw();
  }

  /** The state that the knobs stand at. */
  get state(): number {
    return this.data.settings[this.join(this.at)]!;
  }

  /** Each field as the link has it. */
  get words(): Record<string, string> {
    return Object.fromEntries(this.data.knobs.map((knob, i) => [knob.field, knob.labels[this.at[i]!]!]));
  }

  /** Takes the fields that a link names, as far as they go together; what it does not name goes along. */
  take(words: Record<string, string>): void {
    const named = this.data.knobs.map((knob) => knob.labels.indexOf(words[knob.field] ?? ""));
    const wanted = named.map((value, i) => (value < 0 ? this.at[i]! : value));
    let found = this.valid(wanted) ? wanted : this.at;
    if (found !== wanted) {
      let kept = named.map(() => -1);
      named.forEach((value, i) => {
        const more = kept.with(i, value);
        const at = value < 0 ? undefined : this.nearest(more);
        if (at) [kept, found] = [more, at];
      });
    }
    this.at = found;
    this.told.textContent = "";
    this.draw();
  }

  private valid(at: number[]): boolean {
    return (this.data.settings[this.join(at)] ?? null) !== null;
  }

  /** Whether no such op can be; other settings are just not on this page. */
  private invalid(at: number[]): boolean {
    const place = this.join(at);
    return this.data.settings[place] === null || this.data.refused?.[place] !== undefined;
  }

  private join(at: number[]): number {
    return at.reduce((sum, value, i) => sum * this.data.knobs[i]!.labels.length + value, 0);
  }

  private split(index: number): number[] {
    const at: number[] = [];
    for (const knob of [...this.data.knobs].reverse()) {
      at.unshift(index % knob.labels.length);
      index = Math.floor(index / knob.labels.length);
    }
    return at;
  }

  /** The setting that has these values (-1: any) and moves the fewest other knobs, and those the least. */
  private nearest(named: number[]): number[] | undefined {
    let best: number[] | undefined;
    let least = Infinity;
    for (const at of this.all) {
      if (named.some((value, i) => value >= 0 && at[i] !== value)) continue;
      let moved = 0;
      at.forEach((value, i) => {
        if (named[i]! < 0 && value !== this.at[i]) moved += 100 + Math.abs(value - this.at[i]!);
      });
      if (moved < least) [best, least] = [at, moved];
    }
    return best;
  }

  /** The values that a knob can take while the others stay. */
  private possible(knob: number): number[] {
    return this.data.knobs[knob]!.labels.map((_, value) => value).filter((value) =>
      this.valid(this.at.with(knob, value)),
    );
  }

  /** Turns a knob: to what was wanted if that can be, taking others along; else as near to it as can be. */
  private turn(knob: number, wanted: number): void {
    const before = this.at;
    const asked = before.with(knob, wanted);
    const along = this.valid(asked)
      ? asked
      : this.invalid(asked)
        ? undefined
        : this.nearest(before.map((_, i) => (i === knob ? wanted : -1)));
    if (along) {
      this.at = along;
      this.told.textContent = this.moved(knob, before);
    } else {
      const ahead = Math.sign(wanted - before[knob]!);
      const far = (value: number): number => Math.abs(value - wanted) - (value - wanted) * ahead * 0.1;
      const near = this.possible(knob).sort((a, b) => far(a) - far(b))[0];
      if (near !== undefined) this.at = before.with(knob, near);
      this.told.textContent = this.reason(asked);
    }
    this.draw();
    this.changed();
  }

  /** What went along when a knob was turned. */
  private moved(knob: number, before: number[]): string {
    const others = this.data.knobs.flatMap(({ label, labels }, i) =>
      i !== knob && this.at[i] !== before[i] ? [`${label} ${labels[this.at[i]!]}`] : [],
    );
    return others.length ? `Moved along: ${others.join(", ")}.` : "";
  }

  /** Why a setting cannot be. */
  private reason(at: number[]): string {
    const text = this.data.refused?.[this.join(at)];
    return text === undefined ? "" : `Not possible: ${this.data.store[text] as string}.`;
  }

  /** Draws the knobs as they stand. */
  private draw(): void {
    this.data.knobs.forEach((knob, i) => {
      const row = this.rows[i]!;
      const label = knob.labels[this.at[i]!]!;
      const value = row.querySelector("output");
      if (value) value.textContent = label;
      const control = row.querySelector<HTMLInputElement | HTMLSelectElement>("input, select")!;
      control.value = String(this.at[i]);
      if (knob.slider) control.setAttribute("aria-valuetext", label);
      row.querySelectorAll<HTMLOptionElement>("option").forEach((option, v) => {
        option.disabled = this.invalid(this.at.with(i, v));
      });
    });
  }

  private row(i: number): HTMLElement {
    const knob = this.data.knobs[i]!;
    const id = `op-${knob.field}`;
    const turned = (event: Event): void => this.turn(i, Number((event.target as HTMLInputElement).value));
    const label = h("label", { for: id }, knob.label);
    const disabled = knob.labels.length < 2;
    if (!knob.slider) {
      const options = knob.labels.map((text, v) => h("option", { value: v }, text));
      return h("div", { class: "op-knob" }, label, h("select", { id, disabled, change: turned }, ...options));
    }
    const range = { type: "range", min: 0, max: knob.labels.length - 1, step: 1 };
    const slider = h("input", { id, disabled, ...range, input: turned });
    return h("div", { class: "op-knob" }, label, slider, h("output", { for: id }));
  }
}
