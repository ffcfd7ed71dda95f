/** The widget of a notebook, by anywidget's contract: `render` draws it and gives back what takes it away. */
import { h } from "./dom";
import { mount, type PageData } from "./main";
import { dress } from "./theme";

interface Model {
  get(name: "data"): PageData;
  get(name: "look"): "light" | "dark" | "auto";
  on(event: string, changed: () => void): void;
  off(event: string, changed: () => void): void;
}

export interface Given {
  model: Model;
  el: HTMLElement;
}

/** What a page has in its head: the style sheet, and the fonts as [family, weight, base64]. */
export interface Parts {
  style: string;
  fonts: [string, string, string][];
}

const TALL = 760; // pixels: what a page takes from its window, which in a notebook is not its own

/**
 * Draws into a shadow root: the notebook's style sheets do not reach in, ours does not reach out, and the labels of
 * two widgets do not mix.
 */
export function render({ model, el }: Given, parts: Parts): () => void {
  const host = h("div", { class: "convviz" });
  host.dataset["lmSuppressShortcuts"] = "true"; // JupyterLab: keys in here are not the notebook's
  const root = host.attachShadow({ mode: "open" });
  root.append(h("style", {}, parts.style));
  el.append(host);
  useFonts(parts.fonts);

  const wanted = (): "light" | "dark" => {
    const look = model.get("look");
    return look === "auto" ? surroundings(el) : look;
  };
  let [page, theme] = [h("div"), wanted()];
  let unmount = (): void => {};
  const draw = (): void => {
    unmount();
    page.remove();
    page = h("div", { style: `--tall: ${TALL}px` });
    root.append(page);
    unmount = mount(page, model.get("data"), { theme, link: false });
  };
  const recolour = (): void => {
    const now = wanted();
    if (now !== theme) dress(page, model.get("data").theme, (theme = now));
  };
  const gone = new AbortController();
  const watcher = new MutationObserver(recolour);
  for (const place of [document.documentElement, document.body]) watcher.observe(place, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour, { signal: gone.signal });
  for (const name of ["keydown", "keyup", "keypress"]) host.addEventListener(name, keep, gone);
  model.on("change:data", draw);
  model.on("change:look", recolour);
  draw();
  return () => {
    gone.abort();
    watcher.disconnect();
    model.off("change:data", draw);
    model.off("change:look", recolour);
    unmount();
    host.remove();
  };
}

/** Arrow keys move a cell in here and not the notebook's; what has a modifier is for the notebook. */
function keep(event: Event): void {
  const { ctrlKey, metaKey, altKey } = event as KeyboardEvent;
  if (!ctrlKey && !metaKey && !altKey) event.stopPropagation();
}

/** Light or dark as the notebook is: it says so itself, its paper shows it, or it is as the system. */
function surroundings(el: HTMLElement): "light" | "dark" {
  const [root, body] = [document.documentElement, document.body];
  const said = body.dataset["jpThemeLight"]; // JupyterLab and Notebook
  if (said) return said === "true" ? "light" : "dark";
  const names = [root, body].flatMap((e) => [...e.classList, e.dataset["theme"], e.getAttribute("theme")]);
  const named = (what: RegExp): boolean => names.some((name) => what.test(name ?? ""));
  if (named(/^(vscode-|vscode-high-contrast-)?light(-theme)?$/)) return "light"; // marimo, Colab, VS Code
  if (named(/^dark(-theme)?$|^vscode-(dark|high-contrast)$/)) return "dark";
  for (let at: Element | null = el; at; at = at.parentElement) {
    const [r, g, b, alpha = 1] = (getComputedStyle(at).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
    if (b !== undefined && alpha > 0.5) return r! + g! + b < 384 ? "dark" : "light";
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** A font is the document's, even where a shadow root uses it; given as bytes, no policy stands against it. */
function useFonts(fonts: Parts["fonts"]): void {
  for (const [family, weight, base64] of fonts) {
    if ([...document.fonts].some((f) => f.family.replaceAll('"', "") === family && f.weight === weight))
      continue;
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    document.fonts.add(new FontFace(family, bytes, { weight }));
  }
}
