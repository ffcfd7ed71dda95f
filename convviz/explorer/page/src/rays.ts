/** Rays from the cells that are read to the cell that is written, behind the panels. */
import { svg } from "./dom";

/** A rectangle, measured from the corner of the stage. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export class Rays {
  readonly element = svg("svg", { class: "op-rays", "aria-hidden": "true" });

  /** Draws from the boxes around groups of cells to the box around others. */
  draw(stage: HTMLElement, from: HTMLElement[][], to: HTMLElement[]): void {
    const origin = stage.getBoundingClientRect();
    const boxes = from.filter((cells) => cells.length).map((cells) => around(cells, origin));
    this.join(boxes, to.length ? around(to, origin) : null);
  }

  /** Draws from boxes to another one. */
  join(from: Box[], target: Box | null): void {
    this.element.replaceChildren();
    if (!target) return;
    for (const box of from) {
      const below = target.top > box.bottom; // panels lie below each other
      const ends: [number, number, number, number][] = below
        ? [
            [box.left, box.bottom, target.left, target.top],
            [box.right, box.bottom, target.right, target.top],
          ]
        : [
            [box.right, box.top, target.left, target.top],
            [box.right, box.bottom, target.left, target.bottom],
          ];
      const [[ax, ay, bx, by], [cx, cy, dx, dy]] = ends as [
        [number, number, number, number],
        [number, number, number, number],
      ];
      this.element.append(svg("polygon", { points: `${ax},${ay} ${bx},${by} ${dx},${dy} ${cx},${cy}` }));
      for (const [x1, y1, x2, y2] of ends) this.element.append(svg("line", { x1, y1, x2, y2 }));
    }
  }
}

/** The box around others. */
export function union(boxes: readonly Box[]): Box {
  return {
    left: Math.min(...boxes.map((b) => b.left)),
    top: Math.min(...boxes.map((b) => b.top)),
    right: Math.max(...boxes.map((b) => b.right)),
    bottom: Math.max(...boxes.map((b) => b.bottom)),
  };
}

/** The cells of a box come in order, so that its first and its last are two of its corners. */
function around(cells: HTMLElement[], { left, top }: DOMRect): Box {
  const corners = [cells[0]!, cells[cells.length - 1]!].map((cell) => cell.getBoundingClientRect());
  const box = union(corners);
  return { left: box.left - left, top: box.top - top, right: box.right - left, bottom: box.bottom - top };
}
