// Pages in a browser, as far as the guide's need one: happy-dom loads them, with the samples beside them, from a server of another origin than
// Parlor's.

import { build } from "esbuild";
import { Browser } from "happy-dom";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { until } from "./steps.js";

const FOLDER = new URL("./", import.meta.url);

/** What happy-dom has not, or has in a form that is Node's own. */
const OF_THE_PLATFORM = ["ReadableStream", "TransformStream", "WritableStream", "TextDecoderStream", "TextEncoderStream", "structuredClone"];

const pages = new Map();
let origin = null;

/** Opens the HTML as a page of its own. */
export async function openPage(html) {
  origin ??= await serve();
  const path = `/page-${pages.size + 1}`;
  pages.set(path, html);
  const [errors, sockets] = [[], new Set()];
  const report = (...words) => errors.push(words.map((word) => word?.stack ?? String(word)).join(" "));
  const browser = new Browser({
    console: { ...console, error: report, warn: report },
    settings: {
      enableJavaScriptEvaluation: true,
      suppressInsecureJavaScriptEnvironmentWarning: true, // The code is the guide's.
      navigation: { beforeContentCallback: (window) => equip(window, sockets) },
    },
  });
  const page = browser.newPage();
  await page.goto(origin + path);
  return new Page(browser, page.mainFrame, errors, sockets);
}

function equip(window, sockets) {
  for (const name of OF_THE_PLATFORM) window[name] = globalThis[name];
  window.WebSocket = class extends window.WebSocket {
    constructor(...all) {
      super(...all);
      sockets.add(this);
    }
  };
}

/** As a page that shows the component which the block exports under this name: with a bundle, as pages are made from JSX. */
export async function openReact(block, name, properties) {
  const start = `
    import { StrictMode } from "react";
    import { createRoot } from "react-dom/client";
    import { ${name} } from "./block.jsx";
    createRoot(document.querySelector("#root")).render(<StrictMode><${name} {...${JSON.stringify(properties)}} /></StrictMode>);`;
  const { outputFiles: [bundle] } = await build({
    stdin: { contents: start, loader: "jsx", resolveDir: fileURLToPath(FOLDER) },
    plugins: [{ name: "the block", setup: (build) => provide(build, block) }],
    bundle: true,
    format: "iife",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"development"' }, // Strict mode is strict only here.
    write: false,
    logLevel: "error",
  });
  const path = `/bundle-${pages.size + 1}.js`;
  pages.set(path, bundle.text);
  return openPage(`<!doctype html><title>Chat</title><div id="root"></div><script defer src="${path}"></script>`);
}

function provide(build, block) {
  build.onResolve({ filter: /^\.\/block\.jsx$/ }, () => ({ path: "block.jsx", namespace: "guide" }));
  build.onLoad({ filter: /.*/, namespace: "guide" }, () => ({ contents: block, loader: "jsx", resolveDir: fileURLToPath(FOLDER) }));
}

class Page {
  #browser;
  #frame;
  #errors;
  #sockets;

  constructor(browser, frame, errors, sockets) {
    this.#browser = browser;
    this.#frame = frame;
    this.#errors = errors;
    this.#sockets = sockets;
  }

  get window() {
    return this.#frame.window;
  }

  find(selector) {
    return this.#frame.document.querySelector(selector);
  }

  /** The list as a person sees it: who says what. What comes after the text, links and buttons, is left out. */
  get lines() {
    return [...this.#frame.document.querySelectorAll("li")].map(({ className, firstChild }) => [className, firstChild?.textContent ?? ""]);
  }

  /** Types into the page's only field, as a person would. */
  async type(text) {
    const field = await this.until(() => this.find("input"), "a field");
    const { HTMLInputElement, Event } = this.window;
    // React watches the field's own property, so the text goes past it.
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** Presses the button with these words. */
  async press(words) {
    const button = () => [...this.#frame.document.querySelectorAll("button")].find(({ textContent }) => textContent === words);
    (await this.until(button, `a button ${words}`)).click();
  }

  async say(text) {
    await this.type(text);
    await this.press("Send");
    await this.until(() => this.find("input").value === "", "the field is empty again");
  }

  /** Waits as `until`, and tells what the page shows when it was in vain. */
  async until(condition, what) {
    try {
      const found = await until(() => this.#errors.length > 0 || condition(), what);
      this.#mustBeWell();
      return found;
    } catch (error) {
      throw new Error(`${error.message}\nthe page: ${this.#frame.document.body.innerHTML}`, { cause: error });
    }
  }

  /** The page goes away. */
  async close() {
    this.#mustBeWell();
    for (const socket of this.#sockets) socket.onclose = null; // In a browser a page that is gone hears nothing more.
    await this.#browser.close();
  }

  #mustBeWell() {
    if (this.#errors.length > 0) throw new Error(`the page reports: ${this.#errors.join("\n")}`);
  }
}

async function serve() {
  const server = createServer((request, response) => void answer(request, response).catch((error) => response.writeHead(404).end(error.message)));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

async function answer({ url: path }, response) {
  const text = pages.get(path) ?? (await readFile(new URL(`.${path}`, FOLDER), "utf8"));
  response.writeHead(200, { "Content-Type": path.endsWith(".js") ? "text/javascript" : "text/html; charset=utf-8" }).end(text);
}
