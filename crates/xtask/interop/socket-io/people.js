// Customers and sellers as the host site knows them, and the devices they hold.

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { io } from "socket.io-client";
import { mustBeConversation, mustBeEvent, mustBeReply } from "./shapes.js";
import { newNumber, setting, sleep, until } from "./steps.js";

export const url = setting("PARLOR_URL");
const secret = setting("PARLOR_HOST_JWT_SECRET");

export class Person {
  constructor(role, name) {
    this.role = role;
    this.name = name;
    this.sub = randomUUID();
    this.email = `${name}.${this.sub.slice(0, 8)}@example.com`.toLowerCase();
    /** The word of its side in messages, and in the conversation's read state. */
    [this.sender, this.side] = role === "seller" ? ["seller", "seller"] : ["user", "customer"];
  }

  /** What the host site gives its page. */
  token(claims = {}, key = secret) {
    const { sub, email, name, role } = this;
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const [head, body] = [{ alg: "HS256", typ: "JWT" }, { sub, email, name, role, exp, ...claims }].map(encoded);
    return `${head}.${body}.${createHmac("sha256", key).update(`${head}.${body}`).digest("base64url")}`;
  }

  /** A busy server says when to come again. */
  async call(method, path, body, patience = 5) {
    const headers = { Authorization: `Bearer ${this.token()}`, "Content-Type": "application/json" };
    const response = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
    const said = await response.text();
    if (response.status === 503 && patience > 0) {
      await sleep(1_000 * response.headers.get("Retry-After"));
      return this.call(method, path, body, patience - 1);
    }
    return { status: response.status, headers: response.headers, body: said && JSON.parse(said) };
  }

  /** The same, with the one status that is right. */
  async expect(status, method, path, body) {
    const answer = await this.call(method, path, body);
    assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(body)} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** The own conversations, as after a refresh of the page. */
  async load() {
    const list = await this.expect(200, "GET", `/api/conversations?${this.side}Id=${encodeURIComponent(this.email)}`);
    list.forEach(mustBeConversation);
    return list;
  }

  async loadOne(id) {
    const found = (await this.load()).filter((conversation) => conversation.id === id);
    assert.equal(found.length, 1, `${this.email} has ${found.length} conversations ${id}`);
    return found[0];
  }

  /** A connected device. */
  async connect(options = {}) {
    const device = new Device(this, options);
    await device.connected();
    return device;
  }
}

/** One socket.io-client of one person. Whatever arrives must have its shape: else the script ends here. */
export class Device {
  events = [];

  constructor(person, { url: at = url, ...options } = {}) {
    this.person = person;
    this.socket = io(at, { auth: { token: person.token() }, forceNew: true, reconnectionDelay: 10, reconnectionDelayMax: 50, ...options });
    this.socket.onAny((name, ...args) => {
      if (name !== "error") mustBeEvent(name, args);
      this.events.push({ name, data: args[0] });
    });
  }

  async connected() {
    const refused = new Promise((_, reject) => this.socket.once("connect_error", reject));
    await Promise.race([until(() => this.socket.connected, "the connection"), refused]);
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }

  upgraded() {
    return until(() => this.transport === "websocket", "the upgrade to a WebSocket");
  }

  /** The reply to a command. */
  async ask(event, data) {
    const reply = await this.socket.timeout(20_000).emitWithAck(event, data);
    mustBeReply(reply);
    return reply;
  }

  async do(event, data) {
    const reply = await this.ask(event, data);
    assert(reply.ok, `${event} ${JSON.stringify(data)} was refused: ${JSON.stringify(reply.error)}`);
    return reply.data;
  }

  async refused(event, data) {
    const reply = await this.ask(event, data);
    assert(!reply.ok, `${event} ${JSON.stringify(data)} was not refused: ${JSON.stringify(reply.data)}`);
    return reply.error.code;
  }

  send(conversationId, message) {
    return this.do("conversation:message", { conversationId, message });
  }

  say(conversationId, text) {
    return this.send(conversationId, this.message(text));
  }

  /** A message as the old frontends make it. */
  message(text, more = {}) {
    return { id: newNumber(), sender: this.person.sender, text, timestamp: new Date().toISOString(), isRead: false, type: "text", ...more };
  }

  /** The data of the events of this name that have come. */
  got(name) {
    return this.events.filter((event) => event.name === name).map(({ data }) => data);
  }

  /** The first such event that fits, waited for. */
  next(name, fits = () => true) {
    const says = () => `${this.person.email} gets ${name}; there were ${JSON.stringify(this.events.map((event) => event.name))}`;
    return until(() => this.got(name).find(fits), says);
  }

  line(text) {
    return this.next("conversation:new-message", ({ message }) => message.text === text);
  }

  leave() {
    this.socket.disconnect();
  }
}

/** A conversation that a customer begins about a car, with its first line. */
export async function begin(customer, seller, first = "Is it still available?") {
  const id = `conv_${randomUUID()}`;
  const made = await customer.expect(201, "POST", "/api/conversations", {
    id,
    customerId: customer.email,
    customerName: customer.name,
    sellerId: seller.email,
    vehicleId: 4711,
    vehicleName: "VW Golf 1.4 TSI",
    vehiclePrice: 18_900,
    messages: [{ id: newNumber(), sender: "user", text: first, timestamp: new Date().toISOString(), isRead: false, type: "text" }],
    isReadBySeller: false,
    isReadByCustomer: true,
    isFlagged: false,
  });
  mustBeConversation(made);
  return made;
}

/** Long enough for an event that must not come. */
export const quiet = () => sleep(300);

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
