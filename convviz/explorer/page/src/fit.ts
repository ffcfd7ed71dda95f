/** How large cells can be, and how many blocks a panel has side by side, so that all panels fit. */
import type { Grid } from "./grid";

const LARGEST = 46;
const SMALLEST = 20;
const ROOMY = 34; // smaller cells have no room for a second number
const STACKED = 24; // below each other: cells shrink to this size until all panels have room
const SIGN = 7; // of a cell's width, for a sign that is no smaller than 10.5 points, see grid.css
const TALL = { screen: 700, sheet: 900 }; // the height of that room
const LABEL = 20; // points above a block with a name
const LETTER = 6.4; // of a name
const GAP = 12; // between blocks
const BETWEEN = { two: 136, three: 56 }; // between panels: a sign and the gaps beside it, see grid.css
const TITLE = 130; // a panel is at least as wide as its title, see grid.css
const TOP = 40; // above a panel
const HEAD = 70; // beside a run of blocks with a name

interface Plan {
  across: number[];
  width: number;
  height: number;
}

/** Sets the sizes of panels for a stage of this width and height; narrow stages have them below each other. */
export function fit(grids: Grid[], stage: HTMLElement, width: number, height: number): void {
  let stacked = width < 720;
  // Long rows have all panels below each other: side by side, the output would be far outside.
  const long = arrange(grids, SMALLEST, width, height, false).width > width;
  stacked ||= long && arrange(grids, SMALLEST, width, height, true).height < 2 * height;
  stage.classList.toggle("op-stacked", stacked);
  let size = LARGEST;
  let plan = arrange(grids, size, width, height, stacked);
  const tall = TALL[stage.closest(".cv-sheet") ? "sheet" : "screen"];
  while (size > SMALLEST && (plan.width > width || (stacked && size > STACKED && plan.height > tall))) {
    size -= 1;
    plan = arrange(grids, size, width, height, stacked);
  }
  stage.classList.toggle("op-wide", plan.width > width); // then it scrolls by itself
  stage.classList.toggle("op-tiny", size < ROOMY);
  stage.style.setProperty("--cell", `${size}px`);
  for (const grid of grids) grid.fitted(Math.max(3, Math.floor(size / SIGN)));
  grids.forEach((grid, i) => grid.element.style.setProperty("--across", String(plan.across[i])));
}

/** With cells of a size, the fewest blocks side by side that keep each panel within the height. */
function arrange(grids: Grid[], size: number, width: number, height: number, stacked: boolean): Plan {
  const across: number[] = [];
  let total = 0;
  const widths = grids.map((grid) => {
    const blocks = grid.blocks.length;
    const wide = Math.max(grid.columns * size, grid.named * LETTER);
    const tall = grid.rows * size + (blocks > 1 ? LABEL : 0);
    const inner = grid.run;
    const head = inner > 1 ? HEAD : 0;
    let columns = inner;
    if (stacked && !head) columns = Math.max(1, Math.min(blocks, Math.floor((width + GAP) / (wide + GAP))));
    const needed = (n: number): number => Math.ceil(blocks / n) * (tall + GAP) - GAP;
    const ragged = (n: number): boolean => blocks <= 4 && blocks % n > 0;
    while (!stacked && columns < blocks && (needed(columns) > height || ragged(columns))) columns += inner;
    columns = Math.min(columns, blocks);
    const runs = head ? columns / inner : 0;
    across.push(columns + runs);
    total += needed(columns) + TOP;
    const tooTall = !stacked && needed(columns) > height && size > SMALLEST;
    return tooTall ? Infinity : Math.max(TITLE, columns * (wide + GAP) - GAP + runs * head);
  });
  const all = stacked
    ? Math.max(...widths)
    : widths.reduce((a, b) => a + b, 0) + BETWEEN[grids.length > 2 ? "three" : "two"] * (grids.length - 1);
  return { across, width: all, height: total };
}
