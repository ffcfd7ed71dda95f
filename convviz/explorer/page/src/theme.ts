/** Colours: those of convviz/theme.py, given with the data, as variables of the style sheet. */

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

/** Gives an element the colours of a theme, and follows the system where the theme is "auto". */
export function dress(element: HTMLElement, look: Look, theme: "light" | "dark" | "auto"): void {
  const put = (name: "light" | "dark"): void => paint(element, look[name]);
  if (theme !== "auto") return put(theme);
  const system = prefersDark();
  put(system.matches ? "dark" : "light");
  system.addEventListener("change", () => put(system.matches ? "dark" : "light"));
}

function paint(element: HTMLElement, colours: Colours): void {
  element.dataset["theme"] = colours.name;
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
