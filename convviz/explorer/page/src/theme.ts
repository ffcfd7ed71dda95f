/** Colours: those of convviz/theme.py, given with the data, as variables of the style sheet. */
import { fromAround } from "./frame";

export interface Role {
  edge: string;
  fill: string | null;
  cue: string;
}

export interface Colours {
  name: string;
  paper: string;
  ink: string;
  faint_ink: string;
  line: string;
  roles: Record<string, Role>;
  ramp: string[];
}

export type Look = Record<"light" | "dark", Colours>;

const prefersDark = () => matchMedia("(prefers-color-scheme: dark)");

type Name = keyof Look;

/** Gives an element the colours of a theme; "auto" follows the page around its frame, and until that speaks the system. */
export function dress(element: HTMLElement, look: Look, theme: Name | "auto"): void {
  const put = (name: Name): void => paint(element, look[name]);
  if (theme !== "auto") return put(theme);
  const system = prefersDark();
  const follow = (): void => put(system.matches ? "dark" : "light");
  follow();
  system.addEventListener("change", follow);
  addEventListener("message", (event: MessageEvent<unknown>) => {
    const name = fromAround(event)?.["theme"];
    if (name !== "light" && name !== "dark") return;
    system.removeEventListener("change", follow);
    put(name);
  });
}

export function paint(element: HTMLElement, colours: Colours): void {
  element.dataset["theme"] = colours.name;
  element.style.colorScheme = colours.name; // what the browser draws itself: lists, sliders, scroll bars
  const set = (name: string, value: string): void => element.style.setProperty(`--${name}`, value);
  set("paper", colours.paper);
  set("ink", colours.ink);
  set("faint", colours.faint_ink);
  set("line", colours.line);
  colours.ramp.forEach((colour, i) => set(`ramp-${i}`, colour));
  for (const [name, role] of Object.entries(colours.roles)) {
    set(`${name}-edge`, role.edge);
    set(`${name}-fill`, role.fill ?? "transparent");
  }
}
