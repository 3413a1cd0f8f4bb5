// The samples of docs/samples that have to do with the assistant, and the one for chats that are stored, at a running server. The model
// behind is a stand-in.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { brokenAnswer, requests, serveModel, shortAnswer, slowAnswer } from "./model-server.js";
import { ParlorAgent } from "./parlor-agent.js";
import { ParlorAssistant } from "./parlor-assistant.js";
import { ParlorChat, ParlorError, call } from "./parlor-client.js";
import { ParlorStoredChat } from "./parlor-stored.js";
import { memory, setting, step, until } from "./steps.js";

const url = setting("PARLOR_URL");
const agent = new ParlorAgent({ url, WebSocket });

await serveModel(Number(setting("MODEL_PORT")));
await agent.login(setting("PARLOR_USERNAME"), setting("PARLOR_PASSWORD"));
await agent.call("/api/admin/articles/", { method: "POST", body: { title: "Refunds", body: "Refunds work by themselves and take three to five days." } });

await step("an answer comes in pieces, with the article it rests on, and is what is stored", async () => {
  const place = await newSession();
  const shown = [];
  const answer = await new ParlorAssistant(place).ask("How do refunds work?", { onText: ({ text }) => shown.push(text) });
  assert.deepEqual([answer.state, answer.text, answer.person], ["done", shortAnswer(1), false]);
  assert.deepEqual(answer.sources, [{ url: "/help/refunds", title: "Refunds" }]);
  assert(shown.every((text, place) => place === 0 || text.startsWith(shown[place - 1])), "the text only grows");
  assert(new Set(shown).size > 2);
  const [, stored] = await history(place);
  assert.deepEqual([stored.id, stored.text], [answer.id, answer.text]);
});

await step("a connection that breaks in the middle, and before the first word, is taken up again", async () => {
  for (const bytes of [0, 700, 1_000]) {
    const place = await newSession();
    const asked = requests.length;
    let cuts = 2;
    const fetch = async (...all) => {
      const response = await globalThis.fetch(...all);
      return cuts-- > 0 ? cutAfter(response, bytes) : response;
    };
    const answer = await new ParlorAssistant({ ...place, fetch }).ask("Please be slow");
    assert.deepEqual([answer.state, answer.text], ["done", slowAnswer]);
    assert.equal(requests.length, asked + 1, "the model was asked once");
    assert.deepEqual((await history(place)).map(({ text }) => text), ["Please be slow", slowAnswer]);
  }
});

await step("the visitor stops an answer; what was said stays", async () => {
  const place = await newSession();
  const assistant = new ParlorAssistant(place);
  const answer = await assistant.ask("Please be slow", { onText: ({ text }) => text.includes("word-3") && !text.includes("word-4") && assistant.stop() });
  assert.equal(answer.state, "stopped");
  const [, stored] = await history(place);
  assert.deepEqual([stored.text, stored.metadata.truncated], [answer.text, true]);
  assert.equal(await assistant.stop(), false, "there is nothing more to stop");
});

await step("a person takes over in the middle: the text is taken back, and nothing of it is stored", async () => {
  const place = await newSession();
  const assistant = new ParlorAssistant(place);
  const handovers = [];
  const conversation = await internalId(place);
  let taken = null;
  const answer = await assistant.ask("Please be slow", {
    onText: ({ text }) => text.includes("word-2") && (taken ??= agent.call(`/api/admin/chat-rooms/${conversation}/take_over/`, { method: "POST" })),
    onHandover: ({ state }) => handovers.push(state),
  });
  await taken;
  assert.deepEqual([answer.state, answer.text, answer.person, handovers.length], ["withdrawn", "", true, 1]);
  assert.deepEqual((await history(place)).map(({ text }) => text), ["Please be slow"]);

  const asked = requests.length;
  const silent = await assistant.ask("Is somebody there?");
  assert.deepEqual([silent.state, silent.id, silent.text, silent.person, requests.length], ["silent", null, "", true, asked]);
});

await step("a page that was loaded again follows the running answer from its first word", async () => {
  const place = await newSession();
  assert.equal(await new ParlorAssistant(place).comeBack(), null, "nothing was asked");
  const leave = new AbortController();
  await new ParlorAssistant(place).ask("Please be slow", { signal: leave.signal, onText: ({ text }) => text.includes("word-2") && leave.abort() });
  const answer = await new ParlorAssistant(place).comeBack();
  assert.deepEqual([answer.state, answer.text], ["done", slowAnswer]);
});

await step("an answer that breaks off is kept as far as it came, and a person goes on", async () => {
  const place = await newSession();
  const answer = await new ParlorAssistant(place).ask("Please break");
  assert.deepEqual([answer.state, answer.text, answer.person], ["broken", brokenAnswer, true]);
});

await step("who asks for a person gets one, without the model", async () => {
  const place = await newSession();
  const asked = requests.length;
  const answer = await new ParlorAssistant(place).ask("I want to talk to a human");
  assert.deepEqual([answer.state, answer.person, requests.length], ["done", true, asked]);
  assert.match(answer.text, /A person will reply/);
});

await step("the same client id is one question, and a refusal has a code", async () => {
  const place = await newSession();
  const assistant = new ParlorAssistant(place);
  const [one, same] = [await assistant.ask("How do refunds work?", { clientId: "w-1" }), await assistant.ask("How do refunds work?", { clientId: "w-1" })];
  assert.deepEqual([same.id, same.text], [one.id, one.text]);
  assert.equal((await history(place)).length, 2);
  await assert.rejects(assistant.ask(" "), (error) => error instanceof ParlorError && error.code === "invalid_input" && error.fields[0].field === "message");
});

await step("over the socket the same answer is seen as it is written", async () => {
  const chat = new ParlorChat({ url, WebSocket, storage: memory() });
  const written = [];
  chat.subscribe(({ writing }) => writing && written.push(writing));
  await chat.start();
  chat.send("Please be slow");
  await until(() => chat.state.messages.length === 2, "the answer is stored");
  const [, answer] = chat.state.messages;
  assert.equal(answer.text, slowAnswer);
  assert(written.length > 5 && written.every(({ id, text }) => id === answer.id && slowAnswer.startsWith(text)));
  assert.equal(chat.state.writing, null);

  chat.send("Please be slow again");
  await until(() => chat.state.writing?.text.includes("word-2"), "the next answer begins");
  const { results: [{ id }] } = await agent.conversations({ limit: 1 });
  await agent.call(`/api/admin/chat-rooms/${id}/take_over/`, { method: "POST" });
  await until(() => chat.state.writing === null && chat.state.handledBy === "human", "a person took over");
  assert.equal(chat.state.messages.length, 3, "nothing of it is stored");
  chat.stop();
});

await step("a widget with its own assistant has its chat stored, each message once", async () => {
  const storage = memory();
  const beacons = [];
  const beacon = (address, body) => beacons.push(fetch(address, { method: "POST", headers: { "Content-Type": "text/plain;charset=UTF-8" }, body }));
  const network = { up: true };
  const torn = async (...all) => {
    const response = await fetch(...all);
    if (!network.up) throw new TypeError("cut after sending"); // The server has it; the widget cannot know.
    return response;
  };
  const name = `Nadia ${Date.now()}`;
  const chat = new ParlorStoredChat({ url, storage, beacon, fetch: torn });
  await chat.start({ name, page_url: "https://shop.example.com/cart" });
  await chat.say("user", "Is it still available?");
  await chat.say("assistant", "Yes, it is.");
  network.up = false;
  chat.say("user", "Then I take it.").catch(() => {});
  chat.say("assistant", "Gladly!").catch(() => {});
  await until(async () => (await stored(name)).length === 3, "the third message is stored, unanswered");
  chat.close();
  const [{ status, ...answer }] = await Promise.all(beacons.map(async (beacon) => ({ status: (await beacon).status, ...(await (await beacon).json()) })));
  assert.deepEqual([status, answer.data.stored, answer.data.known], [201, 1, 1]);
  network.up = true;
  const said = [["user", "Is it still available?", false], ["assistant", "Yes, it is.", true], ["user", "Then I take it.", false], ["assistant", "Gladly!", true]];
  assert.deepEqual(await stored(name), said);

  const again = new ParlorStoredChat({ url, storage });
  await again.start({ name });
  assert.equal(again.chat, chat.chat, "the same person goes on in the same chat");
  await until(async () => (await stored(name)).length === 4, "repeats change nothing");
});

console.log("the samples of the guide ask, stop, come back and store");
process.exit();

async function newSession() {
  const visitor = await created("/api/chats/visitors/", { name: "Vera Visitor" });
  const { id, conversation_id } = await created("/api/chats/sessions/", { visitor_id: visitor.id });
  return { url, session: id, visitor: visitor.id, room: conversation_id };
}

async function created(path, body) {
  return (await call(url + path, { method: "POST", body })).data;
}

async function history({ session, visitor }) {
  return (await call(`${url}/api/chats/messages/?session_id=${session}`, { token: visitor })).data.results;
}

/** How agents call the conversation of a session. It is in their list once something was said. */
async function internalId({ visitor }) {
  const name = `Vera ${Date.now()}`;
  await call(`${url}/api/chats/visitors/${visitor}/`, { method: "PATCH", token: visitor, body: { name } });
  const { results } = await agent.conversations({ q: name, empty: true });
  return results[0].id;
}

async function stored(name) {
  const { data } = await agent.call("/api/debug/users-chats");
  const chats = data.filter((person) => person.name === name).flatMap(({ chats }) => chats);
  return chats.flatMap(({ messages }) => messages.map(({ role, content, reported }) => [role, content, reported]));
}

/** The same response with a body that breaks after so many bytes. */
function cutAfter(response, bytes) {
  if (response.status !== 200) return response;
  let left = bytes;
  const cut = new TransformStream({
    transform(chunk, controller) {
      if (chunk.length > left) {
        controller.enqueue(chunk.subarray(0, left));
        return controller.error(new TypeError("the connection broke"));
      }
      left -= chunk.length;
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(cut), { status: 200, headers: response.headers });
}
