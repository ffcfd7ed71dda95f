/** Inside a frame of another page: a page as tall as what it shows, so that the one around it can make room. */

/** What the page around the frame says to convviz; null for anything else, and for what others say. */
export function fromAround({ data, source }: MessageEvent<unknown>): Record<string, unknown> | null {
  if (parent === window || source !== parent) return null;
  return (data as { convviz?: Record<string, unknown> } | null)?.convviz ?? null;
}

/** Tells the page around how tall the element is, `{convviz: {height: 812}}`: when that changes, and when it speaks. */
export function tellHeight(element: HTMLElement): void {
  if (parent === window) return;
  element.style.minHeight = "0"; // not as tall as the frame, which is to be as tall as this
  const tell = (): void => {
    // A net fills the window that it gets, and scrolls inside; so does a plan, whose scrubber is to stay in sight.
    if (element.querySelector(".net, .plan-time")) element.style.minHeight = "";
    else parent.postMessage({ convviz: { height: Math.ceil(element.getBoundingClientRect().height) } }, "*");
  };
  new ResizeObserver(tell).observe(element);
  addEventListener("message", (event) => {
    if (fromAround(event)) tell(); // it may have begun to listen just now
  });
}
