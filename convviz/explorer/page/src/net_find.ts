/** Finding layers by name or kind. */
import type { NetData } from "./net_data";

export class Finder {
  private hits: number[] = [];

  constructor(
    private readonly field: HTMLInputElement,
    private readonly found: HTMLElement,
    private readonly data: NetData,
    private readonly on: { now: () => number; choose: (layer: number) => void },
  ) {
    field.addEventListener("input", () => this.search());
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") this.clear();
      else return;
      event.preventDefault();
    });
  }

  /** The layers whose name or kind holds every word. */
  private search(): void {
    const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.hits = [];
    if (words.length) {
      this.data.layers.forEach((layer, i) => {
        const text = `${layer.name} ${layer.op.replaceAll("_", " ")} ${layer.op}`.toLowerCase();
        if (words.every((word) => text.includes(word))) this.hits.push(i);
      });
    }
    const now = this.on.now();
    const next = this.hits.find((hit) => hit >= now) ?? this.hits[0];
    if (next !== undefined) this.on.choose(next);
    this.tell(next);
  }

  private step(by: number): void {
    const { hits } = this;
    if (!hits.length) return;
    const now = this.on.now();
    const at = hits.indexOf(now);
    const to =
      at >= 0
        ? (at + by + hits.length) % hits.length
        : Math.max(
            0,
            hits.findIndex((hit) => hit > now),
          );
    this.on.choose(hits[to]!);
    this.tell(hits[to]);
  }

  private clear(): void {
    this.field.value = "";
    this.search();
  }

  private tell(layer: number | undefined): void {
    const none = this.field.value.trim() ? "None" : "";
    this.found.textContent =
      layer === undefined ? none : `${this.hits.indexOf(layer) + 1} of ${this.hits.length}`;
  }
}
