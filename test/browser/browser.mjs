// Chromium, and tabs of the demo's page in it that note everything that goes wrong.
import { chromium } from 'playwright-core';

const path = process.env.CHROMIUM ?? '/usr/bin/chromium';
const quiet = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export function launch() {
  return chromium.launch({ executablePath: path, args: quiet });
}

/** Tab is the page of one user. */
export class Tab {
  mistakes = []; // what the console complained about
  elsewhere = []; // requests that left the page's own host

  static async open(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const tab = new Tab(await context.newPage());
    await tab.page.goto(url);
    await tab.is('live');
    return tab;
  }

  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(40_000);
    page.on('console', (m) => ['error', 'warning'].includes(m.type()) && this.mistakes.push(m.text()));
    page.on('pageerror', (e) => this.mistakes.push(String(e.stack ?? e)));
    page.on('request', (r) => new URL(r.url()).host !== new URL(page.url()).host && page.url() !== 'about:blank' && this.elsewhere.push(r.url()));
  }

  close() {
    return this.page.context().close();
  }

  /** is waits until the connection is in a state. */
  is(state) {
    return this.page.waitForSelector(`#link-state[data-state=${state}]`);
  }

  get name() {
    return this.page.evaluate(() => sessionStorage.getItem('tutti.name'));
  }

  /** until waits until f, which runs in the page, returns something true. */
  until(f, arg) {
    return this.page.waitForFunction(f, arg, { polling: 50 });
  }

  // The board.

  async color(name, brush = 1) {
    await this.page.locator(`#palette input[aria-label=${name}]`).check({ force: true });
    await this.page.locator(`input[name=brush][value="${brush}"]`).check({ force: true });
  }

  async moveTo(...place) {
    await this.#move(await this.page.locator('#canvas').boundingBox(), place);
  }

  async stroke(...places) {
    const box = await this.page.locator('#canvas').boundingBox();
    await this.#move(box, places[0]);
    await this.page.mouse.down();
    for (const p of places.slice(1)) await this.#move(box, p);
    await this.page.mouse.up();
  }

  #move(box, [x, y]) {
    return this.page.mouse.move(box.x + ((x + 0.5) / 256) * box.width, box.y + ((y + 0.5) / 256) * box.height);
  }

  pixel(x, y) {
    return this.page.evaluate(pixelAt, [x, y]);
  }

  async pixelIs(x, y, color) {
    try {
      await this.until(pixelIs, [x, y, color]);
    } catch (e) {
      throw new Error(`the board has ${await this.pixel(x, y)} at ${x}, ${y} and not ${color}; ${await this.page.innerText('#ledger')}`, { cause: e });
    }
  }

  // The room.

  async say(text) {
    await this.page.fill('#text', text);
    await this.page.press('#text', 'Enter');
  }

  lines() {
    return this.page.locator('#lines .line:not(.waiting):not(.failed) .line-text').allTextContents();
  }

  hears(text) {
    return this.until((t) => [...document.querySelectorAll('#lines .line:not(.waiting) .line-text')].some((e) => e.textContent === t), text);
  }

  // The pad.

  text() {
    return this.page.inputValue('#pad-text');
  }

  async textIs(text) {
    try {
      await this.until((t) => document.querySelector('#pad-text').value === t, text);
    } catch (e) {
      throw new Error(`the pad has\n${JSON.stringify(await this.text())} and not\n${JSON.stringify(text)}`, { cause: e });
    }
  }

  saved() {
    return this.page.waitForSelector('#pad-status[data-state=saved]');
  }

  /** caretAt puts the caret before UTF-16 unit number n of the pad. */
  async caretAt(n) {
    await this.page.focus('#pad-text');
    await this.page.evaluate((n) => document.querySelector('#pad-text').setSelectionRange(n, n), n);
  }
}

// Both run in the page, on a copy: reading the page's own canvas would slow that down.

function pixelAt([x, y]) {
  const copy = new OffscreenCanvas(1, 1).getContext('2d');
  copy.drawImage(document.querySelector('#canvas'), x, y, 1, 1, 0, 0, 1, 1);
  return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3).join();
}

function pixelIs([x, y, color]) {
  const copy = new OffscreenCanvas(1, 1).getContext('2d');
  copy.drawImage(document.querySelector('#canvas'), x, y, 1, 1, 0, 0, 1, 1);
  return [...copy.getImageData(0, 0, 1, 1).data].slice(0, 3).join() === color;
}
