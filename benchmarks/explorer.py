"""How fast the explorer's pages are in a real Chromium: opening, pointing, scrolling, and how large their files are.

    python benchmarks/explorer.py [--pages resnet50,unet] [--json FILE]

Each page is opened as a file. Opening: from navigation to the first paint, and to the first frame after all is drawn.
Pointing and scrolling: one event a frame, for two seconds; CPU is what Chromium says that the page's thread spent
(script, style, layout and all tasks, `Performance.getMetrics`), for each event, and what the same events cost on an
empty page, so that the speed of the machine can be seen. At 60 frames a second a frame has 16.7 ms. Intervals of
frames are those that scripts see; a frame later than one and a half times that is late. Without a graphics card
Chromium rasters on the CPU, in other threads: that shows in the intervals, not in the CPU of the page's thread.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from convviz.explorer.choose import explored  # noqa: E402
from convviz.explorer.page import page  # noqa: E402
from tests.browsing import FOLDER, chromium, lacking  # noqa: E402

PAGES = ("resnet50", "densenet121", "unet", "wavenet", "conv")
BUDGET = 1000 / 60  # milliseconds of a frame
EVENTS = 120
EMPTY = "<!doctype html><canvas width=500 height=500 class=empty></canvas>"

# Where the pointer moves, from the left upper to the right lower part of an element; and what scrolls.
MOVES = {
    "empty": {"pointing": ".empty"},
    "net": {"over its own map": "[data-part=mine] canvas", "over the input": "[data-part=theirs] canvas"},
    "op": {"over the output": ".op-output", "over the input": ".op-input"},
}
SCROLLS = ".net-list"

DRIVER = """
import { chromium } from "playwright-core";
const { file, moves, scrolls, events } = JSON.parse(process.argv[1]);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
await page.goto("about:blank");
await page.goto(file, { waitUntil: "load" });
const opened = await page.evaluate(async () => {
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
  const drawn = performance.now();
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return { drawn, paint: paint ? paint.startTime : null };
});
await page.waitForTimeout(500);
const cdp = await page.context().newCDPSession(page);
await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
const metrics = async () => {
  const { metrics } = await cdp.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
};
const watch = () => page.evaluate(() => {
  const seen = (window.seen = { frames: [], long: 0, on: true });
  new PerformanceObserver((list) => (seen.long += list.getEntries().length)).observe({ type: "longtask" });
  let last = performance.now();
  const next = (now) => {
    seen.frames.push(now - last);
    last = now;
    if (seen.on) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
});
const measure = async (work) => {
  await watch();
  const before = await metrics();
  await work();
  const after = await metrics();
  const seen = await page.evaluate(() => ((window.seen.on = false), window.seen));
  const ms = (name) => ((after[name] - before[name]) * 1000) / events;
  return {
    script: ms("ScriptDuration"), style: ms("RecalcStyleDuration"), layout: ms("LayoutDuration"),
    all: ms("TaskDuration"), frames: seen.frames.slice(2), long: seen.long,
  };
};
const out = { opened, moves: {}, scroll: null };
for (const [name, selector] of Object.entries(moves)) {
  const element = await page.$(selector);
  await element.scrollIntoViewIfNeeded();
  const box = await element.boundingBox();
  out.moves[name] = await measure(async () => {
    for (let i = 0; i < events; i++) {
      const part = 0.1 + (0.8 * i) / events;
      await page.mouse.move(box.x + box.width * part, box.y + box.height * part);
      await page.evaluate(() => new Promise(requestAnimationFrame));
    }
  });
}
if (scrolls && (await page.$(scrolls))) {
  await page.mouse.move(5, 5);
  out.scroll = await measure(() => page.evaluate(async ([selector, events]) => {
    const list = document.querySelector(selector);
    list.scrollTop = 0;
    for (let i = 0; i < events; i++) {
      list.scrollTop += 46;
      await new Promise(requestAnimationFrame);
    }
  }, [scrolls, events]));
}
console.log(JSON.stringify(out));
await browser.close();
"""


def measured(file: Path, moves: dict[str, str], scrolls: str | None) -> dict[str, Any]:
    """What one page costs, in a browser of its own."""
    asked = {"file": file.as_uri(), "moves": moves, "scrolls": scrolls, "events": EVENTS}
    command = ["node", "--input-type=module", "-e", DRIVER, json.dumps(asked)]
    env = {**os.environ, "CHROMIUM": chromium() or ""}
    done = subprocess.run(command, cwd=FOLDER, env=env, stdout=subprocess.PIPE, text=True, timeout=180)
    if done.returncode:
        raise SystemExit(f"{file.name}: the browser failed")
    return dict(json.loads(done.stdout))


def row(what: str, seen: dict[str, Any], empty: float) -> str:
    frames = sorted(seen["frames"]) or [0.0]
    late = sum(f > 1.5 * BUDGET for f in frames)
    cells = "".join(f"{seen[name]:>9.2f}" for name in ("script", "style", "layout", "all"))
    ratio = seen["all"] / empty if empty else 1.0
    middle = frames[len(frames) // 2]
    return (
        f"  {what:<18}{cells}{seen['all'] / BUDGET:>9.0%}{ratio:>9.1f}x{middle:>10.1f}"
        f"{late:>6} of {len(frames):<4}{seen['long']:>5}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", default=",".join(PAGES), help="names of bundled nets and ops")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    chosen = parser.parse_args()
    why = lacking()
    if why is not None:
        print(f"skipped: {why}")
        return
    head = "".join(f"{name:>9}" for name in ("script", "style", "layout", "all", "of 16.7"))
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "empty.html")
        file.write_text(EMPTY, encoding="utf-8")
        results["empty"] = measured(file, MOVES["empty"], None)
        base = results["empty"]["moves"]["pointing"]["all"]
        print(
            f"CPU in ms for each event{'':<19}{head}{'to empty':>10}{'interval':>10}{'late':>8}{'long':>11}"
        )
        print(row("empty page", results["empty"]["moves"]["pointing"], base).replace("  ", "", 1))
        for name in chosen.pages.split(","):
            data = explored(name)
            file = Path(folder, f"{name}.html")
            file.write_text(page(data), encoding="utf-8")
            found = measured(file, MOVES[data["page"]], SCROLLS if data["page"] == "net" else None)
            results[name] = {**found, "kB": round(file.stat().st_size / 1000)}
            opened = found["opened"]
            paint = "no paint seen" if opened["paint"] is None else f"first paint {opened['paint']:.0f} ms"
            print(f"{name}: {results[name]['kB']:,} kB; {paint}, drawn {opened['drawn']:.0f} ms")
            for what, seen in found["moves"].items():
                print(row(what, seen, base), flush=True)
            if found["scroll"]:
                print(row("scrolling", found["scroll"], base), flush=True)
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
