// Offers and test drives: one side proposes, the other one decides, once. Both see each move live, as a changed message and as a line.

import assert from "node:assert/strict";
import { begin, Person, quiet } from "./people.js";
import { mustBeStored } from "./shapes.js";
import { step } from "./steps.js";

const [customer, seller] = [new Person("customer", "Nadia"), new Person("seller", "Mia")];
const { id } = await begin(customer, seller);
const [buyer, dealer] = [await customer.connect(), await seller.connect()];
const both = [buyer, dealer];

await step("an offer over the socket is accepted over HTTP", async () => {
  const offer = await propose(buyer, "offer", "I offer 18500", { offerPrice: 18_500, status: "pending" });
  assert.deepEqual([offer.payload.offerPrice, offer.payload.status], [18_500, "pending"]);
  await customer.expect(403, "POST", "/api/conversations/actions", { conversationId: id, messageId: offer.id, action: "accept" });
  assert.equal(await buyer.refused("conversation:action", { conversationId: id, messageId: offer.id, action: "accept" }), "forbidden");
  const stored = await seller.expect(200, "POST", "/api/conversations/actions", { conversationId: id, messageId: offer.id, action: "accept" });
  mustBeStored(stored);
  assert.equal(stored.message.payload.status, "accepted");
  await moved(offer, "accepted");
});

await step("an offer of the seller is declined over the socket", async () => {
  const offer = await propose(dealer, "offer", "For you 18700", { offerPrice: 18_700 });
  await buyer.do("conversation:action", { conversationId: id, messageId: offer.id, action: "decline" });
  await moved(offer, "declined");
});

await step("a counter-offer is a new offer that points to the old one", async () => {
  const offer = await propose(buyer, "offer", "18000, last word", { offerPrice: 18_000 });
  await dealer.do("conversation:action", { conversationId: id, messageId: offer.messageId, action: "counter", offerPrice: 18_250.5 });
  await moved(offer, "countered");
  const isCounter = ({ message }) => message.payload?.counterOf === offer.messageId;
  const [seen, same] = await Promise.all(both.map((device) => device.next("conversation:new-message", isCounter)));
  assert.deepEqual(seen, same);
  const { message: counter } = seen;
  assert.deepEqual([counter.sender, counter.type, counter.payload.offerPrice, counter.payload.status], ["seller", "offer", 18_250.5, "pending"]);
  assert.equal(await dealer.refused("conversation:action", { conversationId: id, messageId: counter.id, action: "accept" }), "forbidden");
  await buyer.do("conversation:action", { conversationId: id, messageId: counter.id, action: "accept" });
  await moved(counter, "accepted");
});

await step("only its author takes an offer back, and then nobody accepts it", async () => {
  const offer = await propose(buyer, "offer", "17000?", { offerPrice: 17_000 });
  const action = (action) => ({ conversationId: id, messageId: offer.messageId, action });
  assert.equal(await dealer.refused("conversation:action", action("withdraw")), "forbidden");
  await buyer.do("conversation:action", action("withdraw"));
  await moved(offer, "withdrawn");
  assert.equal(await dealer.refused("conversation:action", action("accept")), "conflict");
  await seller.expect(409, "POST", "/api/conversations/actions", action("accept"));
});

await step("a test drive is moved to another time and confirmed", async () => {
  const [first, second] = ["2027-01-11T09:00:00.000Z", "2027-01-12T15:30:00.000Z"];
  const request = await propose(buyer, "test_drive_request", "Can I drive it?", { startsAt: first });
  assert.deepEqual([request.appointment.startsAt, request.appointment.status, request.payload.status], [first, "requested", "requested"]);
  await dealer.do("conversation:action", { conversationId: id, messageId: request.id, action: "reschedule", startsAt: second });
  await moved(request, "rescheduled");
  const { message: other } = await buyer.next("conversation:new-message", ({ message }) => message.payload?.startsAt === second);
  assert.deepEqual([other.sender, other.type, other.payload.status], ["seller", "test_drive_request", "requested"]);
  await customer.expect(200, "POST", "/api/conversations/actions", { conversationId: id, messageId: other.id, action: "confirm" });
  await moved(other, "confirmed");
});

await step("of fifty accepts at the same moment one wins", async () => {
  const offer = await propose(buyer, "offer", "18400 and I take it", { offerPrice: 18_400 });
  const action = { conversationId: id, messageId: offer.id, action: "accept" };
  const desks = await Promise.all([...Array(5)].map(() => seller.connect({ transports: ["websocket"] })));
  const overHttp = Array.from({ length: 25 }, async () => {
    const { status, body } = await seller.call("POST", "/api/conversations/actions", action);
    return status === 200 ? "ok" : `${status} ${body.code}`;
  });
  const overSockets = Array.from({ length: 25 }, async (_, n) => {
    const { ok, error } = await desks[n % 5].ask("conversation:action", action);
    return ok ? "ok" : `409 ${error.code}`;
  });
  const answers = await Promise.all([...overHttp, ...overSockets]);
  const count = (answer) => answers.filter((one) => one === answer).length;
  assert.deepEqual([count("ok"), count("409 conflict")], [1, 49], `the answers are ${[...new Set(answers)]}`);
  await moved(offer, "accepted");
  await quiet();
  for (const device of both) assert.equal(device.got("conversation:message-updated").filter(({ message }) => message.id === offer.id).length, 1, "one move is told");
  const { messages } = await customer.loadOne(id);
  assert.equal(messages.at(-1).sender, "system", "one line is written");
  assert.equal(messages.at(-2).id, offer.id);
  desks.forEach((desk) => desk.leave());
  return "1 ok, 49 conflict, half of them over HTTP and half over sockets";
});

process.exit();

/** Both see it, and it waits for a decision. */
async function propose(device, type, text, payload) {
  const message = device.message(text, { type, payload });
  await device.send(id, message);
  const [seen, same] = await Promise.all(both.map((one) => one.line(text)));
  assert.deepEqual(seen, same);
  assert.deepEqual([seen.message.id, seen.message.type, seen.message.sender], [message.id, type, device.person.sender]);
  return seen.message;
}

/** Both are told the move as a changed message, and as a line behind it. */
async function moved({ messageId }, status) {
  const isIt = ({ message }) => message.messageId === messageId && message.payload.status === status;
  const [seen, same] = await Promise.all(both.map((device) => device.next("conversation:message-updated", isIt)));
  assert.deepEqual(seen, same);
  assert.equal(seen.change, "action");
  const isLine = ({ rev, message }) => rev === seen.rev + 1 && message.sender === "system";
  for (const device of both) {
    const { message } = await device.next("conversation:new-message", isLine);
    assert.equal(message.type, "text");
    assert(message.id >= 8e15 && message.text, "a line of the server has a number of ours");
  }
}
