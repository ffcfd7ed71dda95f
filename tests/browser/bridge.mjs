// Chromium for the Python tests: a line of JSON in, {"call": method, "args": [...]}, and a line of JSON out.
// Methods are Playwright's own on a page ("click", "hover", "keyboard.press"), and those of `own` below.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const PATIENCE = 10_000; // milliseconds that one call may take

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
let context, page, opened, look;
let [faults, requests] = [[], []];
const MARKING = ["emulate", "pdf"]; // what outlasts the document that it was asked of

/** Nothing but the opened file and what is written inside it may be asked for, by frames neither. */
function watch(request) {
  const asked = request.url().split("#")[0];
  if (!/^(data|blob|about):/.test(asked) && asked !== opened) requests.push(asked);
}

async function prepare(options) {
  context = await browser.newContext({ reducedMotion: "no-preference", ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  context.setDefaultTimeout(PATIENCE / 2);
  page = await context.newPage();
  page.on("request", watch);
  page.on("console", (line) => {
    if (["error", "warning"].includes(line.type())) faults.push(line.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  await context.route(/^(https?|wss?|ftp):/, (route) => route.abort());
}

const own = {
  /**
   * A document that shares nothing with the last, as no test may lean on what another left; options are Playwright's
   * for a context. A context takes longer to make than a page to load: the same options get the same one.
   */
  async open(url, options = {}) {
    const asked = JSON.stringify(options);
    if (look === asked) {
      await page.evaluate(() => localStorage.clear());
      await page.goto("about:blank");
    } else {
      await context?.close();
      await prepare(options);
    }
    [faults, requests, opened, look] = [[], [], url.split("#")[0], asked];
    await page.goto(url);
  },
  async leave() {
    await context?.close();
    context = look = undefined;
  },
  /** What went wrong since the page was opened. */
  faults: () => ({ faults, requests }),
  emulate: (options) => page.emulateMedia(options),
  /** The text of an element of the first frame in the page. */
  inFrame: (selector) => page.frames()[1].locator(selector).innerText(),
  /** How many sheets the page takes when it is printed. */
  pdf: async (options) => (await page.pdf(options)).toString("latin1").match(/\/Type \/Page\b/g).length,
};

/** "keyboard.press" -> the method and the object that it belongs to. */
function method(name) {
  const path = name.split(".");
  const last = path.pop();
  const owner = path.reduce((object, key) => object[key], page);
  return (...args) => owner[last](...args);
}

async function answer({ call, args = [] }) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${call} took longer than ${PATIENCE} ms`)), PATIENCE);
  });
  if (MARKING.includes(call)) look = undefined;
  try {
    const value = await Promise.race([(own[call] ?? method(call))(...args), late]);
    return { value: Buffer.isBuffer(value) ? null : (value ?? null) };
  } catch (error) {
    look = undefined;
    return { error: String(error.message ?? error) };
  } finally {
    clearTimeout(timer);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
await browser.close();
