/** The parts of a map that come into sight: all of it, what is read, or what lies beyond its ends, too. */
import { type Box, bounds, hull } from "./net_boxes";
import type { NetData } from "./net_data";
import { INPUT, reach } from "./net_reach";

type Span = [number, number];

const MARGIN = 0.03; // of a map's length that is shown beyond its ends in any case
const AROUND = 0.4; // of what is read that is shown around it
const SPARE = 3; // cells around it at least
export const LONG = 4096; // cells from which on a map starts zoomed in

export class Views {
  private readonly reachable = new Map<string, Span[] | null>();

  constructor(private readonly data: NetData) {}

  sizeOf(at: number): number[] {
    return at === INPUT ? this.data.space : this.data.layers[at]!.map!;
  }

  /** Room for the map and some, or (every) all of what units at its corners would read beyond its ends. */
  whole(layer: number, at: number, every: boolean): Span[] {
    const map = this.data.layers[layer]!.map!;
    const corners = [map.map(() => 0), map.map((n) => n - 1)].map((corner) => {
      const key = `${layer} ${at} ${corner}`;
      if (!this.reachable.has(key)) {
        this.reachable.set(key, bounds(reach(this.data, layer, corner, false).get(at) ?? []));
      }
      return this.reachable.get(key);
    });
    return this.sizeOf(at).map((n, a) => {
      const most = every ? Infinity : n * MARGIN;
      const lo = Math.min(0, ...corners.map((b) => b?.[a]![0] ?? 0));
      const hi = Math.max(n - 1, ...corners.map((b) => b?.[a]![1] ?? 0));
      return [Math.max(lo, -most), Math.min(hi, n - 1 + most)];
    });
  }

  /** What is read and some around it. */
  near(at: number, free: Span[] | null): Span[] {
    const size = this.sizeOf(at);
    if (!free) return size.map((n) => [0, n - 1]);
    const spans = free.map(([lo, hi]) => hi - lo + 1);
    const more = Math.max(SPARE, Math.ceil(Math.max(...spans.slice(-2)) * AROUND));
    return free.map(([lo, hi]) => [lo - more, hi + more]);
  }

  /** The middle of what is read, or of the map. */
  middle(at: number, boxes: Box[]): number[] {
    const side = hull(boxes);
    if (!side) return this.sizeOf(at).map((n) => Math.floor(n / 2));
    return side.map((runs) => Math.floor((runs[0]![0] + runs.at(-1)![1]) / 2));
  }
}
