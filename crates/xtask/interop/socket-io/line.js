// The line between a client and the server, so that it can fail: at once, or after a while in which nothing comes back.

import { connect, createServer } from "node:net";

export class Line {
  #calls = new Set();
  #down = false;

  /** A line to the server at `url`; clients take its own `url`. */
  static async to(url) {
    const { hostname, port } = new URL(url);
    const line = new Line();
    const server = createServer((near) => line.#connect(near, connect(Number(port), hostname)));
    await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
    line.url = `http://127.0.0.1:${server.address().port}`;
    return line;
  }

  /** Every TCP connection ends, as when a tunnel begins; for a moment there is no new one. */
  cut() {
    this.#down = true;
    setTimeout(() => (this.#down = false), 20);
    for (const { near, far } of this.#calls) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** From now on the server hears the client, and the client hears nothing: what it sends is done, and it does not know. */
  mute() {
    for (const { near, far } of this.#calls) {
      far.unpipe(near);
      far.resume();
    }
  }

  #connect(near, far) {
    if (this.#down) near.resetAndDestroy();
    const call = { near, far };
    this.#calls.add(call);
    near.setNoDelay().on("error", () => {}).on("close", () => this.#end(call)).pipe(far);
    far.setNoDelay().on("error", () => {}).on("close", () => this.#end(call)).pipe(near);
  }

  #end(call) {
    this.#calls.delete(call);
    call.near.destroy();
    call.far.destroy();
  }
}
