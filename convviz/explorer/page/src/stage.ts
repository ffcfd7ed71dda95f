/** The grids of a view side by side, and the marks on them. */
import type { Cell, Tensor } from "./data";
import { h } from "./dom";
import { Grid, range, type Handlers, type Role } from "./grid";
import { Rays, union, type Box } from "./rays";
import { at, key, product, within, type Pair, type Read, type View } from "./view";
import { number, short } from "./words";

const SPACE: Record<number, string[]> = {
  1: ["position"],
  2: ["row", "column"],
  3: ["slice", "row", "column"],
};
const SIGNS: Record<string, string> = { dot: "∗", max: "", mean: "", copy: "", norm: "" };

export class Stage {
  readonly element = h("div", { class: "op-stage" });
  readonly grids: Grid[];
  private readonly input: Grid;
  private readonly kernel: Grid | null;
  private readonly output: Grid;
  private readonly rays = new Rays();
  private last: () => void = () => undefined;
  private until: number | null = null; // what the output shows

  constructor(
    private readonly view: View,
    handlers: Handlers,
  ) {
    const { raw, kernel } = view;
    this.input = new Grid(
      {
        role: "input",
        title: raw.input.title,
        tensor: view.input,
        names: names(view.input, raw.how === "norm" ? ["sample", "channel"] : ["channel"]),
        pads: raw.input.pads,
        text: (cell, room) => this.inputText(cell, room),
        kind: (cell) => `${view.unused(cell) ? "op-unused " : ""}${view.stuffed(cell) ? "op-stuffed" : ""}`,
      },
      handlers,
    );
    this.kernel =
      kernel &&
      new Grid(
        {
          role: "kernel",
          title: raw.kernel!.title,
          tensor: kernel,
          names: names(kernel, raw.kernel!.order === "filters" ? ["filter", "channel"] : ["input", "output"]),
          number: ([first, second]) => raw.kernel!.channels[first!]![second!]!,
          text: (cell, room) => short(at(kernel, cell), room),
          kind: () => "",
        },
        handlers,
      );
    this.output = new Grid(
      {
        role: "output",
        title: raw.output.title,
        tensor: view.output,
        names: names(view.output, raw.how === "norm" ? ["sample", "channel"] : ["channel"]),
        ...(raw.output.pads ? { pads: raw.output.pads } : {}),
        text: (cell, room) => (within(cell, view.output.shape) ? short(at(view.output, cell), room) : ""),
        kind: () => "",
      },
      handlers,
    );
    this.grids = [this.input, ...(this.kernel ? [this.kernel] : []), this.output];
    const sign = (text: string): HTMLElement => h("span", { class: "op-sign", "aria-hidden": "true" }, text);
    this.element.classList.toggle("op-two", !this.kernel);
    this.element.append(this.rays.element, this.input.element);
    if (this.kernel) this.element.append(sign(SIGNS[raw.how]!), this.kernel.element);
    this.element.append(sign(this.kernel ? "=" : "→"), this.output.element);
  }

  private inputText(cell: Cell, room: number): string {
    const value = this.view.value(cell);
    return value === null ? "" : short(value, room);
  }

  /** Marks what belongs to a cell; `until` is the last step that has been played. */
  show(role: Role, cell: Cell, until: number | null): void {
    for (const grid of this.grids) grid.clear();
    this.progress(until);
    if (role === "output" || this.view.raw.how === "norm") this.ofOutput(cell);
    else if (role === "input") this.ofInput(cell);
    else this.ofWeight(cell);
  }

  pin(role: Role, cell: Cell): void {
    this.element.querySelector(".op-pinned")?.classList.remove("op-pinned");
    this[role]?.at(cell)?.classList.add("op-pinned");
  }

  /** The rays again, after the panels have moved. */
  redraw(): void {
    for (const grid of this.grids) grid.moved();
    this.last();
  }

  private draw(from: Cell[], to: Cell[]): void {
    this.last = () => {
      const blocks = new Map<string, Cell[]>();
      for (const cell of from) push(blocks, key(cell.slice(0, -2)), cell);
      const many = blocks.size > 4 ? [] : [...blocks.values()];
      const boxes = many.map((cells) => this.around(this.input, cells)).filter((box) => box !== null);
      this.rays.join(boxes, this.around(this.output, to));
    };
    this.last();
  }

  /** The cells that are joined come in order, so that the first and the last are corners of a box around them. */
  private around(grid: Grid, cells: Cell[]): Box | null {
    const drawn = cells.filter((cell, i) => (i === 0 || i === cells.length - 1) && grid.at(cell));
    return drawn.length ? union(drawn.map((cell) => grid.box(cell, this.element)!)) : null;
  }

  // -- marks ----------------------------------------------------------------------------------------
  private ofOutput(cell: Cell): void {
    const norm = this.view.raw.how === "norm";
    const reads = this.view.reads(cell);
    const result = at(this.view.output, cell);
    let won = false;
    for (const read of reads) {
      const counts = read.value !== null;
      this.input.mark(read.cell, norm ? "op-shared" : counts ? "op-read" : "op-hole", this.factor(read));
      if (counts && this.view.raw.how === "max" && read.value === result && !won) {
        this.input.mark(read.cell, "op-winner");
        won = true;
      }
      if (read.weight) this.kernel!.mark(read.weight, "op-used");
    }
    if (norm) this.input.mark(cell, "op-read");
    else this.holes(reads);
    this.output.mark(cell, "op-written");
    const seen = norm ? [] : reads.filter((read) => read.value !== null).map((read) => read.cell);
    this.draw(seen, [cell]);
  }

  private ofInput(cell: Cell): void {
    const pairs = this.view.feeds(cell);
    this.input.mark(cell, "op-read");
    this.pairs(pairs);
    this.draw(
      [cell],
      pairs.map((pair) => pair.out),
    );
  }

  private ofWeight(weight: Cell): void {
    const pairs = this.view.joined(weight);
    this.kernel!.mark(weight, "op-used");
    for (const pair of pairs) this.input.mark(pair.cell, "op-read");
    this.pairs(pairs);
    this.draw([], []);
  }

  private pairs(pairs: Pair[]): void {
    for (const pair of pairs) {
      this.output.mark(pair.out, "op-fed");
      if (pair.weight) this.kernel!.mark(pair.weight, "op-used");
    }
    const scattered = this.view.raw.key === "scatter" && pairs.length > 0;
    if (scattered) for (const pair of pairs) this.output.mark(pair.out, "op-fed", this.factor(pair));
  }

  /** The cells that a dilated window jumps over. */
  private holes(reads: Read[]): void {
    const read = new Set(reads.map((one) => key(one.cell)));
    const planes = new Map<number, Cell[]>();
    for (const { cell } of reads) push(planes, cell[0]!, cell);
    for (const cells of planes.values()) {
      const axes = cells[0]!.map((_, axis) => cells.map((cell) => cell[axis]!));
      const box = axes.map((values) => range(Math.min(...values), Math.max(...values) + 1));
      if (box.reduce((many, axis) => many * axis.length, 1) === cells.length) continue;
      for (const cell of product(box)) if (!read.has(key(cell))) this.input.mark(cell, "op-hole");
    }
  }

  /** The weight that multiplies a cell, as the small number below it. */
  private factor(read: Read): string {
    return read.weight && read.value !== null ? `×${number(at(this.view.kernel!, read.weight))}` : "";
  }

  // -- time -----------------------------------------------------------------------------------------
  /** What has been written after a step; scattered sums are shown when the last product has arrived. */
  private progress(until: number | null): void {
    if (until === this.until) return;
    this.until = until;
    const { view } = this;
    const done = (cell: Cell, room: number): [string, string] => [short(at(view.output, cell), room), ""];
    if (until === null) return this.output.write(done);
    if (view.raw.plays === "output") {
      const written = new Set(
        view
          .played()
          .slice(0, until + 1)
          .map(key),
      );
      return this.output.write((cell, room) => (written.has(key(cell)) ? done(cell, room) : ["", "waiting"]));
    }
    const steps = new Map(view.played().map((cell, i) => [key(cell), i]));
    this.output.write((cell, room) => {
      const arrivals = view.reads(cell).filter((read) => !read.padding);
      const there = arrivals.filter((read) => steps.get(key(read.cell))! <= until).length;
      if (there === arrivals.length) return done(cell, room);
      return there ? [`${there} of ${arrivals.length}`, "partly"] : ["", "waiting"];
    });
  }
}

function push<K, V>(map: Map<K, V[]>, at: K, item: V): void {
  const list = map.get(at);
  if (list) list.push(item);
  else map.set(at, [item]);
}

/** What the axes of a tensor are called: the first ones as given, then space. */
function names(tensor: Tensor, first: string[]): string[] {
  const rank = tensor.shape.length - first.length;
  return [...first, ...(SPACE[rank] ?? tensor.shape.slice(first.length).map((_, i) => `axis ${i}`))];
}
