/** Cells of a map by their place: the middle one, whether there is such a one, and moving by the keyboard. */

const STRIDE = 10; // cells at once, with Shift

/** The cell where a key leads from another one, clamped to the map; null for a key that does not move. */
export function moved(
  event: KeyboardEvent,
  cell: readonly number[],
  size: readonly number[],
): number[] | null {
  const last = size.length - 1;
  const by = event.shiftKey ? STRIDE : 1;
  const moves: Record<string, [axis: number, by: number]> = {
    ArrowLeft: [last, -by],
    ArrowRight: [last, by],
    ArrowUp: [last - 1, -by],
    ArrowDown: [last - 1, by],
    Home: [last, -Infinity],
    End: [last, Infinity],
    PageUp: [last - 1, -Infinity],
    PageDown: [last - 1, Infinity],
  };
  const move = moves[event.key];
  if (!move || move[0] < 0) return null;
  event.preventDefault();
  return cell.map((at, axis) =>
    axis === move[0] ? Math.min(Math.max(at + move[1], 0), size[axis]! - 1) : at,
  );
}

/** The cell in the middle of a map. */
export const centre = (map: number[] | null | undefined): number[] =>
  (map ?? []).map((n) => Math.floor(n / 2));

export const same = (a: number[], b: number[]): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);

/** Whether a map has such a cell. */
export function inside(cell: number[], size: number[]): boolean {
  return cell.length === size.length && cell.every((c, a) => Number.isInteger(c) && c >= 0 && c < size[a]!);
}
