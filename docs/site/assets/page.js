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
