/** The parts of the net view, before anything is known of where the reader looks. */
import { h } from "./dom";
import type { NetData } from "./net_data";
import { counted, named, short, times } from "./net_words";

const NOTES = 2; // that are shown at once

const FRAME = `
<div class="net">
  <header><h1 data-part="name"></h1><p data-part="totals"></p><div class="net-notes" data-part="notes"></div></header>
  <section class="net-column" aria-label="Layers" data-part="column">
    <div class="net-find">
      <input type="search" placeholder="Find a layer" aria-label="Find a layer by its name or kind" data-part="find">
      <span data-part="found" aria-live="polite"></span>
      <label class="net-check"><input type="checkbox" data-part="every"> Every layer</label>
    </div>
  </section>
  <div class="net-side">
    <section data-part="title" class="net-about" aria-label="The layer"></section>
    <p class="net-said" data-part="said" aria-live="polite"></p>
    <div class="net-maps" data-part="maps">
      <figure class="net-own" data-part="own">
        <figcaption data-part="mine-title"></figcaption><div data-part="mine"></div><p class="net-hint" data-part="hint"></p>
        <label class="net-slide" data-part="slices"><span data-part="slicing"></span> <input type="range" min="0" value="0" data-part="slice" aria-label="Slice of the unit"></label>
      </figure>
      <figure class="net-hero" data-part="hero">
        <figcaption data-part="theirs-title"></figcaption>
        <div class="net-tools">
          <label class="net-slide">Input <input type="range" min="0" value="0" data-part="path" aria-label="Layer that is looked at"> layer</label>
          <label class="net-check"><input type="checkbox" data-part="zoom"> Zoom in</label>
          <label class="net-check"><input type="checkbox" data-part="beyond"> Beyond the ends</label>
          <label class="net-check"><input type="checkbox" checked data-part="heated"> Effective field</label>
        </div>
        <div data-part="levels"></div>
        <div data-part="theirs"></div>
        <div class="net-legend" data-part="heat"></div>
        <p class="net-hint" data-part="told"></p>
      </figure>
      <section data-part="numbers" class="net-facts net-numbers" aria-label="Numbers of the layer"></section>
    </div>
    <section data-part="details" class="net-facts" aria-label="Phases, code and commands"></section>
  </div>
</div>`;

/** Puts the parts into an element and gives them by name; the net's own names are put in as text. */
export function frame(element: HTMLElement, data: NetData): Record<string, HTMLElement> {
  element.innerHTML = FRAME;
  const parts = Object.fromEntries(
    [...element.querySelectorAll<HTMLElement>("[data-part]")].map((e) => [e.dataset["part"]!, e]),
  );
  parts["name"]!.textContent = data.name ? named(data.name) : "A net without a name";
  const totals = [
    counted(data.totals.layers, "layer"),
    `input ${times(shapeOf(data))}`,
    counted(data.totals.params, "parameter"),
    `${short(data.totals.macs)} MAC${data.totals.macs === 1 ? "" : "s"}`,
  ];
  totals.forEach((text, i) => parts["totals"]!.append(i ? " · " : "", h("span", {}, text)));
  const { notes } = data;
  parts["notes"]!.append(...notes.slice(0, NOTES).map((note) => h("p", {}, note)));
  if (notes.length > NOTES) {
    const rest = notes.slice(NOTES).map((note) => h("p", {}, note));
    parts["notes"]!.append(
      h("details", {}, h("summary", {}, `${counted(rest.length, "more note")}`), ...rest),
    );
  }
  return parts;
}

function shapeOf(data: NetData): number[] {
  return Array.isArray(data.input) ? data.input : data.input[data.wrt]!;
}
