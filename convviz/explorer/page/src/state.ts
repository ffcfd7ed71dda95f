/** State in the page's link: `#kernel_size=3&cell=0,1,2`, so that what is seen can be sent to others. */

export type State = Record<string, string>;

export class Link {
  /** What was written last, whether or not it may be in the address: what is seen now. */
  last: State = {};
  /** The link as it was last read or written here: one that differs was edited, and its event is still to come. */
  private known = location.hash;

  constructor(private readonly on: boolean) {}

  /** What the link says now. */
  read(): State {
    if (!this.on) return {};
    this.known = location.hash;
    return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  }

  /** Puts the state into the link, without a new entry in the history. */
  write(state: State): void {
    this.last = state;
    if (!this.on || location.hash !== this.known) return;
    const text = new URLSearchParams(state).toString().replaceAll("%2C", ",");
    // A page inside a frame of another origin, or one opened from a mail, may not change its history.
    try {
      history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
    } catch {
      location.replace(`#${text}`);
    }
    this.known = location.hash;
  }

  /** Calls back when the reader changes the link by hand or goes back. */
  listen(changed: (state: State) => void): void {
    if (this.on) addEventListener("hashchange", () => changed(this.read()));
  }
}
