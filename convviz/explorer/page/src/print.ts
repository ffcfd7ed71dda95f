/** Print: what is shown now, in light colours and as wide as a sheet, with its state in a line at the foot. */
import { h } from "./dom";
import type { Link } from "./state";
import { type Look, paint } from "./theme";

const WIDTH = 722; // pixels of a line on A4 and on Letter, as in print.css
const READABLE = 8; // pixels of a number's height at least: 6 points

/**
 * Gets a page ready when the reader prints it, undoes that afterwards, and gives back what ends it.
 *
 * A browser takes its picture as soon as it has told, too early for frames and observers. So the class that print.css
 * goes by is set here, and the page is asked by a `layout` event to fit its new room at once.
 */
export function printing(element: HTMLElement, look: Look, link: Link): () => void {
  const foot = h("footer", { class: "cv-foot" });
  element.append(foot);
  let before: keyof Look | null = null;
  const turn = (on: boolean): void => {
    element.classList.toggle("cv-sheet", on);
    foot.textContent = on ? told(link) : "";
    const stages = [...element.querySelectorAll<HTMLElement>(".op-stage")];
    const fit = (narrow: boolean): void => {
      element.classList.toggle("cv-narrow", narrow);
      stages.forEach((stage) => (stage.style.zoom = ""));
      element.dispatchEvent(new Event("layout"));
      if (on) stages.forEach((stage) => (stage.style.zoom = String(Math.min(1, WIDTH / stage.scrollWidth))));
    };
    fit(false);
    if (!on) return;
    const small = stages.some((stage) =>
      [...stage.querySelectorAll(".op-value")].some(
        (cell) => parseFloat(getComputedStyle(cell).fontSize) * Number(stage.style.zoom) < READABLE,
      ),
    );
    if (small) fit(true); // panels below each other have larger cells
  };
  const start = (): void => {
    before ??= element.dataset["theme"] as keyof Look;
    paint(element, look.light);
    turn(true);
  };
  const end = (): void => {
    if (before) paint(element, look[before]);
    before = null;
    turn(false);
  };
  addEventListener("beforeprint", start);
  addEventListener("afterprint", end);
  return () => {
    removeEventListener("beforeprint", start);
    removeEventListener("afterprint", end);
  };
}

/** `Made with convviz · kernel_size 3 · stride 2 · at output:0,1,2`: what a link to this picture ends in. */
function told(link: Link): string {
  const state = Object.entries(link.last).map(([name, value]) => `${name} ${value}`);
  return ["Made with convviz", ...state].join(" · ");
}
