/** Rays from the cells that are read to the cell that is written, behind the panels. */
import { svg } from "./dom";

export class Rays {
  readonly element = svg("svg", { class: "op-rays", "aria-hidden": "true" });

  /** Draws from the boxes around groups of cells to the box around others. */
  draw(stage: HTMLElement, from: HTMLElement[][], to: HTMLElement[]): void {
    this.element.replaceChildren();
    if (!to.length) return;
    const origin = stage.getBoundingClientRect();
    const target = around(to, origin);
    for (const cells of from) {
      if (!cells.length) continue;
      const box = around(cells, origin);
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

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

function around(cells: HTMLElement[], origin: DOMRect): Box {
  const boxes = cells.map((cell) => cell.getBoundingClientRect());
  return {
    left: Math.min(...boxes.map((b) => b.left)) - origin.left,
    top: Math.min(...boxes.map((b) => b.top)) - origin.top,
    right: Math.max(...boxes.map((b) => b.right)) - origin.left,
    bottom: Math.max(...boxes.map((b) => b.bottom)) - origin.top,
  };
}
