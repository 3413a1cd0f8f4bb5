// The samples of docs/samples hold a conversation with a running server, on a network that breaks in the worst moments.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { ParlorAgent } from "./parlor-agent.js";
import { ParlorChat, ParlorError, call, sleep } from "./parlor-client.js";
import { pollRoom } from "./parlor-poll.js";
import { memory, setting, step, until } from "./steps.js";

const url = setting("PARLOR_URL");
const network = { up: true, cutAfterSending: null, sockets: new Set() };

/** A socket that the test can tear. */
class Torn extends WebSocket {
  constructor(address) {
    super(network.up ? address : "ws://127.0.0.1:9");
    network.sockets.add(this);
    this.addEventListener("close", () => network.sockets.delete(this));
  }

  send(frame) {
    super.send(frame, () => {
      if (network.cutAfterSending === null || !frame.includes(network.cutAfterSending)) return;
      network.cutAfterSending = null;
      cut(); // The server has it or not; the client cannot know.
    });
  }
}

function cut() {
  for (const socket of network.sockets) socket.terminate();
}

const name = `Vera ${Date.now()}`;
const storage = memory();
const settled = (chat) => chat.state.messages.every(({ sending }) => sending === undefined);
const texts = ({ messages }) => messages.map(({ text }) => text);

const agent = new ParlorAgent({ url, WebSocket });
await agent.login(setting("PARLOR_USERNAME"), setting("PARLOR_PASSWORD"));
await letAssistant({ enabled: false }); // Two people talk here.
const rows = new Map();
let reloads = 0;
const inbox = agent.inbox({ onReload: () => (reloads += 1), onRow: (row) => rows.set(row.id, row) });
await until(() => reloads === 1, "the agent follows the list");

await step("a visitor writes, at once and before there is a connection", async () => {
  const chat = newChat();
  chat.send("Is the blue one still there?");
  assert.deepEqual(texts(chat.state), ["Is the blue one still there?"], "it shows at once");
  await chat.start();
  await until(() => settled(chat), "it was sent");
  chat.stop();
});

const conversation = (await until(() => [...rows.values()].find(({ last_message }) => last_message === "Is the blue one still there?"), "the agent hears of it")).id;

const chat = newChat();
await step("the same visitor comes back to the same conversation", async () => {
  await chat.start();
  await until(() => chat.state.connection === "online", "connected");
  assert.deepEqual(texts(chat.state), ["Is the blue one still there?"]);
  assert.equal((await agent.conversations({ q: name })).results.length, 1, "there is one conversation");
});

const reply = await agent.reply(conversation, "It is.");
await step("a reply arrives, counts as unread, and is read", async () => {
  await until(() => chat.state.messages.length === 2, "the reply arrives");
  assert.equal(chat.state.unread, 1);
  assert.equal(chat.state.handledBy, "human");
  await chat.markRead();
  assert.equal(chat.state.unread, 0);
});

await step("who answers has read; and an agent's mark shows without an answer", async () => {
  assert(chat.state.messages[0].is_read);
  chat.typing();
  chat.send("Good.");
  await until(() => chat.state.messages.length === 3 && settled(chat), "it was sent");
  await agent.markRead(conversation, 3);
  await until(() => chat.state.messages[2].is_read, "it was read");
});

await step("what happened during a break is caught up, each thing once and in its last form", async () => {
  network.up = false;
  cut();
  await until(() => chat.state.connection === "offline", "the break is noticed");
  chat.send("Hello? Are you there?");
  assert.equal(chat.state.messages.at(-1).sending, "waiting");
  await agent.reply(conversation, "Shall I keep it?");
  await agent.reply(conversation, "A secret between colleagues", { isNote: true });
  await agent.edit(conversation, reply.id, "It is still there.");
  await agent.resolve(conversation);
  network.up = true;
  await until(() => chat.state.messages.length === 5 && settled(chat), "all is there");
  assert.deepEqual(texts(chat.state), ["Is the blue one still there?", "It is still there.", "Good.", "Shall I keep it?", "Hello? Are you there?"]);
  await until(() => chat.state.status === "open", "the visitor's message reopened it");
});

await step("a message whose reply was lost is stored once", async () => {
  network.cutAfterSending = "Yes, please";
  chat.send("Yes, please");
  chat.send("And thank you");
  await until(() => chat.state.messages.length === 7 && settled(chat), "both are there");
  assert.equal(network.cutAfterSending, null, "the connection was cut");
  assert.deepEqual(texts(chat.state).slice(-2), ["Yes, please", "And thank you"]);
});

await step("a refused message is kept with its reason and can be thrown away", async () => {
  const id = chat.send("x".repeat(10_001));
  const refused = () => chat.state.messages.find(({ client_id }) => client_id === id);
  await until(() => refused().sending === "refused", "it is refused");
  assert.equal(refused().error, "invalid_input");
  chat.discard(id);
  assert.equal(refused(), undefined);
});

await step("more than a resume sends again is loaded anew", async () => {
  network.up = false;
  cut();
  for (let n = 1; n <= 510; n += 1) await agent.reply(conversation, `Line ${n}`);
  network.up = true;
  await until(() => chat.state.messages.at(-1)?.text === "Line 510", "the newest page is there");
  await agent.reply(conversation, "The end");
  await until(() => chat.state.messages.at(-1)?.text === "The end", "and what comes after it");
  while (await chat.loadOlder());
  assert.deepEqual(chat.state.messages.map(({ seq }) => seq), Array.from({ length: 518 }, (_, place) => place + 1), "no place is empty or doubled");
});

await step("what the visitor sees is what is stored", async () => {
  const { results } = await agent.history(conversation, { limit: 100 });
  const stored = results.filter((message) => !message.private).map(({ id, seq, text }) => ({ id, seq, text }));
  assert.deepEqual(chat.state.messages.slice(-stored.length).map(({ id, seq, text }) => ({ id, seq, text })), stored);
});

await step("a client without sockets sees the same", async () => {
  const seen = new Map();
  const done = new AbortController();
  const room = storage.getItem("parlor.room");
  const polling = pollRoom({ url, room, every: 50, signal: done.signal, onMessages: (messages) => messages.forEach((message) => seen.set(message.id, message)) });
  await until(() => seen.size > 0, "the newest page");
  const { id } = await agent.reply(conversation, "For those who poll");
  await until(() => seen.has(id), "a new message");
  await agent.edit(conversation, id, "For all who poll");
  await until(() => seen.get(id).text === "For all who poll", "an edited one");
  done.abort();
  await polling;
});

await step("errors have a code", async () => {
  const wrong = call(`${url}/api/public/chat-rooms/${storage.getItem("parlor.room")}/send_message/`, { method: "POST", body: { message: " " } });
  await assert.rejects(wrong, (error) => error instanceof ParlorError && error.code === "invalid_input" && error.fields[0].field === "message" && !error.retryable);
  await assert.rejects(call("http://127.0.0.1:9/"), ({ code, retryable }) => code === "offline" && retryable);
});

await step("two renewals at the same time are one, and the login goes on", async () => {
  await Promise.all([agent.renew(), agent.renew()]);
  await agent.renew();
  await agent.conversations({ limit: 1 });
});

inbox.close();
chat.stop();
await letAssistant({ enabled: true });
await agent.logout();
await assert.rejects(agent.conversations(), ({ code }) => code === "unauthenticated");
console.log("the samples of the guide hold a conversation");
process.exit();

function newChat() {
  return new ParlorChat({ url, storage, WebSocket: Torn, profile: { name } });
}

async function letAssistant(assistant) {
  const { results: [channel] } = await agent.call("/api/admin/channels/");
  await agent.call(`/api/admin/channels/${channel.id}/`, { method: "PATCH", body: { assistant } });
}
