// A visitor's side of a Parlor server in plain JavaScript: no dependencies, no build. For browsers and for Node.js 22 or newer; an older
// Node.js has no WebSocket of its own and gets one passed in, such as that of the package `ws`. docs/frontend-guide.md explains each part.

const RETRYABLE = new Set(["rate_limited", "internal", "unavailable", "offline"]);

/** A refusal, over HTTP or a socket alike. Decide by `code`, never by the words. */
export class ParlorError extends Error {
  constructor(code, message, { fields = [], retryAfter = 0 } = {}) {
    super(message);
    this.name = "ParlorError";
    this.code = code;
    this.fields = fields;
    this.retryAfter = retryAfter;
  }

  /** Whether the same call may succeed later. */
  get retryable() {
    return RETRYABLE.has(this.code);
  }
}

/** One HTTP request with JSON in it: the response if it is a good one, a ParlorError for everything else. */
export async function request(url, { method = "GET", body, token, headers = {}, signal, fetch = globalThis.fetch } = {}) {
  const all = { ...headers };
  if (body !== undefined) all["Content-Type"] = "application/json";
  if (token) all.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(url, { method, headers: all, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new ParlorError("offline", "The server cannot be reached.");
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => null);
  // A proxy in between answers in its own words.
  const code = answer?.code ?? (response.status >= 500 ? "unavailable" : "unexpected");
  const retryAfter = 1000 * Number(response.headers.get("Retry-After") ?? 0);
  throw new ParlorError(code, answer?.detail ?? `HTTP ${response.status}`, { fields: answer?.errors, retryAfter });
}

/** One HTTP call: JSON in, JSON out, a ParlorError for everything else. */
export async function call(url, options) {
  const response = await request(url, options);
  return response.status === 204 ? null : response.json().catch(() => null);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Full jitter: clients that lost the server together do not come back together. */
export const backOff = (attempt) => Math.random() * Math.min(30_000, 1_000 * 2 ** attempt);

/** Repeats what failed for now, while anybody wants it; a real refusal is thrown. */
export async function retrying(action, isWanted = () => true) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (!error.retryable || !isWanted()) throw error;
      await sleep(error.retryAfter || backOff(attempt));
    }
  }
}

/** At most 64 characters, never used twice. `crypto.randomUUID` exists on https pages only, so it is not used here. */
export const newId = () => `w-${Date.now()}-${Math.random().toString(36).slice(2, 12)}`;

const REPLY_WITHIN = 10_000;

/** Whether to come back after a close code; unknown ones as the protocol says. */
export function mayReconnect(code) {
  if (code === 4401 || code === 4408 || code === 4429) return true;
  if (code === 1000 || code === 1002 || code === 1007 || code === 1009) return false;
  return code < 4400 || code >= 4500;
}

/** One socket that comes back by itself: login, commands with replies, keep-alive, back-off, close codes. */
export class ParlorSocket {
  #options;
  #socket = null;
  #waiting = new Map();
  #number = 0;
  #attempt = 0;
  #renewed = false;
  #advised = null;
  #retry = null;
  #keepAlive = null;
  #heardAt = 0;
  #open = false;
  #tries = 0;
  #atOnce = () => this.#retry !== null && this.#connect();

  /**
   * `hello({ renew })` gives the data of `session:hello`, for each connection anew; `renew` is true after the server refused the last token.
   * `onReady(welcome)`, `onEvent(event)` and `onState("connecting" | "online" | "offline" | "stopped", code)` are called as things happen.
   */
  constructor({ url, hello, onReady = () => {}, onEvent = () => {}, onState = () => {}, WebSocket = globalThis.WebSocket }) {
    this.#options = { url: `${url.replace(/^http/, "ws")}/ws`, hello, onReady, onEvent, onState, WebSocket };
  }

  open() {
    if (this.#open) return;
    if (this.#options.WebSocket === undefined) throw new Error("There is no WebSocket here: use Node.js 22 or newer, or pass one in.");
    this.#open = true;
    globalThis.addEventListener?.("online", this.#atOnce);
    this.#connect();
  }

  close() {
    this.#stop(1000);
  }

  /**
   * Sends a command and waits for its reply. Without a connection, or when it breaks, it fails with the code `offline`. `onReply` is called
   * before any event that comes after the reply; what awaits the promise may run later.
   */
  command(event, data, onReply = () => {}) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== 1) return reject(new ParlorError("offline", "There is no connection."));
      const id = String((this.#number += 1));
      // A reply that does not come means a connection that only looks alive.
      const timer = setTimeout(() => this.#drop(), REPLY_WITHIN);
      this.#waiting.set(id, { onReply, resolve, reject, timer });
      this.#socket.send(JSON.stringify({ id, event, data }));
    });
  }

  /** Sends something that needs no answer, if there is a connection. */
  signal(event, data) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify({ event, data }));
  }

  async #connect() {
    const mine = (this.#tries += 1);
    clearTimeout(this.#retry);
    this.#retry = null;
    this.#options.onState("connecting");
    let hello;
    try {
      hello = await this.#options.hello({ renew: this.#renewed });
      if (mine !== this.#tries) return; // Closed meanwhile, perhaps opened again.
    } catch (error) {
      if (mine !== this.#tries) return;
      return error.retryable ? this.#lost(1006) : this.#stop(4401);
    }
    const socket = new this.#options.WebSocket(this.#options.url);
    this.#socket = socket;
    this.#advised = null;
    socket.onopen = () => this.command("session:hello", { protocol: 1, ...hello }, (welcome) => this.#ready(welcome)).catch(() => this.#drop());
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code }) => socket === this.#socket && this.#lost(code);
    socket.onerror = () => {}; // `onclose` follows and knows more.
  }

  #ready(welcome) {
    this.#attempt = 0;
    this.#renewed = false;
    this.#heardAt = Date.now();
    this.#keepAlive = setInterval(() => {
      if (Date.now() - this.#heardAt > welcome.dead_after_ms) this.#drop();
      else this.signal("ping");
    }, welcome.ping_every_ms);
    this.#options.onState("online");
    this.#options.onReady(welcome);
  }

  #receive(frame) {
    this.#heardAt = Date.now();
    if (frame.event === "session:closing") this.#advised = frame.data.after_ms;
    if (frame.event !== undefined) return this.#options.onEvent(frame);
    const waiting = this.#waiting.get(frame.reply_to);
    if (waiting === undefined) return;
    this.#waiting.delete(frame.reply_to);
    clearTimeout(waiting.timer);
    if (frame.ok) {
      waiting.onReply(frame.data);
      return waiting.resolve(frame.data);
    }
    const { code, message, details, retry_after_ms: retryAfter } = frame.error;
    waiting.reject(new ParlorError(code, message, { fields: details, retryAfter }));
  }

  /** Gives up a connection without waiting for the other end, which may be gone. A close that has begun tells its code itself. */
  #drop() {
    const socket = this.#socket;
    if (socket === null || socket.readyState > 1) return;
    this.#lost(1006);
    socket.close();
  }

  #lost(code) {
    this.#forget();
    if (!this.#open) return;
    if (!mayReconnect(code) || (code === 4401 && this.#renewed)) return this.#stop(code);
    if (code === 4401) this.#renewed = true;
    const delay = code === 4401 ? 0 : code === 4429 ? 60_000 : (this.#advised ?? backOff(this.#attempt));
    this.#attempt += 1;
    this.#options.onState("offline", code);
    this.#retry = setTimeout(() => this.#connect(), delay);
  }

  #stop(code) {
    if (!this.#open) return;
    this.#open = false;
    this.#tries += 1;
    globalThis.removeEventListener?.("online", this.#atOnce);
    clearTimeout(this.#retry);
    this.#retry = null;
    const socket = this.#socket;
    this.#forget();
    socket?.close(1000);
    this.#options.onState("stopped", code);
  }

  #forget() {
    this.#socket = null;
    clearInterval(this.#keepAlive);
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new ParlorError("offline", "The connection broke; whether the command was carried out is not known."));
    }
    this.#waiting.clear();
  }
}

/** Storage that may be missing or forbidden; then things are kept for this page only. */
function safeStorage(storage) {
  const memory = new Map();
  return {
    get(name) {
      try {
        return storage.getItem(`parlor.${name}`) ?? null;
      } catch {
        return memory.get(name) ?? null;
      }
    },
    set(name, value) {
      try {
        if (value === null) storage.removeItem(`parlor.${name}`);
        else storage.setItem(`parlor.${name}`, value);
      } catch {
        memory.set(name, value);
      }
    },
  };
}

function pageStorage() {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined; // Some browsers throw already here.
  }
}

/** One visitor in one conversation. `state` is a new object after each change; `subscribe` tells when. */
export class ParlorChat {
  #options;
  #storage;
  #socket;
  #once = { visitor: newId(), session: newId() };
  #run = 0;
  #key = null;
  #room = null;
  #messages = new Map();
  #sent = new Map();
  #rev = 0;
  #head = 0;
  #catchingUp = false;
  #reloading = false;
  #flushing = false;
  #typingSentAt = 0;
  #typingTimer = null;
  #listeners = new Set();
  state = { connection: "connecting", status: "open", handledBy: "human", messages: [], unread: 0, typing: false, writing: null };

  /** `profile` is what STEP 1 sends: `{ name, email, metadata, … }`, all optional. */
  constructor({ url, profile = {}, storage = pageStorage(), fetch = (...all) => globalThis.fetch(...all), WebSocket }) {
    this.#options = { url: url.replace(/\/$/, ""), profile, fetch };
    this.#storage = safeStorage(storage);
    this.#socket = new ParlorSocket({
      url: this.#options.url,
      WebSocket,
      hello: () => ({ token: this.#key, client: { name: "parlor-sample", version: "1" }, resume: [{ conversation_id: this.#room, after_rev: this.#rev }] }),
      onReady: ({ resumed: [resumed] }) => this.#resumed(resumed),
      onEvent: (event) => this.#take(event),
      onState: (connection, code) => this.#show({ connection, closeCode: code }),
    });
    this.#show({}); // What is left in the queue shows at once.
  }

  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** STEP 1 and 2, the history, then live. Waits for the network as long as it takes. */
  async start() {
    const run = (this.#run += 1);
    const isWanted = () => run === this.#run;
    try {
      this.#key = await retrying(() => this.#visitor(), isWanted);
      this.#room = await retrying(() => this.#conversation(), isWanted);
      await retrying(() => this.#load(), isWanted);
    } catch (error) {
      if (isWanted()) throw error;
    }
    if (isWanted()) this.#socket.open();
  }

  stop() {
    this.#run += 1;
    this.#socket.close();
  }

  /** STEP 3, in the room. Shows at once, is kept until the server has it, and goes out under the same client id until then. Returns that id. */
  send(text) {
    const entry = { client_id: newId(), text };
    this.#changeQueue((queue) => [...queue, entry]);
    this.#flush();
    return entry.client_id;
  }

  /** Sends a refused message once more, or as often as the person wants. */
  retry(clientId) {
    this.#changeQueue((queue) => queue.map((entry) => (entry.client_id === clientId ? { ...entry, error: undefined } : entry)));
    this.#flush();
  }

  discard(clientId) {
    this.#changeQueue((queue) => queue.filter((entry) => entry.client_id !== clientId));
  }

  /** The page before the oldest message that is here; false when there is none. */
  async loadOlder() {
    const oldest = Math.min(...[...this.#messages.values()].map(({ seq }) => seq));
    if (!Number.isFinite(oldest) || oldest <= 1) return false;
    const { results } = await this.#call(`/api/public/chat-rooms/${this.#room}/get_messages/?before_seq=${oldest}`);
    results.forEach((message) => this.#put(message));
    this.#show({});
    return results.length > 0;
  }

  /** Call it when the newest message is really seen. */
  async markRead() {
    const newest = Math.max(0, ...[...this.#messages.values()].map(({ seq }) => seq));
    if (newest === 0) return;
    const body = { up_to_seq: newest };
    const { unread_count: unread } = await this.#call(`/api/public/chat-rooms/${this.#room}/mark_as_read/`, { method: "POST", body });
    this.#show({ unread });
  }

  /** Call it with each key; it goes out every five seconds at most. */
  typing() {
    if (Date.now() - this.#typingSentAt < 5_000) return;
    this.#typingSentAt = Date.now();
    this.#socket.signal("conversation:typing", { conversation_id: this.#room, state: "start" });
  }

  #call(path, options = {}) {
    return call(this.#options.url + path, { ...options, fetch: this.#options.fetch });
  }

  /** STEP 1: the kept key if it is still good, else a new visitor. */
  async #visitor() {
    const kept = this.#storage.get("visitor");
    if (kept !== null) {
      try {
        await this.#call(`/api/chats/visitors/${kept}/validate/`);
        return kept;
      } catch (error) {
        if (error.code !== "visitor_not_found") throw error;
        for (const name of ["visitor", "room", "queue"]) this.#storage.set(name, null);
      }
    }
    const headers = { "Idempotency-Key": this.#once.visitor };
    const { data } = await this.#call("/api/chats/visitors/", { method: "POST", body: this.#options.profile, headers });
    this.#storage.set("visitor", data.id);
    return data.id;
  }

  /** STEP 2: a session in the kept conversation, else in a new one. */
  async #conversation() {
    const body = { visitor_id: this.#key, conversation_id: this.#storage.get("room") };
    try {
      const { data } = await this.#call("/api/chats/sessions/", { method: "POST", body, headers: { "Idempotency-Key": this.#once.session } });
      this.#storage.set("room", data.conversation_id);
      return data.conversation_id;
    } catch (error) {
      if (error.code !== "not_found" || body.conversation_id === null) throw error;
      this.#storage.set("room", null);
      this.#once.session = newId(); // Another request needs another key.
      return this.#conversation();
    }
  }

  /** The newest page of the history. Its `head_rev` is where live events go on. */
  async #load() {
    const [history, room] = await Promise.all([
      this.#call(`/api/public/chat-rooms/${this.#room}/get_messages/`),
      this.#call(`/api/public/chat-rooms/${this.#room}/`),
    ]);
    this.#messages.clear();
    history.results.forEach((message) => this.#put(message));
    this.#rev = this.#head = history.head_rev;
    this.#show({ status: room.status, handledBy: room.handled_by, unread: room.unread_count });
  }

  #resumed({ result, head_rev: head }) {
    if (result === "not_found") return this.#gone();
    if (result === "reset") return this.#reload();
    this.#head = Math.max(this.#head, head);
    this.#flush();
  }

  /** Too much happened meanwhile: the history anew, then what came after it. */
  async #reload() {
    if (this.#reloading) return;
    this.#reloading = true;
    try {
      await retrying(() => this.#load());
    } finally {
      this.#reloading = false;
    }
    await this.#catchUp();
    this.#flush();
  }

  /** Asks for everything after the last number taken. */
  async #catchUp() {
    if (this.#catchingUp) return;
    this.#catchingUp = true;
    try {
      await this.#socket.command("conversation:subscribe", { conversation_id: this.#room, after_rev: this.#rev }, ({ result, head_rev: head }) => {
        this.#catchingUp = false;
        if (result === "reset") this.#reload();
        else this.#head = Math.max(this.#head, head);
      });
    } catch (error) {
      if (error.code === "not_found") this.#gone();
      // Otherwise the connection is gone, and the next one resumes.
    } finally {
      this.#catchingUp = false;
    }
  }

  #gone() {
    this.#storage.set("room", null);
    this.#socket.close();
  }

  #take({ event, conversation_id: id, rev, data }) {
    if (id !== this.#room) return;
    if (event === "conversation:deleted") return this.#gone();
    if (rev === undefined) return this.#takeSignal(event, data);
    if (rev <= this.#rev || this.#reloading) return; // Delivery is at least once; what comes during a reload is asked for after it.
    // Up to the head of a resume numbers may skip, since older changes are folded into newer ones. After it a hole is a hole.
    if (rev > this.#head && rev !== this.#rev + 1) return this.#catchUp();
    this.#rev = rev;
    this.#head = Math.max(this.#head, rev);
    if (data.message !== undefined) {
      this.#put(data.message);
      if (data.message.sender.kind === "agent") this.#readUpTo(data.message.seq); // Who answers has read.
    }
    const { status, handled_by: handledBy, unread } = data.conversation ?? data;
    this.#show({
      ...(status !== undefined && { status }),
      ...(handledBy !== undefined && { handledBy }),
      ...(unread !== undefined && { unread: unread.visitor }),
      ...(event === "conversation:new-message" && { typing: false }),
      // What the assistant wrote is stored now, or a person took over and it never will be.
      ...((handledBy === "human" || data.message?.id === this.state.writing?.id) && { writing: null }),
    });
  }

  #takeSignal(event, data) {
    if (event === "conversation:typing") {
      clearTimeout(this.#typingTimer);
      this.#show({ typing: data.state === "start" });
      this.#typingTimer = setTimeout(() => this.#show({ typing: false }), 8_000);
    }
    if (event === "assistant:delta") this.#takeDelta(data);
    if (event === "conversation:read" && data.by === "agent") {
      this.#readUpTo(data.up_to_seq);
      this.#show({});
    }
  }

  /** Offsets count characters, not UTF-16 units. After a hole, or a reload in the middle, the finished message is awaited. */
  #takeDelta({ message_id: id, offset, delta }) {
    const known = offset > 0 && this.state.writing?.id === id ? this.state.writing.text : "";
    if ([...known].length === offset) this.#show({ writing: { id, text: known + delta } });
  }

  #readUpTo(seq) {
    for (const message of this.#messages.values()) {
      if (message.sender.kind === "visitor" && message.seq <= seq) this.#messages.set(message.id, { ...message, is_read: true });
    }
  }

  /** In its place by id, new or not. An own message that comes back is one less to send. */
  #put(message) {
    this.#messages.set(message.id, message);
    if (message.sender.kind !== "visitor" || message.client_id === null) return;
    this.#sent.delete(message.client_id);
    if (this.#queue().some((entry) => entry.client_id === message.client_id)) this.discard(message.client_id);
  }

  // The queue lives in the storage, so that it outlives the page. Two tabs may both send an entry: the server stores it once.

  #queue() {
    return JSON.parse(this.#storage.get("queue") ?? "[]");
  }

  #changeQueue(change) {
    this.#storage.set("queue", JSON.stringify(change(this.#queue())));
    this.#show({});
  }

  /** One after the other, so that they arrive in the order they were written. */
  async #flush() {
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      for (;;) {
        const entry = this.#queue().find(({ error }) => error === undefined);
        if (entry === undefined || this.state.connection !== "online") return;
        const message = { client_id: entry.client_id, type: "text", text: entry.text };
        try {
          await this.#socket.command("conversation:message", { conversation_id: this.#room, message });
          const isHere = [...this.#messages.values()].some(({ client_id: id, sender }) => id === entry.client_id && sender.kind === "visitor");
          if (!isHere) this.#sent.set(entry.client_id, entry.text); // Until its event comes.
          this.discard(entry.client_id);
        } catch (error) {
          if (error.code === "offline") return; // The next connection goes on, with the same client id.
          if (error.retryable) await sleep(error.retryAfter || 1_000);
          else this.#changeQueue((queue) => queue.map((known) => (known.client_id === entry.client_id ? { ...known, error: error.code } : known)));
        }
      }
    } finally {
      this.#flushing = false;
    }
  }

  #show(changes) {
    const stored = [...this.#messages.values()].sort((a, b) => a.seq - b.seq);
    const sent = [...this.#sent].map(([client_id, text]) => ({ client_id, text, sending: "sent" }));
    const queued = this.#queue().map(({ client_id, text, error }) => ({ client_id, text, sending: error === undefined ? "waiting" : "refused", error }));
    this.state = { ...this.state, ...changes, messages: [...stored, ...sent, ...queued] };
    for (const listener of this.#listeners) listener(this.state);
  }
}
