/** Sliders and lists that turn the fields of an op, and only ever stand at what is valid. */
import type { OpData } from "./data";
import { h } from "./dom";

export class Settings {
  readonly element = h("div", { class: "op-settings" });
  private at: number[];

  constructor(
    private readonly data: OpData,
    private readonly changed: () => void,
  ) {
    this.at = this.split(data.start);
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

  /** Takes the fields that a link names, where they are valid together. */
  take(words: Record<string, string>): void {
    const wanted = this.data.knobs.map((knob, i) => {
      const found = knob.labels.indexOf(words[knob.field] ?? "");
      return found < 0 ? this.at[i]! : found;
    });
    if (this.valid(wanted)) this.at = wanted;
    this.draw();
  }

  private valid(at: number[]): boolean {
    return this.data.settings[this.join(at)] !== null;
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

  /** The values that a knob can take while the others stay. */
  private possible(knob: number): number[] {
    return this.data.knobs[knob]!.labels.map((_, value) => value).filter((value) =>
      this.valid(this.at.with(knob, value)),
    );
  }

  private turn(knob: number, wanted: number): void {
    const near = this.possible(knob).sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))[0];
    if (near !== undefined) this.at[knob] = near;
    this.draw();
    this.changed();
  }

  /** Draws the knobs anew, in place where they are there: one that is being dragged must stay. */
  private draw(): void {
    this.data.knobs.forEach((knob, i) => {
      const row = this.element.children[i] ?? this.element.appendChild(this.row(i));
      const possible = this.possible(i);
      const value = row.querySelector("output");
      if (value) value.textContent = knob.labels[this.at[i]!]!;
      const control = row.querySelector<HTMLInputElement | HTMLSelectElement>("input, select")!;
      control.value = String(this.at[i]);
      control.disabled = possible.length < 2;
      if (knob.slider) control.setAttribute("aria-valuetext", knob.labels[this.at[i]!]!);
      row.querySelectorAll<HTMLElement>("[data-value]").forEach((mark) => {
        const off = !possible.includes(Number(mark.dataset["value"]));
        mark.classList.toggle("op-off", off);
        if (mark instanceof HTMLOptionElement) mark.disabled = off;
      });
    });
  }

  private row(i: number): HTMLElement {
    const knob = this.data.knobs[i]!;
    const id = `op-${knob.field}`;
    const turned = (event: Event): void => this.turn(i, Number((event.target as HTMLInputElement).value));
    if (!knob.slider) {
      const options = knob.labels.map((text, v) => h("option", { value: v, "data-value": v }, text));
      const select = h("select", { id, change: turned }, ...options);
      return h("div", { class: "op-knob" }, h("label", { for: id }, knob.label), select);
    }
    const marks = knob.labels.map((text, v) => h("span", { "data-value": v }, text));
    const slider = h("input", {
      id,
      type: "range",
      min: 0,
      max: knob.labels.length - 1,
      step: 1,
      input: turned,
    });
    return h(
      "div",
      { class: "op-knob" },
      h("label", { for: id }, knob.label),
      h("output", { for: id }),
      slider,
      h("div", { class: "op-ticks", "aria-hidden": "true" }, ...marks),
    );
  }
}
