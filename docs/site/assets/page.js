// A film shows its poster and one button; the browser's controls appear when it plays. Without scripts they are there at once.
for (const screen of document.querySelectorAll(".screen")) {
  const film = screen.querySelector("video");
  const button = document.createElement("button");
  button.type = "button";
  button.ariaLabel = `Play: ${film.ariaLabel}`;
  button.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M8 5v14l11-7z"/></svg>';
  film.controls = false;
  screen.append(button);
  const play = () => {
    button.remove();
    film.controls = true;
    film.play();
    film.focus();
  };
  button.addEventListener("click", play);
  film.addEventListener("click", play, { once: true });
}

// What scrolls can be reached by keyboard. Material decides that by width alone and not for touch, and wraps tables later.
const reach = () =>
  document
    .querySelectorAll(":is(.md-typeset pre > code, .md-typeset__scrollwrap):not([tabindex='0'])")
    .forEach((part) => part.setAttribute("tabindex", "0"));
new MutationObserver(reach).observe(document.body, { attributeFilter: ["tabindex"], childList: true, subtree: true });
reach();

// Live pages: each is told which theme the reader has chosen here, and tells how tall it is.
const frames = [...document.querySelectorAll("figure.live iframe")];
const theme = () => (document.body.dataset.mdColorScheme === "slate" ? "dark" : "light");
const dress = (frame) => frame.contentWindow.postMessage({ convviz: { theme: theme() } }, "*");
for (const frame of frames) {
  frame.addEventListener("load", () => dress(frame));
  dress(frame); // one that was there before this script
}
// They load where they come into sight, and the others when all else is there: on paper none is blank.
addEventListener("load", () => frames.forEach((frame, i) => setTimeout(() => (frame.loading = "eager"), 300 + 700 * i)));
new MutationObserver(() => frames.forEach(dress)).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
addEventListener("message", ({ data, source }) => {
  const frame = frames.find((found) => found.contentWindow === source);
  const height = data?.convviz?.height;
  if (frame && Number.isFinite(height)) frame.style.height = `${Math.min(Math.max(height, 240), 4000)}px`;
});
