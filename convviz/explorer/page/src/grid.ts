/** A tensor as grids of cells: one for each channel (filter, sample, slice), with its padding around it. */
import type { Cell, Tensor } from "./data";
import { h } from "./dom";
import type { Box } from "./rays";
import { cellsOf, key, product, within } from "./view";
import { number as count } from "./words";

export type Role = "input" | "kernel" | "output";

/** What stands in a cell that has room for so many signs. */
export type Text = (cell: Cell, room: number) => string;

export interface GridOptions {
  role: Role;
  title: string;
  tensor: Tensor;
  /** What each axis is called; the last two lie in the plane. */
  names: string[];
  /** The number that a block carries for its second axis, where that is not its place (channels of a group). */
  number?: (lead: Cell) => number;
  pads?: [number, number][];
  /** The text of a cell: its value, or nothing. */
  text: Text;
  /** What kind of cell it is: a class, or nothing for an ordinary one. */
  kind: (cell: Cell) => string;
}

export interface Handlers {
  point: (role: Role, cell: Cell | null) => void;
  pin: (role: Role, cell: Cell) => void;
}

const STEPS: Record<string, [number, number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

export class Grid {
  readonly element: HTMLElement;
  readonly blocks: HTMLElement[] = [];
  /** Rows and columns of one block, and how many blocks there are. */
  readonly rows: number;
  readonly columns: number;
  readonly lead: number[];
  /** Signs of the longest name above a block. */
  named = 0;
  private readonly cells = new Map<string, HTMLElement>();
  private readonly marked = new Map<HTMLElement, string[]>();
  private readonly panel: HTMLElement;
  private readonly leads: string[] = [];
  /** The first row and column, which lie in the padding where there is some. */
  private readonly corner: [number, number];
  private places: Map<string, Box> | null = null;
  private room = Infinity;
  private longest = 2;
  private written: (cell: Cell, room: number) => [string, string];

  constructor(
    private readonly options: GridOptions,
    handlers: Handlers,
  ) {
    const { role, title, tensor } = options;
    this.written = (cell, room) => [options.text(cell, room), ""];
    const pads = options.pads ?? tensor.shape.map((): [number, number] => [0, 0]);
    const ranges = tensor.shape.map((n, axis) => range(-pads[axis]![0], n + pads[axis]![1]));
    const plane = Math.min(2, ranges.length);
    const lead = ranges.slice(0, ranges.length - plane);
    const [down, across] = plane === 2 ? (ranges.slice(-2) as [number[], number[]]) : [[0], ranges[0]!];
    this.rows = down.length;
    this.columns = across.length;
    this.corner = [down[0] ?? 0, across[0] ?? 0];
    this.lead = lead.map((one) => one.length);
    this.panel = h("div", { class: "op-blocks" });
    for (const at of product(lead)) {
      // With two axes in front, those of the first stand at the head of a run of blocks.
      if (this.run > 1 && at[at.length - 1] === lead[lead.length - 1]![0]) {
        this.panel.append(h("div", { class: "op-head-label" }, this.name(at.slice(0, -1))));
      }
      const block = this.block(at, down, across, plane);
      this.blocks.push(block);
      this.leads.push(key(at));
      this.panel.append(block);
    }
    this.sized([]);
    this.element = h("figure", { class: `op-grid op-${role}` }, h("figcaption", {}, title), this.panel);
    const first = cellsOf(tensor.shape)[0];
    if (first) this.cells.get(key(first))?.setAttribute("tabindex", "0");
    this.listen(handlers);
  }

  private block(lead: Cell, down: number[], across: number[], plane: number): HTMLElement {
    const name = this.name(lead);
    const title = this.options.title;
    const table = h("div", {
      class: "op-table",
      role: "grid",
      "aria-label": name ? `${title}: ${name}` : title,
    });
    table.style.setProperty("--columns", String(across.length));
    for (const i of down) {
      const row = h("div", { role: "row", class: "op-row" });
      for (const j of across) row.append(this.cell(plane === 2 ? [...lead, i, j] : [j]));
      table.append(row);
    }
    const text = this.label(lead);
    this.named = Math.max(this.named, text.length);
    return h("div", { class: "op-block" }, text && h("div", { class: "op-label" }, text), table);
  }

  /** Blocks that belong side by side: those along the last axis in front, where there are several axes. */
  get run(): number {
    const several = this.lead.filter((n) => n > 1).length > 1;
    return several ? this.lead[this.lead.length - 1]! : 1;
  }

  /** What stands above a block: its place along the last axis that has several. */
  private label(lead: Cell): string {
    const axis = this.lead.findLastIndex((n) => n > 1);
    if (axis < 0) return "";
    const number = axis === 1 ? this.options.number : undefined;
    return `${this.options.names[axis]} ${count(number ? number(lead) : lead[axis]!)}`;
  }

  private name(lead: Cell): string {
    return lead.map((i, axis) => `${this.options.names[axis]} ${i}`).join(", ");
  }

  private cell(cell: Cell): HTMLElement {
    const real = within(cell, this.options.tensor.shape);
    const text = this.options.text(cell, this.room);
    const kind = `op-cell ${real ? "" : "op-pad "}${this.options.kind(cell)}`;
    const value = h("span", { class: "op-value" }, text);
    const made = h("div", { role: "gridcell", tabindex: "-1", class: kind }, value);
    const where = this.name(cell);
    made.setAttribute(
      "aria-label",
      `${this.options.role}${real ? "" : ", padding"}, ${where}: ${text || "empty"}`,
    );
    made.dataset["key"] = key(cell);
    this.longest = Math.max(this.longest, text.length);
    this.cells.set(key(cell), made);
    return made;
  }

  private listen({ point, pin }: Handlers): void {
    const { role } = this.options;
    const target = (event: Event): Cell | null => {
      const hit = (event.target as Element).closest<HTMLElement>("[data-key]");
      return hit ? cellOf(hit) : null;
    };
    let over = ""; // a text that is written anew under a pointer at rest is told as a new element, not a new cell
    this.panel.addEventListener("pointerover", (event) => {
      const cell = target(event);
      if (event.pointerType === "touch" || key(cell ?? []) === over) return;
      over = key(cell ?? []);
      point(role, cell);
    });
    this.panel.addEventListener("pointerleave", () => {
      over = "";
      point(role, null);
    });
    this.panel.addEventListener("click", (event) => {
      const cell = target(event);
      if (cell) {
        this.rove(cell);
        pin(role, cell);
      }
    });
    this.panel.addEventListener("keydown", (event) => {
      const cell = target(event);
      const next = cell && this.neighbour(cell, event.key);
      if (!next) return;
      event.preventDefault();
      this.rove(next);
      this.cells.get(key(next))!.focus();
      pin(role, next);
    });
  }

  /** Where an arrow key leads: to the neighbour, or into the next block. */
  private neighbour(cell: Cell, pressed: string): Cell | null {
    const step = STEPS[pressed];
    if (!step) return null;
    const rank = cell.length;
    const next = cell.map((i, axis) => i + (axis === rank - 1 ? step[1] : axis === rank - 2 ? step[0] : 0));
    if (this.cells.has(key(next))) return next;
    const shape = this.options.tensor.shape;
    const axis = rank - 3; // beyond the edge of a block comes the next one
    if (axis < 0) return null;
    const over = step[0] + step[1];
    const wrapped = cell.map((i, a) => {
      if (a === axis) return i + over;
      const moves = (a === rank - 1 && step[1] !== 0) || (a === rank - 2 && step[0] !== 0);
      return moves ? (over > 0 ? 0 : shape[a]! - 1) : i;
    });
    return this.cells.has(key(wrapped)) ? wrapped : null;
  }

  /** The Tab key leads to one cell of the grid. */
  rove(cell: Cell): void {
    this.panel.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
    this.cells.get(key(cell))?.setAttribute("tabindex", "0");
  }

  /** Every cell, those of the padding too. */
  each(visit: (cell: Cell) => void): void {
    for (const element of this.cells.values()) visit(cellOf(element));
  }

  /**
   * Where a cell lies on a stage. The blocks are measured once, until `moved`: to ask the browser at every move of the
   * pointer would make it lay out the page each time.
   */
  box(cell: Cell, stage: HTMLElement): Box | null {
    this.places ??= this.measured(stage);
    const block = this.places.get(key(cell.slice(0, -2)));
    if (!block || !this.cells.has(key(cell))) return null;
    const [row, column] = cell.length > 1 ? [cell[cell.length - 2]!, cell[cell.length - 1]!] : [0, cell[0]!];
    const [wide, high] = [(block.right - block.left) / this.columns, (block.bottom - block.top) / this.rows];
    const left = block.left + (column - this.corner[1]) * wide;
    const top = block.top + (row - this.corner[0]) * high;
    return { left, top, right: left + wide, bottom: top + high };
  }

  /** The panel has another place or size. */
  moved(): void {
    this.places = null;
  }

  private measured(stage: HTMLElement): Map<string, Box> {
    const origin = stage.getBoundingClientRect();
    const [x, y] = [origin.left - stage.scrollLeft, origin.top - stage.scrollTop];
    return new Map(
      this.blocks.map((block, i) => {
        const { left, top, right, bottom } = block.lastElementChild!.getBoundingClientRect();
        return [this.leads[i]!, { left: left - x, top: top - y, right: right - x, bottom: bottom - y }];
      }),
    );
  }

  at(cell: Cell): HTMLElement | undefined {
    return this.cells.get(key(cell));
  }

  /** Adds a class to a cell, and a small text below its value. */
  mark(cell: Cell, name: string, small = ""): void {
    const element = this.at(cell);
    if (!element) return;
    const names = this.marked.get(element);
    if (!names) this.marked.set(element, [name]);
    else if (!names.includes(name)) names.push(name);
    element.classList.add(name);
    if (small) element.dataset["small"] ??= small; // drawn by the style sheet: it is no part of the cell's name
  }

  /** Takes all marks away, or those of some kinds. */
  clear(kinds?: readonly string[]): void {
    for (const [element, names] of this.marked) {
      element.classList.remove(...(kinds ?? names));
      if (element.dataset["small"]) delete element.dataset["small"];
    }
    this.marked.clear();
  }

  /** Cells have room for so many signs: where that is news, they are written again. */
  fitted(room: number): void {
    if (room === this.room) return;
    this.room = room;
    const whole = (value: number | null): boolean => value === null || Number.isInteger(value);
    if (this.options.tensor.values.every(whole)) return;
    this.longest = 2;
    this.write(this.written);
  }

  /** Writes other texts into the real cells; `kind` is a class that tells how far a cell is. */
  write(text: (cell: Cell, room: number) => [string, string]): void {
    this.written = text;
    const texts = [];
    for (const cell of cellsOf(this.options.tensor.shape)) {
      const element = this.at(cell)!;
      const [shown, kind] = text(cell, this.room);
      element.querySelector(".op-value")!.textContent = shown;
      texts.push(shown);
      element.classList.toggle("op-waiting", kind === "waiting");
      element.classList.toggle("op-partly", kind === "partly");
    }
    this.sized(texts);
  }

  /** All numbers of a panel are of one size, which the longest that it has had so far needs. */
  sized(texts: string[]): void {
    this.longest = Math.max(this.longest, ...texts.map((text) => text.length));
    this.panel.style.setProperty("--chars", String(this.longest));
  }
}

function cellOf(element: HTMLElement): Cell {
  return element.dataset["key"]!.split(",").map(Number);
}

export function range(start: number, stop: number): number[] {
  return Array.from({ length: stop - start }, (_, i) => start + i);
}
