// Two people write to each other over lines that break a hundred times, in every phase of a connection. Their clients are offline-first: they
// keep what they say until it is acknowledged, and catch up after each break, one by `conversation:subscribe`, the other by loading. In the end
// each has every message once, in the order of the server.

import assert from "node:assert/strict";
import { begin, Device, Person, url } from "./people.js";
import { Line } from "./line.js";
import { newNumber, setting, sleep, step, until } from "./steps.js";

const ROUNDS = 17; // Of each of the six clients.
const AT_LEAST = 30; // Messages of each client, however slow the machine is.
const SPEAKS_EVERY = 30; // Milliseconds,
const UNHEARD = 20; // unless so much waits for its acknowledgement.

/** Ways to lose a connection that has just begun: each waits for its moment. */
const BREAKS = {
  "closed by the client": ({ engine }) => setImmediate(() => engine.close()),
  "cut at the handshake": ({ line }) => line.cut(),
  "cut at the login": async ({ line, socket }) => {
    await once(socket, "connect");
    line.cut();
  },
  "cut in the upgrade": async ({ line, engine }) => {
    await once(engine, "upgrading");
    line.cut();
  },
  "cut just after the upgrade": async ({ line, engine }) => {
    await once(engine, "upgrade");
    line.cut();
  },
  "cut later": async ({ line, socket }) => {
    await once(socket, "connect");
    await sleep(60);
    line.cut();
  },
  "closed later": async ({ engine, socket }) => {
    await once(socket, "connect");
    await sleep(60);
    engine.close();
  },
  "cut after a silence": async ({ line, socket }) => {
    await once(socket, "connect");
    await sleep(40);
    line.mute();
    await sleep(40);
    line.cut();
  },
};

const [UPGRADE, STRAIGHT] = [Object.keys(BREAKS), Object.keys(BREAKS).filter((name) => !name.includes("upgrade"))];
const CONVERSATIONS = [
  { options: {}, breaks: UPGRADE, catchUp: ["subscribe", "load"] },
  { options: { transports: ["websocket"] }, breaks: STRAIGHT, catchUp: ["load", "subscribe"] },
  { options: { transports: ["polling"] }, breaks: STRAIGHT, catchUp: ["subscribe", "load"] },
];

/** As a careful page: what is said is kept until it is acknowledged, what is heard is put in place. */
class OfflineFirst {
  outbox = new Map(); // By number: the message, and whether it is on its way.
  messages = new Map(); // By the server's id.
  place = 0; // The `rev` of the last event taken.
  head = 0; // To where the running resume goes; up to there numbers skip.
  missed = 0; // The highest `rev` that did not follow on.
  catchingUp = false;
  counts = { broken: 0, said: 0, repeated: 0, caughtUp: 0, holes: 0, givenUp: 0 };

  /** `breaks` are the ways in which its connections will end, in turn. */
  constructor(person, conversation, line, options, catchUp, breaks) {
    Object.assign(this, { person, conversation, line, catchUp });
    this.device = new Device(person, { url: line.url, ...options });
    const { socket } = this.device;
    const { io: manager } = socket;
    manager.on("open", () => {
      const { engine } = manager;
      engine.on("upgradeError", () => engine.upgrading && engine.readyState === "open" && this.#giveUp());
      void BREAKS[breaks.shift()]?.({ line, socket, engine });
    });
    manager.on("close", () => (this.counts.broken += 1));
    socket.on("connect", () => void this.#comeBack());
    socket.onAny((name, data) => "rev" in data && this.#hear(data));
    this.restored = until(() => breaks.length === 0 && this.counts.broken >= ROUNDS && socket.connected, () => `${person.sender} is connected again; to come: ${breaks}`, 50_000);
  }

  say() {
    if (this.outbox.size >= UNHEARD) return;
    const text = `${this.person.sender} ${(this.counts.said += 1)}`;
    const message = this.device.message(text, { id: newNumber() });
    this.outbox.set(message.id, { message, underWay: false });
    this.#send();
  }

  /** In the order in which it was said: the line keeps it. */
  #send() {
    const { socket } = this.device;
    for (const entry of socket.connected ? this.outbox.values() : []) {
      if (entry.underWay) continue;
      entry.underWay = true;
      void this.#deliver(entry).finally(() => (entry.underWay = false));
    }
  }

  async #deliver({ message }) {
    const { ok, data, error } = await this.device.ask("conversation:message", { conversationId: this.conversation, message }).catch(lost);
    if (ok) {
      this.outbox.delete(message.id);
      if (data.duplicate) this.counts.repeated += 1;
    } else if (error) {
      assert(error.retryable, JSON.stringify(error));
      setTimeout(() => this.#send(), error.retry_after_ms);
    }
  }

  /** An upgrade that breaks off after its probe leaves this client silent until it misses the next heartbeat; nobody waits here so long. */
  #giveUp() {
    this.counts.givenUp += 1;
    this.device.socket.disconnect().connect();
  }

  async #comeBack() {
    this.head = 0;
    const { id } = this.device.socket;
    // What broke in the meantime comes back by itself.
    await (this.catchUp === "load" ? this.#load() : this.#resume()).catch(lost);
    if (id === this.device.socket.id) this.#send();
  }

  async #load() {
    const { messages } = await this.person.loadOne(this.conversation);
    messages.forEach((message) => this.#keep(message));
    this.counts.caughtUp += 1;
  }

  async #resume() {
    if (this.catchingUp) return;
    this.catchingUp = true;
    this.missed = 0;
    try {
      await this.#subscribe();
      this.counts.caughtUp += 1;
    } finally {
      this.catchingUp = false;
    }
    if (this.missed > this.head) await this.#resume();
  }

  /** With a callback and not a promise: what is caught up may come with the reply, and is heard before a promise goes on. */
  #subscribe() {
    const place = { conversationId: this.conversation, afterRev: this.place };
    return new Promise((resolve, reject) => {
      this.device.socket.timeout(20_000).emit("conversation:subscribe", place, (error, reply) => {
        if (error) return reject(error);
        assert.equal(reply.data?.result, "ok", JSON.stringify(reply));
        this.head = reply.data.headRev;
        resolve();
      });
    });
  }

  #hear({ rev, message }) {
    if (this.catchUp === "load") return message && this.#keep(message);
    if (rev <= this.place) return; // Known.
    if (rev !== this.place + 1 && rev > this.head) {
      this.missed = Math.max(this.missed, rev);
      this.counts.holes += 1;
      void this.#resume().catch(lost);
      return;
    }
    this.place = rev;
    if (message) {
      assert(!this.messages.has(message.messageId), `${message.text} comes as new a second time`);
      this.#keep(message);
    }
  }

  #keep(message) {
    const known = this.messages.get(message.messageId);
    if (known) assert.deepEqual([known.seq, known.text, known.id], [message.seq, message.text, message.id]);
    this.messages.set(message.messageId, message);
  }

  get transcript() {
    return [...this.messages.values()].sort((one, other) => one.seq - other.seq).map(line);
  }
}

/** What was asked of a connection that is gone is asked again of the next one. Any other error is a finding. */
function lost(error) {
  assert.match(error.message, /disconnected/);
  return {};
}

await step("lines that break", async () => {
  const began = Date.now();
  const results = await Promise.all(CONVERSATIONS.map(holdOne));
  const total = (name) => results.reduce((sum, result) => sum + result[name], 0);
  assert(total("broken") >= 100, `only ${total("broken")} connections broke`);
  assert(total("repeated") > 0, "no acknowledgement was lost: this proves less than it says");
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  return (
    `${total("broken")} broken connections: ${total("said")} messages, each once and in order on both sides, ` +
    `${total("repeated")} sent again and stored once, ${total("caughtUp")} times caught up, ${total("holes")} holes seen and filled, ${total("givenUp")} half upgrades given up, ${seconds} s`
  );
});

process.exit();

async function holdOne({ options, breaks, catchUp }) {
  const [customer, seller] = [new Person("customer", "Nadia"), new Person("seller", "Mia")];
  const { id } = await begin(customer, seller);
  const clients = await Promise.all(
    [customer, seller].map(async (person, n) => {
      const rounds = Array.from({ length: ROUNDS }, (_, round) => breaks[(round + n * 3) % breaks.length]);
      return new OfflineFirst(person, id, await Line.to(url), options, catchUp[n], rounds);
    }),
  );
  const speaking = clients.map((client) => setInterval(() => client.say(), SPEAKS_EVERY));
  await Promise.all(clients.map(({ restored }) => restored));
  await until(() => clients.every(({ counts }) => counts.said >= AT_LEAST), "enough was said", 60_000);
  speaking.forEach(clearInterval);

  const said = clients.reduce((sum, { counts }) => sum + counts.said, 0);
  const state = () => clients.map(({ outbox, messages }) => `${outbox.size} unsent and ${messages.size} of ${said + 1} there`).join("; ");
  await until(() => clients.every(({ outbox, messages }) => outbox.size === 0 && messages.size >= said + 1), state, 30_000);

  const stored = await everything(customer);
  assert.deepEqual(stored.map(({ seq }) => seq), Array.from({ length: said + 1 }, (_, n) => n + 1), "no place is empty or doubled");
  for (const { person, transcript, counts } of clients) {
    assert.deepEqual(transcript, stored.map(line), `${person.email} has what the server has`);
    assert.deepEqual((await person.loadOne(id)).messages.map(line), stored.slice(-100).map(line), "and so after a refresh");
    const own = stored.map(({ text }) => text).filter((text) => text.startsWith(`${person.sender} `));
    assert.deepEqual(own, Array.from({ length: counts.said }, (_, n) => `${person.sender} ${n + 1}`), "all that was said, as it was said");
  }
  clients.forEach(({ device }) => device.leave());
  return sum(clients.map(({ counts }) => counts));
}

/** All messages, as the workspace's agents see them. */
async function everything({ email }) {
  const login = { username: setting("PARLOR_USERNAME"), password: setting("PARLOR_PASSWORD") };
  const { access } = await json("/api/admin/auth/login/", { method: "POST", body: JSON.stringify(login), headers: { "Content-Type": "application/json" } });
  const headers = { Authorization: `Bearer ${access}` };
  const { results: [row] } = await json(`/api/admin/chat-rooms/?kind=marketplace&q=${encodeURIComponent(email)}`, { headers });
  assert(row, `agents find what ${email} began`);
  const all = [];
  for (let more = true; more; ) {
    const page = await json(`/api/admin/chat-rooms/${row.id}/messages/?limit=100&after_seq=${all.length}`, { headers });
    all.push(...page.results.map(({ id, seq, text, client_id }) => ({ messageId: id, seq, text, id: Number(client_id) })));
    more = page.results.length === 100;
  }
  return all;
}

async function json(path, options) {
  const response = await fetch(url + path, options);
  const answer = await response.json();
  assert.equal(response.status, 200, `${path} was answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer;
}

function line({ seq, messageId, id, text }) {
  return `${seq} ${messageId} ${id} ${text}`;
}

function once(emitter, event) {
  return new Promise((resolve) => emitter.once(event, resolve));
}

function sum(counts) {
  return Object.fromEntries(Object.keys(counts[0]).map((name) => [name, counts.reduce((total, count) => total + count[name], 0)]));
}
