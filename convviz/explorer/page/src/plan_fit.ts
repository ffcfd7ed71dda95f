/** How large the cells of a plan's panels can be, so that all of them fit into the stage, row below row. */
import type { PlanGrid } from "./plan_grid";

const LARGEST = 46;
const SMALLEST = 36; // numbers of five digits are still 11 points high
const TITLE = { height: 32, width: 110 }; // points of a panel's title, see plan.css
const LABEL = 18; // and of a block's
const GAP = 10; // between blocks
const ACROSS = 36; // between panels
const DOWN = 22;

interface Size {
  width: number;
  height: number;
  /** Blocks side by side. */
  across: number;
}

/** Sets the sizes of the cells of grids; `others` are the sizes of panels that do not change. */
export function fitPlan(grids: PlanGrid[], stage: HTMLElement, width: number, height: number): void {
  let size = LARGEST;
  let sizes = grids.map((grid) => measure(grid, size, width));
  while (size > SMALLEST && !(fits(sizes, width) && rows(sizes, width) <= height)) {
    size -= 1;
    sizes = grids.map((grid) => measure(grid, size, width));
  }
  stage.style.setProperty("--cell", `${size}px`);
  grids.forEach((plan, i) => {
    const { across } = sizes[i]!;
    const runs = plan.grid.run > 1 ? Math.ceil(across / plan.grid.run) : 0;
    plan.grid.element.style.setProperty("--across", String(across + runs));
    plan.grid.element.classList.toggle("plan-over", sizes[i]!.width > width);
  });
}

function measure({ grid, panel, rows, columns }: PlanGrid, size: number, width: number): Size {
  const blocks = grid.blocks.length;
  const labels = blocks > 1 || panel.channels.length > 0 ? LABEL : 0;
  const longest = Math.max(9, ...panel.channels.map((name) => name.length));
  const wide = Math.max(columns * size, labels ? longest * 6.4 + 8 : 0);
  const tall = rows * size + labels;
  const inner = grid.run;
  let across = inner > 1 ? inner : blocks;
  if (inner === 1) {
    // as square as can be: blocks of maps beside each other, long rows below each other
    const most = Math.max(1, Math.floor((width + GAP) / (wide + GAP)));
    across = Math.min(blocks, most, Math.max(1, Math.round(Math.sqrt((blocks * tall) / wide) + 0.35)));
    if (blocks <= 2 && wide > 3 * tall) across = 1;
    // full rows look best: rather a few more blocks side by side than a rest below them
    const full = [0, 1, 2, -1]
      .map((more) => across + more)
      .find((n) => n > 0 && n <= most && blocks % n === 0);
    across = full ?? across;
    const run = runOf(panel.channels);
    if (run > 1 && run < blocks && run <= most) across = run;
  }
  const down = Math.ceil(blocks / across);
  return {
    across,
    width: Math.max(across * (wide + GAP) - GAP, TITLE.width) + (inner > 1 ? 64 : 0),
    height: TITLE.height + down * (tall + GAP) - GAP,
  };
}

/** How many blocks belong together by name: `sample 0, channel 0` and all others of sample 0 stand in one row. */
function runOf(names: readonly string[]): number {
  const head = (name: string): string => name.slice(0, Math.max(0, name.indexOf(",")));
  const [first] = names;
  return first && head(first) ? names.filter((name) => head(name) === head(first)).length : 0;
}

const fits = (sizes: Size[], width: number): boolean => sizes.every((one) => one.width <= width);

/** The height of all panels when they flow into rows of a width. */
function rows(sizes: Size[], width: number): number {
  let total = 0;
  let tall = 0;
  let at = 0;
  for (const one of sizes) {
    if (at && at + one.width > width) {
      total += tall + DOWN;
      [tall, at] = [0, 0];
    }
    at += one.width + ACROSS;
    tall = Math.max(tall, one.height);
  }
  return total + tall;
}
