/** The panels of a plan in reading order, and the marks on their cells. */
import { h } from "./dom";
import {
  spot,
  type AnyPanel,
  type GridPanel,
  type Pair,
  type Spot,
  type Story,
  type Value,
} from "./plan_data";
import { fitPlan } from "./plan_fit";
import { PlanGrid, type Touch } from "./plan_grid";
import { CurveFigure, matrix, table, told } from "./plan_panels";
import { Rays } from "./rays";

const RAYS = 4; // panels and blocks from which rays start: more of them are a tangle

export class PlanStage {
  readonly element = h("div", { class: "op-stage plan-stage" });
  readonly grids: PlanGrid[] = [];
  private readonly byKey = new Map<string, PlanGrid>();
  private readonly curves: CurveFigure[] = [];
  private readonly rays = new Rays();
  private written = new Map<string, Value>();
  private last: () => void = () => undefined;

  constructor(
    private readonly story: Story,
    touch: Touch,
  ) {
    this.element.append(this.rays.element);
    // What is told in one go has its grids side by side, so that a step is seen whole; tables come after them.
    const apart = story.panels.some((panel) => panel.apart);
    const last = (panel: AnyPanel): boolean => panel.type === "table" && !apart;
    const panels = [...story.panels.filter((panel) => !last(panel)), ...story.panels.filter(last)];
    panels.forEach((panel, i) => {
      // A telling of its own begins a row, but for single panels, which stand beside each other.
      const alone = panels[i + 1]?.apart ?? true;
      if (panel.apart && !alone) this.element.append(h("div", { class: "plan-break" }));
      this.element.append(this.draw(panel, touch));
    });
  }

  private draw(panel: AnyPanel, touch: Touch): HTMLElement {
    if (panel.type === "table") return table(panel);
    if (panel.type === "matrix") return matrix(panel);
    if (panel.type === "curve") {
      const curve = new CurveFigure(panel);
      this.curves.push(curve);
      return curve.element;
    }
    const made = new PlanGrid(panel, this.story.writers, touch, this.upright(panel));
    this.grids.push(made);
    this.byKey.set(panel.key, made);
    return made.grid.element;
  }

  /** Biases stand beside the rows of the matrix that they are added to. */
  private upright({ role, shape }: GridPanel): boolean {
    if (role !== "kernel" || shape.length !== 1 || shape[0] === 1) return false;
    return this.story.panels.some(
      (other) =>
        other.type === "grid" &&
        other.role === role &&
        other.shape.length === 2 &&
        other.shape[0] === shape[0],
    );
  }

  has({ panel, cell }: Spot): boolean {
    return this.at({ panel, cell }) !== undefined;
  }

  private at({ panel, cell }: Spot): HTMLElement | undefined {
    return /^-?\d+(,-?\d+)*$/.test(cell) ? this.byKey.get(panel)?.at(cell) : undefined;
  }

  value({ panel, cell }: Spot): Value {
    return this.byKey.get(panel)?.value(cell.split(",").map(Number), this.written) ?? null;
  }

  fit(width: number): void {
    if (width) fitPlan(this.grids, this.element, width, Math.max(300, Math.min(620, innerHeight - 330)));
    this.last();
  }

  /** Shows the values after a step; null: all. */
  write(until: number | null): void {
    this.written = this.story.values(until);
    for (const grid of this.grids) grid.write(this.written);
  }

  pin(at: Spot | null): void {
    this.element.querySelector(".op-pinned")?.classList.remove("op-pinned");
    if (at) this.at(at)?.classList.add("op-pinned");
  }

  private clear(): void {
    for (const grid of this.grids) grid.clear();
    for (const curve of this.curves) curve.show(null);
    for (const row of this.element.querySelectorAll(".plan-row")) row.classList.remove("plan-row");
  }

  // -- marks ----------------------------------------------------------------------------------------------
  /** A step; `about` is the one of its cells that is pointed at. */
  step(index: number, about: Spot | null = null): void {
    this.clear();
    const step = this.story.steps[index]!;
    const joins = step.joins.filter(([, , , , , , , to]) => !about || !to || to === about.cell);
    const many = about !== null && joins.length < step.joins.length;
    const from: Spot[] = [];
    if (many) {
      // of a step that writes several cells only what the one is made of
      for (const [panel, cell, , kernel, weight] of joins) {
        this.byKey.get(panel)?.mark(cell, "read");
        from.push({ panel, cell });
        if (kernel && weight !== undefined) this.byKey.get(kernel)?.mark(weight, "weight");
      }
      this.byKey.get(about.panel)?.mark(about.cell, "written");
    } else {
      for (const [panel, mark, cells] of step.marks) {
        for (const cell of cells.split(" ")) {
          this.byKey.get(panel)?.mark(cell, mark);
          if (mark === "read") from.push({ panel, cell });
        }
      }
    }
    for (const [panel, cell, , kernel, , factor] of joins) {
      const times = kernel ? (factor ?? 0) : (factor ?? null);
      if (times !== null) this.byKey.get(panel)?.mark(cell, "read", `×${told(times)}`);
    }
    const to = many ? [about] : step.writes.map(([panel, cell]) => ({ panel, cell }));
    for (const { cell } of to.length === 1 ? to : []) {
      this.element.querySelector(`[data-row="${CSS.escape(cell)}"]`)?.classList.add("plan-row");
    }
    const [first] = joins;
    if (joins.length === 1 && to.length === 1 && first) {
      const end = step.writes.find(([, cell]) => cell === to[0]!.cell)!;
      for (const curve of this.curves) curve.show([first[2], end[2]]);
    }
    this.cast(from, to);
  }

  /** Scrolls until the cell that a step writes is in sight. */
  reveal(index: number): void {
    const [first] = this.story.steps[index]?.writes ?? [];
    if (first)
      this.at({ panel: first[0], cell: first[1] })?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Whether the cell that a step writes lies within so many pixels from the top of the page. */
  sees(index: number, height: number): boolean {
    const [first] = this.story.steps[index]?.writes ?? [];
    const cell = first && this.at({ panel: first[0], cell: first[1] });
    const page = this.element.closest(".cv");
    if (!cell || !page) return true;
    return cell.getBoundingClientRect().bottom - page.getBoundingClientRect().top <= height;
  }

  /** A cell and all that it feeds. */
  read(at: Spot, pairs: Pair[]): void {
    this.clear();
    const direct = new Set(pairs.map((pair) => spot(pair.to.panel, pair.to.cell)));
    for (const far of this.story.reached(at)) {
      const [panel, cell] = halves(far);
      if (!direct.has(far)) this.byKey.get(panel)?.mark(cell, "onward");
    }
    this.byKey.get(at.panel)?.mark(at.cell, "read");
    this.join(pairs);
    this.cast(
      [at],
      [...direct].map((name) => ({ panel: halves(name)[0], cell: halves(name)[1] })),
    );
  }

  /** A weight and all pairs that it joins. */
  weight(at: Spot, pairs: Pair[]): void {
    this.clear();
    this.byKey.get(at.panel)?.mark(at.cell, "weight");
    for (const { from, weight } of pairs) if (weight) this.byKey.get(from.panel)?.mark(from.cell, "read");
    this.join(pairs);
    this.cast([], []);
  }

  private join(pairs: Pair[]): void {
    for (const { to, weight } of pairs) {
      this.byKey.get(to.panel)?.mark(to.cell, "fed");
      if (weight) this.byKey.get(weight.panel)?.mark(weight.cell, "weight");
    }
  }

  /** Rays from what is read to what is written, where nothing stands between them. */
  private cast(from: Spot[], to: Spot[]): void {
    this.last = () => {
      const ends = to.map((one) => this.at(one)).filter((element) => element !== undefined);
      const sources = new Map<Element, HTMLElement[]>();
      for (const element of from.map((one) => this.at(one))) {
        const block = element && blockOf(element);
        if (block) sources.set(block, [...(sources.get(block) ?? []), element]);
      }
      const targets = new Set(ends.map(blockOf));
      const [target] = targets;
      const clear =
        targets.size === 1 &&
        sources.size <= RAYS &&
        [...sources.keys()].every((block) =>
          this.open(block, target!, new Set([...sources.keys(), target!])),
        );
      this.rays.draw(this.element, clear ? [...sources.values()] : [], ends);
    };
    this.last();
  }

  /** Whether two blocks stand beside or below each other, with at most a kernel, or others of `ends`, between them. */
  private open(from: Element, to: Element, ends: Set<Element>): boolean {
    const [a, b] = [from.getBoundingClientRect(), to.getBoundingClientRect()];
    const beside = a.right <= b.left && a.top < b.bottom && b.top < a.bottom;
    const below = a.bottom <= b.top && a.left < b.right && b.left < a.right;
    if (!beside && !below) return false;
    const [left, right] = beside ? [a.right, b.left] : [Math.min(a.left, b.left), Math.max(a.right, b.right)];
    const [top, bottom] = beside ? [Math.min(a.top, b.top), Math.max(a.bottom, b.bottom)] : [a.bottom, b.top];
    const others = this.element.querySelectorAll(".op-block, .plan-panel:not(.op-grid)");
    return [...others].every((other) => {
      if (ends.has(other) || (beside && other.closest(".op-kernel"))) return true;
      const c = other.getBoundingClientRect();
      return c.right <= left || c.left >= right || c.bottom <= top || c.top >= bottom;
    });
  }
}

/** The block of cells that a cell stands in. */
function blockOf(cell: Element): Element {
  return cell.closest(".op-block")!;
}

function halves(name: string): [string, string] {
  const at = name.lastIndexOf(":");
  return [name.slice(0, at), name.slice(at + 1)];
}
