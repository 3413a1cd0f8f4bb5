// A customer and a seller talk about a car through socket.io-client, as the old marketplace frontends do: over each transport, with the
// shapes that these know. And whoever has no business there is turned away.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { begin, Device, Person, quiet, url } from "./people.js";
import { mustBeSent, mustBeStored } from "./shapes.js";
import { newNumber, step } from "./steps.js";

const TRANSPORTS = [
  { name: "polling, then an upgrade", options: {}, upgrade: true },
  { name: "WebSocket from the start", options: { transports: ["websocket"] }, last: "websocket" },
  { name: "polling to the end", options: { transports: ["polling"] }, last: "polling" },
];

for (const { name, options, upgrade, last } of TRANSPORTS) {
  await step(name, async () => {
    const [customer, seller] = [new Person("customer", "Nadia"), new Person("seller", "Mia")];
    const begun = await begin(customer, seller); // Nobody has heard of this seller yet.
    const devices = [await customer.connect(options), await seller.connect(options)];
    if (upgrade) await Promise.all(devices.map((device) => device.upgraded()));
    await talk(begun, ...devices);
    assert.deepEqual(devices.map(({ transport }) => transport), Array(2).fill(last ?? "websocket"));
    devices.forEach((device) => device.leave());
  });
}

async function talk(begun, customer, seller) {
  const { id } = begun;
  assert.deepEqual([begun.customerId, begun.sellerId, begun.vehicleId, begun.messages.length], [customer.person.email, seller.person.email, 4711, 1]);
  const turns = [
    [customer, "Hello!"],
    [seller, "Hello, it is still here. 🚗 – „ja“"],
    [customer, "Can I see it?"],
    [seller, "Tomorrow at nine?"],
    [customer, "Fine.\nSee you there."],
  ];
  for (const [n, [device, text]] of turns.entries()) {
    const message = device.message(text);
    const sent = await device.send(id, message);
    mustBeSent(sent);
    assert.deepEqual([sent.id, sent.seq, sent.duplicate], [message.id, n + 2, false]);
    const [seen, same] = await Promise.all([customer.line(text), seller.line(text)]);
    assert.deepEqual(seen, same, "one frame serves both");
    assert.deepEqual([seen.conversationId, seen.conversation.id, seen.rev], [id, id, sent.rev]);
    const { timestamp, ...told } = seen.message;
    const expected = { id: message.id, messageId: sent.messageId, seq: sent.seq, sender: device.person.sender, text, isRead: false, type: "text" };
    assert.deepEqual(told, { ...expected, sentAt: message.timestamp });
    assert.equal(timestamp, sent.createdAt);
    assert.deepEqual(
      seen.conversation.messages.map(({ text }) => text),
      ["Is it still available?", ...turns.slice(0, n + 1).map(([, text]) => text)],
      "the conversation brings its messages",
    );
    const bySeller = device === seller;
    assert.deepEqual([seen.conversation.isReadBySeller, seen.conversation.isReadByCustomer], [bySeller, !bySeller], "who writes has read");
  }
  await repeats(id, customer);
  await reads(id, customer, seller);
  await refusals(id, customer);
  assert.equal(customer.got("conversation:new-message").length, turns.length, "nothing came twice");
  assert.deepEqual(customer.got("conversation:new-message"), seller.got("conversation:new-message"));
  for (const { person } of [customer, seller]) {
    const { messages } = await person.loadOne(id);
    assert.deepEqual(messages.map(({ seq }) => seq), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(messages.slice(1).map(({ text }) => text), turns.map(([, text]) => text));
  }
}

/** The same number again is the same message; with other words it is refused. */
async function repeats(id, customer) {
  const { id: number, messageId, seq, text } = customer.got("conversation:new-message")[0].message;
  const again = customer.message(text, { id: number });
  const sent = await customer.send(id, again);
  assert.deepEqual([sent.messageId, sent.seq, sent.duplicate], [messageId, seq, true]);
  const stored = await customer.person.expect(200, "PUT", "/api/conversations", { conversationId: id, message: again });
  mustBeStored(stored);
  assert.equal(stored.message.messageId, messageId);
  assert.equal(await customer.refused("conversation:message", { conversationId: id, message: { ...again, text: "Other words" } }), "conflict");
}

async function reads(id, customer, seller) {
  await seller.do("conversation:read", { conversationId: id });
  const read = await customer.next("conversation:read", ({ by }) => by === "seller");
  assert.deepEqual([read.conversationId, read.upToSeq, read.isReadBySeller, read.isReadByCustomer], [id, 6, true, true]);
  assert((await customer.person.loadOne(id)).isReadBySeller);
}

async function refusals(id, customer) {
  await customer.do("ping", {});
  const message = (more) => ({ conversationId: id, message: customer.message("Not like this", more) });
  assert.equal(await customer.refused("conversation:message", message({ sender: "seller" })), "forbidden");
  assert.equal(await customer.refused("conversation:message", message({ sender: "system" })), "forbidden");
  assert.equal(await customer.refused("conversation:message", message({ text: " " })), "invalid_input");
  assert.equal(await customer.refused("conversation:message", message({ file: Buffer.from("binary") })), "invalid_input");
  assert.equal(await customer.refused("conversation:nonsense", { conversationId: id }), "unknown_event");
  customer.socket.emit("conversation:nonsense", { conversationId: id });
  const { error } = await customer.next("error");
  assert.equal(error.code, "unknown_event", "also without an acknowledgement");
}

await step("whoever does not prove itself is refused, and may try again", async () => {
  const customer = new Person("customer", "Nadia");
  const wrong = {
    "no token": {},
    "no JWT": { token: "nonsense" },
    "another secret": { token: customer.token({}, "x".repeat(32)) },
    "an old one": { token: customer.token({ exp: Math.floor(Date.now() / 1000) - 3600 }) },
  };
  for (const [name, auth] of Object.entries(wrong)) {
    for (const transports of [["polling"], ["websocket"]]) {
      const error = await connectError(customer, { auth, transports });
      assert.deepEqual([error?.message, error?.data?.code], ["unauthorized", "unauthenticated"], `${name}, ${transports}`);
    }
  }
  // The page asks for a token anew at each attempt, and gets a good one in the end.
  const tokens = ["nonsense", customer.token()];
  const device = new Device(customer, { auth: (give) => give({ token: tokens.shift() }) });
  device.socket.on("connect_error", () => device.socket.connect());
  await device.connected().catch(({ data }) => assert.equal(data.code, "unauthenticated"));
  await device.connected();
  await device.do("ping", {});
  device.leave();
});

await step("the token may stand in the query", async () => {
  const customer = new Person("customer", "Nadia");
  for (const transports of [["polling", "websocket"], ["websocket"]]) {
    const device = await customer.connect({ auth: {}, query: { token: customer.token() }, transports });
    await device.do("ping", {});
    device.leave();
  }
});

await step("there is one namespace", async () => {
  const customer = new Person("customer", "Nadia");
  const error = await connectError(customer, { url: `${url}/chat` });
  assert.equal(error.message, "Invalid namespace");
});

await step("other people get nothing, and are told nothing", async () => {
  const [customer, seller] = [new Person("customer", "Nadia"), new Person("seller", "Mia")];
  const others = [new Person("customer", "Omar"), new Person("seller", "Olga")];
  const { id } = await begin(customer, seller);
  const [own, ...strangers] = await Promise.all([customer, ...others].map((person) => person.connect()));
  for (const stranger of strangers) {
    for (const named of [id, `conv_${randomUUID()}`, randomUUID()]) {
      const refused = (event, data) => stranger.refused(event, { conversationId: named, ...data });
      assert.equal(await refused("conversation:message", { message: stranger.message("Let me in") }), "not_found");
      assert.equal(await refused("conversation:subscribe", { afterRev: 0 }), "not_found");
      assert.equal(await refused("conversation:read", {}), "not_found");
      assert.equal(await refused("conversation:action", { messageId: newNumber(), action: "accept" }), "not_found");
    }
    const { person } = stranger;
    assert.deepEqual(await person.load(), []);
    await person.expect(403, "GET", `/api/conversations?customerId=${encodeURIComponent(customer.email)}`);
    await person.expect(403, "GET", `/api/conversations?sellerId=${encodeURIComponent(seller.email)}`);
    await person.expect(404, "PUT", "/api/conversations", { conversationId: id, message: stranger.message("Let me in") });
  }
  await own.say(id, "For one pair of eyes");
  await own.line("For one pair of eyes");
  await quiet();
  assert.deepEqual(strangers.map(({ events }) => events), [[], []]);
  [own, ...strangers].forEach((device) => device.leave());
});

await step("a deleted conversation is gone for both", async () => {
  const [customer, seller] = [new Person("customer", "Nadia"), new Person("seller", "Mia")];
  const { id } = await begin(customer, seller);
  const devices = await Promise.all([customer, seller].map((person) => person.connect()));
  await devices[1].say(id, "Sold.");
  await customer.expect(204, "DELETE", `/api/conversations?id=${id}`);
  for (const device of devices) {
    assert.equal((await device.next("conversation:deleted")).conversationId, id);
    assert.equal(device.events.at(-1).name, "conversation:deleted", "it is the last event");
    assert.equal(await device.refused("conversation:message", { conversationId: id, message: device.message("Hello?") }), "not_found");
    assert.deepEqual(await device.person.load(), []);
    device.leave();
  }
});

process.exit();

/** What a login is answered that must fail. */
async function connectError(person, options) {
  const { socket } = new Device(person, { reconnection: false, ...options });
  const error = await new Promise((resolve, reject) => {
    socket.once("connect_error", resolve);
    socket.once("connect", () => reject(new Error(`a login with ${JSON.stringify(options)} was let in`)));
  });
  socket.disconnect();
  return error;
}
