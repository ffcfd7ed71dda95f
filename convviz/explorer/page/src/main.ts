/** The page's one entry point: `mount` draws what Python made, an op or a net, into an element. */
import { mountNet, type NetData } from "./net";
import { mountOp, type OpData } from "./op";
import { Link } from "./state";
import { dress, type Look } from "./theme";

export type PageData = (OpData | NetData) & { theme: Look };

export interface Options {
  /** light, dark, or what the reader's system says. */
  theme?: "light" | "dark" | "auto";
  /** Whether the page's address carries the state; not in a notebook, where it belongs to others. */
  link?: boolean;
}

export function mount(element: HTMLElement, data: PageData, options: Options = {}): void {
  element.replaceChildren();
  element.classList.add("cv");
  dress(element, data.theme, options.theme ?? "auto");
  const link = new Link(options.link ?? true);
  if (data.page === "op") mountOp(element, data, link);
  else mountNet(element, data, link);
}

export { feeds, inside, taps } from "./relations";
