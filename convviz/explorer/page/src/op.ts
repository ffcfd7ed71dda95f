/** The view of an op: input, kernel and output on grids, and what each cell reads and feeds. */
import { cards, facts } from "./cards";
import { opened, type Cell, type OpData, type RawView, type Setting } from "./data";
import { h } from "./dom";
import { explain } from "./explain";
import { fit } from "./fit";
import type { Role } from "./grid";
import { Player } from "./player";
import { Settings } from "./settings";
import { Stage } from "./stage";
import type { Link } from "./state";
import { key, View, within } from "./view";

export type { OpData } from "./data";

export function mountOp(element: HTMLElement, data: OpData, link: Link): void {
  new OpPage(element, data, link);
}

interface Spot {
  role: Role;
  cell: Cell;
}

class OpPage {
  private readonly settings: Settings;
  private readonly player = new Player((step) => this.play(step));
  private readonly title = h("h1", { class: "op-headline" });
  private readonly tabs = h("div", { class: "op-tabs", role: "group", "aria-label": "View" });
  private readonly place = h("div", { class: "op-place" });
  private readonly told = h("div", { class: "op-explain", "aria-live": "polite" });
  private readonly facts = h("div");
  private readonly below = h("div", { class: "op-cards" });
  private setting!: Setting;
  private view!: View;
  private stage!: Stage;
  private chosen = "";
  private pinned: Spot = { role: "output", cell: [] };
  /** The step that was scrubbed to: what comes later is not yet written. Null: everything is. */
  private until: number | null = null;

  constructor(
    element: HTMLElement,
    private readonly data: OpData,
    private readonly link: Link,
  ) {
    this.settings = new Settings(data, () => this.rebuild());
    const aside = h("aside", { class: "op-aside" }, this.settings.element, this.facts);
    if (!data.knobs.length) this.settings.element.remove();
    const cut = data.cut ? h("p", { class: "op-cut" }, data.cut) : null;
    element.append(
      h(
        "header",
        { class: "op-head" },
        h("div", { class: "op-bar" }, this.title, this.tabs),
        ...(cut ? [cut] : []),
        h("p", { class: "op-intro" }, data.about),
      ),
      h(
        "div",
        { class: "op-body" },
        aside,
        h("div", { class: "op-main" }, this.place, this.player.element, this.told),
      ),
      this.below,
    );
    this.follow(link.read());
    link.listen((state) => this.follow(state));
    new ResizeObserver(() => this.fit()).observe(this.place);
    element.addEventListener("layout", () => this.fit());
    // What is said may grow, but what stands below does not jump with every cell.
    new ResizeObserver(() => {
      this.told.style.minHeight = innerWidth > 900 ? `${this.told.offsetHeight}px` : "";
    }).observe(this.told);
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.reset();
    });
  }

  /** Shows what a link says. */
  private follow(state: Record<string, string>): void {
    this.settings.take(state);
    this.chosen = state["view"] ?? this.chosen;
    const [role, cell] = (state["at"] ?? "").split(":");
    if (cell && (role === "input" || role === "kernel" || role === "output")) {
      this.pinned = { role, cell: cell.split(",").map(Number) };
    }
    this.rebuild();
  }

  /** Another setting, or another view: new grids. */
  private rebuild(): void {
    this.player.stop();
    this.told.style.minHeight = "";
    this.setting = opened(this.data, this.settings.state);
    const raw = this.setting.views.find((view) => view.key === this.chosen) ?? this.setting.views[0]!;
    this.view = new View(raw, this.data.store);
    this.until = null;
    this.stage = new Stage(this.view, {
      point: (role, cell) => this.show(cell ? { role, cell } : this.pinned),
      pin: (role, cell) => this.pin({ role, cell }),
    });
    this.place.replaceChildren(this.stage.element);
    this.title.textContent = this.setting.title;
    this.drawTabs(raw);
    const shown = [...this.setting.facts, ...(this.data.layer ?? [])] as [string, string][];
    this.facts.replaceChildren(facts({ facts: shown }));
    this.below.replaceChildren(
      ...cards(this.data, this.setting, {
        point: (role, cell) => this.show(cell ? this.spot(role, cell) : this.pinned),
        pin: (role, cell) => this.pin(this.spot(role, cell)),
      }),
    );
    if (!this.exists(this.pinned)) this.pinned = this.first();
    this.fit();
    this.pin(this.pinned);
  }

  private drawTabs(raw: RawView): void {
    const views = this.setting.views;
    this.tabs.hidden = views.length < 2;
    const buttons = views.map((view) => {
      const pressed = view.key === raw.key;
      const button = h("button", { type: "button", "aria-pressed": String(pressed) }, view.title);
      button.addEventListener("click", () => {
        this.chosen = view.key;
        this.pinned = { role: view.plays, cell: [] };
        this.rebuild();
        this.tabs.querySelectorAll("button")[views.indexOf(view)]!.focus();
      });
      return button;
    });
    this.tabs.replaceChildren(...buttons);
  }

  private fit(): void {
    const height = Math.max(260, Math.min(460, innerHeight - 420));
    fit(this.stage.grids, this.stage.element, this.place.clientWidth, height);
    this.stage.redraw();
  }

  // -- what is pointed at ---------------------------------------------------------------------------
  private exists({ role, cell }: Spot): boolean {
    const tensor = this.view[role];
    return tensor !== null && within(cell, tensor.shape);
  }

  /** The cell in the middle: it shows the most. */
  private first(): Spot {
    const role = this.view.raw.plays;
    return { role, cell: this.view[role].shape.map((n, axis) => (axis ? Math.floor((n - 1) / 2) : 0)) };
  }

  /** A cell of space on the grids of this view: in the first channel, and between the zeros where there are some. */
  private spot(role: "input" | "output", cell: Cell): Spot {
    const steps = role === "input" ? this.view.raw.input.stuffed.slice(1) : [];
    return { role, cell: [0, ...cell.map((i, axis) => i * (steps[axis] ?? 1))] };
  }

  private reset(): void {
    this.until = null;
    this.pin(this.first());
  }

  private show({ role, cell }: Spot): void {
    this.stage.show(role, cell, this.until);
    this.told.replaceChildren(...explain(this.view, role, cell));
  }

  private pin(spot: Spot): void {
    this.pinned = spot;
    const steps = this.view.played();
    const step = steps.findIndex((cell) => key(cell) === key(spot.cell));
    if (spot.role === this.view.raw.plays && step >= 0) {
      if (this.until !== null) this.until = step;
      this.player.set(steps.length, step);
    } else {
      this.player.set(steps.length, Math.min(this.player.step, steps.length - 1));
    }
    this.stage.pin(spot.role, spot.cell);
    this.show(spot);
    this.link.write({
      ...this.settings.words,
      ...(this.setting.views.length > 1 ? { view: this.view.raw.key } : {}),
      at: `${spot.role}:${key(spot.cell)}`,
    });
  }

  private play(step: number): void {
    this.until = step;
    this.pin({ role: this.view.raw.plays, cell: this.view.played()[step]! });
  }
}
