/** The parts of the net view, before anything is known of where the reader looks. */
import type { NetData } from "./net_data";
import { short, times, whole } from "./net_words";

const FRAME = `
<div class="net">
  <header><h1 data-part="name"></h1><p data-part="totals"></p><div class="net-notes" data-part="notes"></div></header>
  <section class="net-column" aria-label="Layers" data-part="column">
    <label class="net-check"><input type="checkbox" data-part="every"> A row for every layer</label>
  </section>
  <div class="net-side">
    <section data-part="facts" class="net-facts" aria-label="The layer"></section>
    <section data-part="reading" aria-label="What a unit reads">
      <p class="net-said" data-part="said" aria-live="polite"></p>
      <div class="net-tools">
        <label class="net-path">input <input type="range" min="0" value="0" data-part="path" aria-label="Layer that is looked at"> layer</label>
        <label class="net-path">slice <input type="range" min="0" value="0" data-part="slice" aria-label="Slice of the unit"></label>
        <label class="net-check"><input type="checkbox" checked data-part="beyond"> Beyond the ends</label>
        <button type="button" data-part="effective">Effective field</button>
      </div>
    </section>
    <div class="net-maps" data-part="maps">
      <figure><figcaption data-part="mine-title"></figcaption><div data-part="mine"></div><p class="net-hint" data-part="hint"></p></figure>
      <figure><figcaption data-part="theirs-title"></figcaption><div data-part="theirs"></div><p class="net-hint">Point at a cell: the units that it reaches light up. Dashed: what the unit would read if no map had an end. <span data-part="heat"></span></p></figure>
    </div>
    <section data-part="details" class="net-facts" aria-label="Fields and phases"></section>
  </div>
</div>`;

/** Puts the parts into an element and gives them by name; the net's own names are put in as text. */
export function frame(element: HTMLElement, data: NetData): Record<string, HTMLElement> {
  element.innerHTML = FRAME;
  const parts = Object.fromEntries(
    [...element.querySelectorAll<HTMLElement>("[data-part]")].map((e) => [e.dataset["part"]!, e]),
  );
  parts["name"]!.textContent = data.name;
  parts["totals"]!.textContent = [
    `${data.layers.length} layers`,
    `input ${times(shapeOf(data))}`,
    `${whole(data.totals.params)} parameters`,
    `${short(data.totals.macs)} MACs`,
  ].join(" · ");
  for (const note of data.notes) parts["notes"]!.append(paragraph(note));
  return parts;
}

function shapeOf(data: NetData): number[] {
  return Array.isArray(data.input) ? data.input : data.input[data.wrt]!;
}

function paragraph(text: string): HTMLElement {
  const p = document.createElement("p");
  p.textContent = text;
  return p;
}
