/** The scrubber: plays cell after cell. */
import { h } from "./dom";

const BEAT = 650; // milliseconds a cell

export class Player {
  readonly element: HTMLElement;
  private readonly slider = h("input", { type: "range", min: 0, step: 1, value: 0, "aria-label": "Step" });
  private readonly button = h("button", { type: "button", class: "op-play", "aria-label": "Play" }, "▶");
  private readonly told = h("output", { class: "op-told" });
  private timer = 0;

  constructor(private readonly moved: (step: number) => void) {
    this.slider.addEventListener("input", () => {
      this.stop();
      this.go(Number(this.slider.value));
    });
    this.button.addEventListener("click", () => (this.timer ? this.stop() : this.start()));
    this.element = h("div", { class: "op-player" }, this.button, this.slider, this.told);
  }

  /** How many steps there are, and where it stands. */
  set(steps: number, step: number): void {
    this.slider.max = String(steps - 1);
    this.slider.value = String(step);
    this.told.textContent = `${step + 1} of ${steps}`;
  }

  get step(): number {
    return Number(this.slider.value);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = 0;
    this.button.textContent = "▶";
    this.button.setAttribute("aria-label", "Play");
  }

  private start(): void {
    const last = Number(this.slider.max);
    this.go(this.step >= last ? 0 : this.step + 1);
    this.button.textContent = "❚❚";
    this.button.setAttribute("aria-label", "Pause");
    this.timer = window.setInterval(() => {
      if (!this.element.isConnected || this.step >= last) this.stop();
      else this.go(this.step + 1);
    }, BEAT);
  }

  private go(step: number): void {
    this.slider.value = String(step);
    this.told.textContent = `${step + 1} of ${Number(this.slider.max) + 1}`;
    this.moved(step);
  }
}
