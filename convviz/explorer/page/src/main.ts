/** The page's one entry point: `mount` draws what Python made, an op, a plan or a net, into an element. */
import { mountComparison, type ComparisonData } from "./compare";
import { tellHeight } from "./frame";
import { mountNet, type NetData } from "./net";
import { mountOp, type OpData } from "./op";
import { mountPlan, type PlanData } from "./plan";
import { printing } from "./print";
import { Link } from "./state";
import { dress, type Look } from "./theme";

type Data = OpData | PlanData | NetData | ComparisonData;
export type PageData = Data & { theme: Look };

/** What draws each kind of page. */
const MOUNTS: {
  [K in Data["page"]]: (element: HTMLElement, data: Extract<Data, { page: K }>, link: Link) => void;
} = {
  op: mountOp,
  plan: mountPlan,
  net: mountNet,
  comparison: mountComparison,
};

export interface Options {
  /** light, dark, or what the reader's system says. */
  theme?: "light" | "dark" | "auto";
  /** Whether the page's address carries the state; not in a notebook, where it belongs to others. */
  link?: boolean;
}

/** Gives back what makes the page let go of the window; its elements are the caller's. */
export function mount(element: HTMLElement, data: PageData, options: Options = {}): () => void {
  element.replaceChildren();
  element.classList.add("cv");
  dress(element, data.theme, options.theme ?? "auto");
  const draw = MOUNTS[data.page] as (element: HTMLElement, data: Data, link: Link) => void;
  const link = new Link(options.link ?? true);
  draw(element, data, link);
  if (options.link ?? true) tellHeight(element);
  return printing(element, data.theme, link);
}

export { render } from "./notebook";
export { feeds, inside, taps } from "./relations";
