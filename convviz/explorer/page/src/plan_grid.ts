/** A grid of a plan: cells that get their values as the steps are played, and marks on them. */
import type { Cell } from "./data";
import { h } from "./dom";
import { Grid } from "./grid";
import { spot, type GridPanel, type Mark, type Value } from "./plan_data";
import { ravel, within } from "./view";
import { short } from "./words";

export interface Touch {
  point: (panel: string, cell: string | null) => void;
  pin: (panel: string, cell: string) => void;
}

/** The class of a cell for each mark of a step. */
export const MARKS: Record<Mark | "onward", string> = {
  read: "op-read",
  written: "op-written",
  weight: "op-used",
  hole: "op-hole",
  shared: "op-shared",
  fed: "op-fed",
  winner: "op-winner",
  onward: "plan-onward",
};
const AXES: Record<number, string[]> = {
  1: ["position"],
  2: ["row", "column"],
  3: ["channel", "row", "column"],
  4: ["channel", "slice", "row", "column"],
};

export class PlanGrid {
  readonly grid: Grid;
  private readonly cells: Cell[] = [];
  private readonly outside: Map<string, Value>;
  private readonly unused: Set<string>;

  constructor(
    readonly panel: GridPanel,
    private readonly writers: Map<string, number[]>,
    touch: Touch,
    /** Whether a vector stands upright: each cell beside the row of a matrix that it belongs to. */
    private readonly upright = false,
  ) {
    this.outside = new Map(panel.outside);
    this.unused = new Set(panel.unused.split(" "));
    const { shape, pads } = panel;
    this.grid = new Grid(
      {
        role: panel.role,
        title: panel.title,
        tensor: { shape, values: [] }, // texts are written here, with the steps
        names: this.names(),
        pads,
        text: (cell) => this.text(cell, null),
        kind: (cell) =>
          `${this.unused.has(cell.join()) ? "op-unused " : ""}${this.stuffed(cell) ? "op-stuffed" : ""}`,
      },
      {
        point: (_, cell) => touch.point(panel.key, cell && cell.join()),
        pin: (_, cell) => touch.pin(panel.key, cell.join()),
      },
    );
    this.grid.element.classList.add("plan-panel");
    this.grid.element.dataset["panel"] = panel.key;
    this.grid.each((cell) => this.cells.push(cell));
    this.label();
    if (upright) this.raise();
  }

  get rows(): number {
    return this.upright ? this.grid.columns : this.grid.rows;
  }

  get columns(): number {
    return this.upright ? 1 : this.grid.columns;
  }

  private raise(): void {
    const element = this.grid.element;
    element.querySelector<HTMLElement>(".op-table")!.style.setProperty("--columns", "1");
    element.addEventListener(
      "keydown",
      (event) => {
        const along = { ArrowUp: "ArrowLeft", ArrowDown: "ArrowRight" }[event.key];
        if (!along) return;
        event.preventDefault();
        event.stopPropagation();
        event.target!.dispatchEvent(new KeyboardEvent("keydown", { key: along, bubbles: true }));
      },
      true,
    );
  }

  private names(): string[] {
    const { shape, batched } = this.panel;
    if (batched) return ["sample", "channel", ...(AXES[shape.length - 2] ?? [])].slice(0, shape.length);
    return AXES[shape.length] ?? shape.map((_, axis) => `axis ${axis}`);
  }

  /** Puts the names of the channels where they are not plain numbers: above their blocks, or below their cells. */
  private label(): void {
    const { channels, shape, batched } = this.panel;
    if (!channels.length || batched) return;
    if (shape.length > 2) {
      this.grid.blocks.forEach((block, i) => {
        const text = channels[i];
        if (text === undefined) return;
        const label = block.querySelector(".op-label") ?? h("div", { class: "op-label" });
        label.textContent = text;
        block.prepend(label);
        block.querySelector(".op-table")!.setAttribute("aria-label", `${this.panel.title}: ${text}`);
      });
      return;
    }
    for (const cell of this.cells) {
      const name = channels[cell[0]!];
      const element = this.grid.at(cell)!;
      if (name !== undefined) element.dataset["name"] = shape.length === 1 ? name : `${name}, ${cell[1]}`;
    }
    if (shape.length !== 1) return;
    const names = channels.map((name) => h("span", {}, name));
    this.grid.blocks[0]!.append(h("div", { class: "plan-names", "aria-hidden": "true" }, ...names));
    this.grid.element.classList.toggle("plan-named", true);
  }

  /** Whether a cell is one of the zeros between the real ones. */
  private stuffed(cell: Cell): boolean {
    return cell.some((i, axis) => i % this.panel.stuffed[axis]! !== 0);
  }

  value(cell: Cell, written: Map<string, Value> | null): Value | undefined {
    const key = cell.join();
    const later = written?.get(spot(this.panel.key, key));
    if (later !== undefined) return later;
    if (within(cell, this.panel.shape)) {
      return this.panel.values ? this.panel.values[ravel(cell, this.panel.shape)]! : undefined;
    }
    if (this.outside.has(key)) return this.outside.get(key)!;
    return this.writers.has(spot(this.panel.key, key)) ? undefined : 0; // padding is zeros
  }

  private text(cell: Cell, written: Map<string, Value> | null): string {
    const value = this.value(cell, written);
    if (value === undefined || value === null) return "";
    return typeof value === "string" ? value : short(value);
  }

  /** Shows what has been written. */
  write(written: Map<string, Value>): void {
    const texts = [];
    for (const cell of this.cells) {
      const element = this.grid.at(cell)!;
      const text = this.text(cell, written);
      element.querySelector(".op-value")!.textContent = text;
      texts.push(text);
      const name = spot(this.panel.key, cell.join());
      element.classList.toggle("op-waiting", this.writers.has(name) && !written.has(name));
      const told = element.getAttribute("aria-label")!.replace(/: [^:]*$/, "");
      const called = element.dataset["name"];
      element.setAttribute(
        "aria-label",
        `${called ? `${this.panel.short}, ${called}` : told}: ${text || "empty"}`,
      );
    }
    this.grid.sized(texts);
  }

  mark(cell: string, mark: Mark | "onward", small = ""): void {
    this.grid.mark(cell.split(",").map(Number), MARKS[mark], small);
  }

  clear(): void {
    this.grid.clear(Object.values(MARKS));
  }

  at(cell: string): HTMLElement | undefined {
    return this.grid.at(cell.split(",").map(Number));
  }
}
