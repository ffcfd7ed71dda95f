/**
 * Sets of units as short lists of boxes, each a product of runs along the axes.
 *
 * Joins that are no boxes (1x3 beside 3x1) are lists of several, so every set and every count is exact.
 */

/** Maximal stretches [first, last] of a set of integers, in order. */
export type Runs = [number, number][];
export type Box = Runs[];

/** Adds a box: nothing if it lies in another, joined with one that differs along a single axis. */
export function insert(boxes: Box[], added: Box): void {
  if (boxes.includes(added)) return;
  let box = added;
  for (let i = 0; i < boxes.length; i++) {
    const old = boxes[i]!;
    const unlike = box.flatMap((runs, axis) => (sameRuns(runs, old[axis]!) ? [] : [axis]));
    if (box.every((runs, axis) => within(runs, old[axis]!))) return;
    if (unlike.length === 1) {
      const axis = unlike[0]!;
      box = box.map((runs, a) => (a === axis ? union([runs, old[axis]!]) : runs));
    } else if (!old.every((runs, axis) => within(runs, box[axis]!))) {
      continue;
    }
    boxes.splice(i, 1);
    i = -1; // the box is a larger one now: look at all others again
  }
  boxes.push(box);
}

/** The projection of a set on each axis; null for a set without cells. */
export function hull(boxes: Box[]): Box | null {
  return boxes[0] ? boxes[0].map((_, axis) => union(boxes.map((box) => box[axis]!))) : null;
}

/** The first and the last cell along each axis. */
export function bounds(boxes: Box[]): [number, number][] | null {
  return hull(boxes)?.map((runs) => [runs[0]![0], runs.at(-1)![1]]) ?? null;
}

/** Whether cells lie where the set `ideal` of a map without ends has none: padding stands for them. */
export function stray(
  spans: readonly (readonly [number, number])[],
  ideal: readonly (readonly [number, number])[],
): boolean {
  return spans.some(([lo, hi], axis) => lo < ideal[axis]![0] || hi > ideal[axis]![1]);
}

/** How many cells a set has. */
export function count(boxes: Box[]): number {
  if (!boxes.length) return 0;
  if (boxes.length === 1) return boxes[0]!.reduce((all, runs) => all * total(runs), 1);
  if (boxes[0]!.length === 1) return total(union(boxes.map((box) => box[0]!)));
  // Between two ends along the first axis the same boxes are there: count the rest of these.
  const ends = [...new Set(boxes.flatMap((box) => box[0]!.flatMap(([a, b]) => [a, b + 1])))].sort(
    (a, b) => a - b,
  );
  let sum = 0;
  for (let i = 0; i + 1 < ends.length; i++) {
    const at = ends[i]!;
    const there = boxes.filter((box) => box[0]!.some(([a, b]) => a <= at && at <= b));
    sum += (ends[i + 1]! - at) * count(there.map((box) => box.slice(1)));
  }
  return sum;
}

/** Whether a cell is in a set. */
export function holds(boxes: Box[], cell: readonly number[]): boolean {
  return boxes.some((box) =>
    box.every((runs, a) => runs.some(([lo, hi]) => lo <= cell[a]! && cell[a]! <= hi)),
  );
}

export function union(sets: Runs[]): Runs {
  if (sets.length === 1) return sets[0]!;
  const all = sets.flat().sort((a, b) => a[0] - b[0]);
  const out: Runs = [];
  for (const [lo, hi] of all) {
    const last = out.at(-1);
    if (last && lo <= last[1] + 1) last[1] = Math.max(last[1], hi);
    else out.push([lo, hi]);
  }
  return out;
}

export function runsOf(cells: number[]): Runs {
  if (!cells.length) return [];
  const lo = cells.reduce((a, b) => Math.min(a, b));
  const there = new Uint8Array(cells.reduce((a, b) => Math.max(a, b)) - lo + 2);
  for (const cell of cells) there[cell - lo] = 1;
  const out: Runs = [];
  for (let i = 0, first = 0; i < there.length; i++) {
    if (there[i] && !there[i - 1]) first = i;
    if (!there[i] && there[i - 1]) out.push([first + lo, i - 1 + lo]);
  }
  return out;
}

/** The part inside [0, n). */
export function cut(runs: Runs, n: number): Runs {
  if (!runs.length || (runs[0]![0] >= 0 && runs.at(-1)![1] < n)) return runs;
  return runs
    .map(([lo, hi]): [number, number] => [Math.max(lo, 0), Math.min(hi, n - 1)])
    .filter(([lo, hi]) => lo <= hi);
}

export function members(runs: Runs): number[] {
  return runs.flatMap(([lo, hi]) => Array.from({ length: hi - lo + 1 }, (_, i) => lo + i));
}

function total(runs: Runs): number {
  return runs.reduce((sum, [lo, hi]) => sum + hi - lo + 1, 0);
}

export function sameRuns(a: Runs, b: Runs): boolean {
  return a === b || (a.length === b.length && a.every(([lo, hi], i) => lo === b[i]![0] && hi === b[i]![1]));
}

export function within(a: Runs, b: Runs): boolean {
  if (a === b) return true;
  let i = 0;
  return a.every(([lo, hi]) => {
    while (i < b.length && b[i]![1] < lo) i++;
    return i < b.length && b[i]![0] <= lo && hi <= b[i]![1];
  });
}

/** The members that lie beyond the ends of an axis of `n` cells. */
export function outside(runs: Runs, n: number): number[] {
  return members(
    runs
      .flatMap(([lo, hi]): Runs => [
        [lo, Math.min(hi, -1)],
        [Math.max(lo, n), hi],
      ])
      .filter(([lo, hi]) => lo <= hi),
  );
}
