// Every code block of docs/frontend-guide.md runs as it is printed, against a running server; only the server's address is another. Blocks lean
// on those before them, as the guide's reader does. The model behind the assistant is a stand-in.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import WebSocket from "ws";
import { blocksOf, runModule } from "./blocks.js";
import { requests, serveModel, shortAnswer, slowAnswer } from "./model-server.js";
import { openPage, openReact } from "./page.js";
import { ParlorAgent } from "./parlor-agent.js";
import { call } from "./parlor-client.js";
import { setting, step, until } from "./steps.js";

const PRINTED = "http://127.0.0.1:8080";
const WANTS_A_PERSON = "I want to talk to a human";
const NO_CONNECTION = "No connection. What you write is sent later.";

/** The AI SDK gives a stream up at any other type. */
const CHUNK = /^(start|text-start|text-delta|text-end|source-url|source-document|data-parlor-[a-z]+|message-metadata|error|abort|finish)$/;

const url = setting("PARLOR_URL");
const agent = new ParlorAgent({ url, WebSocket });
globalThis.WebSocket ??= WebSocket; // Node.js before 22 has none.

/** STEP 1 and 2 of the first block, for those that go on from there. */
let steps;

const runners = {
  async "The three steps, js"(code) {
    steps = await runModule(code, { wanted: ["visitor", "session", "said", "room", "results"] });
    assert.equal(steps.said.message.text, shortAnswer(1));
    const said = [["visitor", "Is it still available?"], ["assistant", shortAnswer(1)], ["visitor", "The blue one, I mean."]];
    assert.deepEqual(spoken(steps.results).slice(0, 3), said);
    await until(async () => (await history(steps)).length === 4, "the assistant answers that, too");
    assert.deepEqual(spoken(await history(steps)), [...said, ["assistant", shortAnswer(2)]]);
    assert.equal((await call(`${url}/api/public/chat-rooms/?visitor_id=${steps.visitor.id}`)).results.length, 1);
  },

  async "Plain JavaScript, html"(html) {
    const page = await openPage(html);
    const room = await roomWhenOnline(page);
    await talk(page, room);
    assert.deepEqual([page.find("li a").href, page.find("li a").textContent], [`${url}/help/refunds`, "Refunds"]);
    page.find("input").removeAttribute("maxlength");
    await page.say("x".repeat(10_001));
    await page.press("Not sent. Try again");
    await page.until(() => page.find("li button"), "it is refused again, and can be tried again");
    assert.equal((await historyOf(room)).length, 4, "it was not stored");
    await page.close();
  },

  async "React, jsx"(code) {
    const page = await openReact(code, "Chat", { url });
    await talk(page, await roomWhenOnline(page));
    await page.close();
  },

  async "The assistant, js"(code) {
    const drawn = new Map();
    const page = { drawAnswer: (id, ...all) => drawn.set(id, all), stopButton: {}, statusLine: { textContent: "" } };
    const place = await newSession();
    const question = { session_id: place.session.id, visitor_id: place.visitor.id };
    const asked = requests.length;
    fetch(`${url}/api/chats/messages/chat/stream/`, json({ ...question, message: "Please be slow" })); // As the page did before it was loaded again.
    await until(() => requests.length > asked, "an answer is written");
    const { assistant, answer } = await runModule(code, { given: { ...place, ...page }, wanted: ["assistant", "answer"] });
    assert.deepEqual([answer.state, answer.text], ["done", shortAnswer(2)]);
    const [, , before, stored] = await history(place);
    await until(() => drawn.get(before.id)?.[2] === "done", "the answer that was being written is drawn, too");
    assert.deepEqual([drawn.get(before.id), before.text], [[slowAnswer, [], "done"], slowAnswer]);
    assert.deepEqual(drawn.get(answer.id), [answer.text, [{ url: "/help/refunds", title: "Refunds" }], "done"]);
    assert.deepEqual([answer.id, answer.text], [stored.id, stored.text]);

    const stopped = await assistant.ask("Please be slow", { onText: ({ text }) => text.includes("word-2") && page.stopButton.onclick() });
    assert.equal(stopped.state, "stopped");

    await call(`${url}/api/chats/messages/chat/`, { method: "POST", body: { ...question, message: WANTS_A_PERSON } });
    const again = await runModule(code, { given: { ...place, ...page }, wanted: ["answer"] });
    assert.deepEqual([again.answer.state, again.answer.person], ["silent", true]);
    assert.equal(page.statusLine.textContent, "A person will reply.");
  },

  async "The assistant, text"(text) {
    const printed = eventsOf(text);
    const { visitor, session } = await newSession();
    const question = { message: "How do refunds work?", session_id: session.id, visitor_id: visitor.id };
    const response = await fetch(`${url}/api/chats/messages/chat/stream/`, json(question));
    const sent = eventsOf(await response.text());
    for (const events of [printed, sent]) {
      const { messageId } = events[0].chunk;
      assert.deepEqual(events.map(({ id }) => id), events.map((_, n) => `${messageId}:${n}`));
      for (const { chunk } of events) assert.match(chunk.type, CHUNK);
    }
    // One delta is printed where many may come. Nothing else differs but words and ids.
    assert.deepEqual(shapes(printed), shapes(sent));
  },

  async "The assistant in React, jsx"(code) {
    const { visitor, session } = await newSession();
    const place = { visitor, session };
    const open = async () => openReact(code, "AssistantChat", { url, session: session.id, visitor: visitor.id, history: await history(place) });
    const shown = (page) => page.lines.map(([who, text]) => [who === "user" ? "visitor" : who, text]);
    const isStored = async (page) => assert.deepEqual(shown(page), spoken(await history(place)));

    let page = await open();
    await page.say("How do refunds work?");
    await page.until(() => page.find("li a"), "the answer names its article");
    assert.deepEqual([page.find("li a").href, page.find("li a").textContent], [`${url}/help/refunds`, "Refunds"]);
    assert.equal((await fetch(page.find("li a").href)).status, 200, "it can be read there");
    await page.until(() => page.find("button").textContent === "Send", "the answer is whole");
    await isStored(page);
    await page.close();

    page = await open();
    await page.until(() => page.find("li a"), "the history is there, with the article");
    await isStored(page);
    await page.say("Please be slow");
    await page.until(() => page.lines[3]?.[1].includes("word-2"), "the answer is written before one's eyes");
    await page.close();

    const asked = requests.length;
    page = await open(); // As after a reload.
    await page.until(() => page.lines[3]?.[1] === slowAnswer, "the running answer comes back whole");
    await until(async () => (await history(place)).length === 4, "it is stored");
    await page.until(() => page.find("button").textContent === "Send", "nothing runs any more");
    await isStored(page);
    assert.equal(requests.length, asked);

    await page.say("Please be slow again");
    await page.until(() => page.lines[5]?.[1].includes("word-2"), "the next answer");
    await page.press("Stop");
    await page.until(() => page.find("button").textContent === "Send", "it is stopped");
    await isStored(page);
    assert((await history(place)).at(-1).metadata.truncated);

    await page.say("Please be slow, the last time");
    await page.until(() => page.lines[7]?.[1].includes("word-2"), "one more answer");
    await agent.call(`/api/admin/chat-rooms/${await conversationOf("Please be slow, the last time")}/take_over/`, { method: "POST" });
    await page.until(() => page.find("[role=status]")?.textContent === "A person will reply.", "a person took over");
    await page.until(() => page.lines.length === 7, "the text is taken back");
    await isStored(page);
    await page.say("Is somebody there?");
    await until(async () => (await history(place)).length === 8, "it is stored");
    await page.until(() => page.find("button").textContent === "Send", "nobody but a person answers");
    await isStored(page);
    await page.close();
  },

  async "What the client does, and why, json"(text) {
    const { visitor, session } = await newSession();
    await write(session.conversation_id, "Hello");
    const frame = JSON.parse(text);
    assert.match((await answersTo(text)).error.code, /^unauthenticated$/, "the printed keys are nobody's, and all else is understood");
    const { token, resume: [place] } = frame.data;
    assert.deepEqual(Object.keys(place), ["conversation_id", "after_rev"]);
    const mine = text.replace(token, visitor.id).replace(place.conversation_id, session.conversation_id).replace(`:${place.after_rev}}`, ":0}");
    const { reply_to, ok, data } = await answersTo(mine);
    assert.deepEqual([reply_to, ok, data.resumed[0].result], [frame.id, true, "ok"]);
    assert(data.resumed[0].head_rev >= 1);
  },

  async "Files, js"(code) {
    const { session } = await newSession();
    const given = `const session = ${JSON.stringify(session)};
      const file = new File(["size;width\\nM;40\\n"], "sizes.csv");
      const progress = document.querySelector("progress"), list = document.querySelector("ol");`;
    const page = await openPage(`<!doctype html><title>Files</title><ol></ol><progress max="1"></progress><script type="module">${given}\n${code}</script>`);
    await page.until(() => page.find("ol a"), "the file is sent and shown");
    const [{ text, type, attachments: [file] }] = await historyOf(session.conversation_id);
    assert.deepEqual([text, type, file.name, file.mime], ["The sizes", "file", "sizes.csv", "text/csv"]);
    assert.equal(page.find("ol a").textContent, "sizes.csv");
    assert.equal(await (await fetch(page.find("ol a").href)).text(), "size;width\nM;40\n");
    await page.close();
  },

  async "Without sockets, js"(code) {
    const drawn = [];
    const { session } = await newSession();
    await write(session.conversation_id, "How do refunds work?");
    const draw = (messages) => drawn.push(spoken(messages));
    const { stop } = await runModule(code, { given: { session, draw }, wanted: ["stop"] });
    const said = [["visitor", "How do refunds work?"], ["assistant", shortAnswer(1)]];
    await until(() => drawn.at(-1)?.length === 2, "the answer is drawn");
    assert.deepEqual(drawn.at(-1), said);
    await agent.reply(await conversationOf(shortAnswer(1)), "Did that help?");
    await until(() => drawn.at(-1).length === 3, "so is what came later");
    assert.deepEqual(drawn.at(-1), [...said, ["agent", "Did that help?"]]);
    stop.abort();
  },

  async "Chats that the page holds itself, js"(code) {
    const page = await openPage(`<!doctype html><title>Shop</title><script type="module">${code}\nwindow.chat = chat;</script>`);
    await page.until(() => page.window.chat, "both are said and stored");
    const said = [["user", "Is it still available?", false], ["assistant", "Yes, it is.", true]];
    assert.deepEqual(await storedChat(), said);
    const { fetch, document, Event } = page.window;
    page.window.fetch = (address, ...all) => (String(address).includes("/api/users/") ? new Promise(() => {}) : fetch(address, ...all));
    page.window.chat.say("user", "Then I take it."); // It gets no answer.
    Object.defineProperty(document, "visibilityState", { value: "hidden" });
    document.dispatchEvent(new Event("visibilitychange"));
    await page.until(async () => (await storedChat()).length === 3, "what has no answer is sent when the page goes away");
    assert.deepEqual(await storedChat(), [...said, ["user", "Then I take it.", false]]);
    await page.close();
  },

  async "Agents, js"(code) {
    const [, email, password] = /login\("([^"]+)", "([^"]+)"\)/.exec(code);
    const { invite_url } = await agent.call("/api/admin/agents/", { method: "POST", body: { email, name: "Mia", role: "agent" } });
    const token = new URL(invite_url).searchParams.get("token");
    await call(`${url}/api/admin/auth/setup/`, { method: "POST", body: { token, email, name: "Mia", password } });
    const room = (await newSession()).session.conversation_id;
    await write(room, WANTS_A_PERSON);
    await until(async () => (await historyOf(room)).length === 2, "a person is promised");

    const mia = await runModule(code, { wanted: ["agent", "rows", "socket", "first", "messages"] });
    const { results } = await agent.history(mia.first.id);
    const [reply, note] = results.slice(mia.messages.length).filter(({ sender }) => sender.kind === "agent");
    assert.deepEqual([reply.text, reply.private, note.text, note.private], ["It is. Shall I keep it for you?", false, "Asked for the blue one", true]);
    assert.deepEqual(spoken(await historyOf(room)).at(-1), ["agent", "It is. Shall I keep it for you?"]);
    assert.equal((await agent.call(`/api/admin/chat-rooms/${mia.first.id}/`)).status, "resolved");
    const mine = (await mia.agent.conversations({ q: "Vera", status: "resolved" })).results.find(({ id }) => id === mia.first.id);
    assert.equal(mine.my_unread_count, 0);
    await until(() => mia.rows.size > 0 && mia.rows.get(mia.first.id)?.status !== "open", "the list is loaded, and knows that it is resolved");
    await write(room, "Yes, please!");
    await until(() => mia.rows.get(mia.first.id)?.last_message === "Yes, please!", "a change comes by itself");
    mia.socket.close();
  },
};

await serveModel(Number(setting("MODEL_PORT")));
await agent.login(setting("PARLOR_USERNAME"), setting("PARLOR_PASSWORD"));
await agent.call("/api/admin/articles/", { method: "POST", body: { title: "Refunds", body: "Refunds work by themselves and take three to five days." } });

const blocks = blocksOf(await readFile(new URL("./frontend-guide.md", import.meta.url), "utf8"));
for (const name of blocks.keys()) assert(name in runners, `the guide has a block that nobody runs: give "${name}" a runner in guide.js`);
for (const name of Object.keys(runners)) assert(blocks.has(name), `the guide has no block "${name}" any more: take its runner out of guide.js`);
for (const [name, code] of blocks) await step(name, () => runners[name](code.replaceAll(PRINTED, url)));

console.log(`all ${blocks.size} blocks of the guide run as they are printed`);
process.exit();

/** What the two pages for a room have in common: the assistant answers, a person takes over while it writes again, and all is seen. */
async function talk(page, room) {
  const said = [["visitor", "How do <b>refunds</b> work?"], ["assistant", shortAnswer(1)], ["visitor", "Please be slow"]];
  const sees = (lines, what) => page.until(() => isDeepStrictEqual(page.lines, lines), what);
  await page.say(said[0][1]);
  await sees(said.slice(0, 2), "the assistant answers");
  await until(async () => (await historyOf(room)).length === 2, "the answer is stored"); // What is asked before would come before it.
  await page.say(said[2][1]);
  await page.until(() => page.lines[3]?.[0] === "assistant" && page.lines[3][1].includes("word-2"), "the next answer is written before one's eyes");
  const conversation = await conversationOf(said[2][1]);
  await agent.call(`/api/admin/chat-rooms/${conversation}/take_over/`, { method: "POST" });
  await sees(said, "the text is taken back");
  await agent.reply(conversation, "Three days, I promise.");
  said.push(["agent", "Three days, I promise."]);
  await sees(said, "the agent's reply is there");
  assert.deepEqual(spoken(await historyOf(room)), said, "each is stored once");
  assert.equal(page.find("li b"), null, "text is text");
  await page.until(async () => (await call(`${url}/api/public/chat-rooms/${room}/`)).unread_count === 0, "what is seen is read");
}

/** The room key that the page keeps, once it is connected; until then it says so. */
async function roomWhenOnline(page) {
  const room = await page.until(() => page.window.localStorage.getItem("parlor.room"), "it has a room");
  await page.until(() => page.find("[role=status]")?.textContent !== NO_CONNECTION, "it is connected");
  return room;
}

/** STEP 1 and 2, by the same names. */
async function newSession() {
  const { data: visitor } = await call(`${url}/api/chats/visitors/`, { method: "POST", body: { name: "Vera" } });
  const { data: session } = await call(`${url}/api/chats/sessions/`, { method: "POST", body: { visitor_id: visitor.id } });
  return { visitor, session };
}

function write(room, message) {
  return call(`${url}/api/public/chat-rooms/${room}/send_message/`, { method: "POST", body: { message } });
}

async function history({ session, visitor }) {
  return (await call(`${url}/api/chats/messages/?session_id=${session.id}`, { token: visitor.id })).data.results;
}

async function historyOf(room) {
  return (await call(`${url}/api/public/chat-rooms/${room}/get_messages/`)).results;
}

/** How agents call the conversation that was last heard from, in these words. */
async function conversationOf(words) {
  const newest = async () => (await agent.conversations({ limit: 1 })).results[0];
  await until(async () => (await newest())?.last_message === words, "the agents hear of it");
  return (await newest()).id;
}

async function storedChat() {
  const { data } = await agent.call("/api/debug/users-chats");
  const [{ chats: [{ messages }] }] = data.filter(({ email }) => email === "nadia@example.com");
  return messages.map(({ role, content, reported }) => [role, content, reported]);
}

/** The reply to the first frame of a connection. */
function answersTo(frame) {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/ws`);
  return new Promise((resolve, reject) => {
    socket.onopen = () => socket.send(frame);
    socket.onmessage = ({ data }) => "reply_to" in JSON.parse(data) && resolve(JSON.parse(data));
    socket.onclose = ({ code }) => reject(new Error(`closed with ${code} and no reply`));
  }).finally(() => socket.close());
}

function eventsOf(text) {
  const events = text.trim().split("\n\n").filter((event) => !event.startsWith(":"));
  assert.equal(events.pop(), "data: [DONE]");
  return events.map((event) => {
    const [, id, data] = /^id: (\S+)\ndata: (.+)$/.exec(event) ?? assert.fail(`no event: ${event}`);
    return { id, chunk: JSON.parse(data) };
  });
}

/** The chunks without their values, and deltas that follow each other as one. */
function shapes(events) {
  const all = events.map(({ chunk }) => `${chunk.type}: ${names(chunk)}`);
  return all.filter((shape, place) => shape !== all[place - 1]);
}

/** All names in an object and those within, in the order they have. */
function names(value) {
  return Object.entries(value).flatMap(([name, inner]) => (inner !== null && typeof inner === "object" ? [name, ...names(inner)] : [name]));
}

function json(body) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

function spoken(messages) {
  return messages.map(({ sender, text }) => [sender.kind, text]);
}
