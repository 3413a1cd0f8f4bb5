// Offline first: what was queued while away is sent in any order and more than once, and is stored once. Several devices of one person stay
// the same, and a page that is loaded again has everything.

import assert from "node:assert/strict";
import { begin, Person, quiet } from "./people.js";
import { step } from "./steps.js";

const [customer, seller] = [new Person("customer", "Nadia"), new Person("seller", "Mia")];
const { id } = await begin(customer, seller);
const [phone, laptop] = [await customer.connect(), await customer.connect({ transports: ["websocket"] })];
const [desk, pocket] = [await seller.connect({ transports: ["polling"] }), await seller.connect()];
const devices = [phone, laptop, desk, pocket];

await step("a queue of twenty is stored once, in the order of its arrival", async () => {
  phone.leave();
  // Numbers as some old clients make them, with digits behind the point.
  const first = Date.now() - 20 * 60_000;
  const queue = Array.from({ length: 20 }, (_, n) => {
    const written = first + n * 60_000;
    return phone.message(`Written offline ${n + 1}`, { id: written + (n % 2) * 0.4375, timestamp: new Date(written).toISOString() });
  });
  phone.socket.connect();
  await phone.connected();
  const arrival = shuffled(queue, 7);
  const sent = await Promise.all(arrival.map((message) => phone.send(id, message)));
  assert.deepEqual(sent.map(({ seq }) => seq), Array.from({ length: 20 }, (_, n) => n + 2));
  assert(sent.every(({ duplicate }) => !duplicate));

  const again = shuffled(queue, 11);
  const repeated = await Promise.all(again.map((message, n) => [phone, laptop][n % 2].send(id, message)));
  const firstOf = new Map(sent.map((one) => [one.id, one]));
  for (const one of repeated) assert.deepEqual([one.duplicate, one.messageId, one.seq], [true, firstOf.get(one.id).messageId, firstOf.get(one.id).seq]);
  // And once more as a whole, as the old frontends save.
  const saved = await customer.expect(200, "POST", "/api/conversations", { id, customerId: customer.email, sellerId: seller.email, messages: queue });

  const expected = arrival.map((message, n) => ({ seq: n + 2, id: message.id, text: message.text, sentAt: message.timestamp }));
  const facts = (messages) => messages.filter(({ seq }) => seq > 1).map(({ seq, id, text, sentAt }) => ({ seq, id, text, sentAt }));
  assert.deepEqual(facts(saved.messages), expected);
  assert.deepEqual(facts((await seller.loadOne(id)).messages), expected);
  await Promise.all(devices.map((device) => device.line(arrival.at(-1).text)));
  await quiet();
  for (const device of devices) assert.deepEqual(facts(device.got("conversation:new-message").map(({ message }) => message)), expected, "each of them is told once");
  return "20 queued, 60 sent, 20 stored";
});

await step("two devices of one person see each other's messages and what is read", async () => {
  await phone.say(id, "From my phone");
  await laptop.line("From my phone");
  await desk.line("From my phone");
  await pocket.say(id, "From my pocket");
  const seen = await Promise.all(devices.map((device) => device.line("From my pocket")));
  for (const one of seen) assert.deepEqual(one, seen[0], "all of them see the same");
  assert.deepEqual([seen[0].conversation.isReadByCustomer, seen[0].conversation.isReadBySeller], [false, true]);
  const { seq } = seen[0].message;

  await laptop.do("conversation:read", { conversationId: id });
  for (const device of devices) {
    const read = await device.next("conversation:read", ({ by, upToSeq }) => by === "customer" && upToSeq === seq);
    assert.deepEqual([read.conversationId, read.isReadByCustomer], [id, true]);
  }
  assert((await customer.loadOne(id)).isReadByCustomer);

  await phone.say(id, "And one more");
  await desk.line("And one more");
  await seller.expect(200, "POST", "/api/conversations/read", { conversationId: id });
  for (const device of devices) await device.next("conversation:read", ({ by, upToSeq }) => by === "seller" && upToSeq === seq + 1);
  assert((await customer.loadOne(id)).messages.every(({ sender, isRead }) => sender === "seller" || isRead), "the customer's lines are read");
});

await step("a page that is loaded again has everything", async () => {
  const told = laptop.got("conversation:new-message").at(-1).conversation;
  devices.forEach((device) => device.leave());
  const people = [customer, seller];
  for (const { messages, ...loaded } of await Promise.all(people.map((person) => person.loadOne(id)))) {
    assert.deepEqual(messages.map(without("isRead")), told.messages.map(without("isRead")));
    assert.deepEqual([loaded.customerId, loaded.sellerId, loaded.vehicleName, loaded.vehiclePrice], [customer.email, seller.email, "VW Golf 1.4 TSI", 18_900]);
  }
  for (const person of people) {
    const fresh = await person.connect();
    await fresh.say(id, `Back again, ${person.name}`);
    await fresh.line(`Back again, ${person.name}`);
    fresh.leave();
  }
});

process.exit();

/** In an order that is the same in each run. */
function shuffled(list, seed) {
  return list.map((item, n) => [((n + 1) * seed * 37) % 101, item]).sort(([one], [other]) => one - other).map(([, item]) => item);
}

function without(name) {
  return ({ [name]: _, ...rest }) => rest;
}
