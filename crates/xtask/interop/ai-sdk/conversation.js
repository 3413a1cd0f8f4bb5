// Vercel's AI SDK, as a page uses it through useChat, asks a running server and reads the answers: to the end, stopped, after a
// reload, and broken off. The model server behind is a stand-in. Two versions of the SDK take turns, since pages change slowly.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { makeChat, textOf } from "./chat.js";
import { brokenAnswer, requests, serveModel, shortAnswer, slowAnswer } from "./model-server.js";
import { readEvents, textOf as plainText } from "./plain.js";

const url = setting("PARLOR_URL");
const BROKEN = "The answer broke off. A person will take over.";
const STEP_WITHIN = 30_000;

await serveModel(Number(setting("MODEL_PORT")));
await everything("ai", await import("ai"), `${url}/api/chats/messages/chat/stream/`);
await everything("ai-6", await import("ai-6"), `${url}/api/chats/messages/chat/stream`);
await plainReader();
process.exit(); // Streams that never end would keep it waiting.

async function everything(name, sdk, api) {
  const step = (title, body) => run(`${name}: ${title}`, body);

  await step("answers come whole and are what is stored", async () => {
    const place = await newSession();
    const { chat, seen, errors } = makeChat(sdk, { api, ...place });
    await chat.sendMessage({ text: "How do refunds work?" });
    assert.deepEqual([chat.status, errors], ["ready", []]);
    const [question, answer] = chat.messages;
    assert.equal(textOf(answer), shortAnswer(1));
    assert(answer.parts.every(({ type, state }) => type !== "text" || state === "done"));
    assert.deepEqual([seen[0].type, seen.at(-1).type, seen.at(-1).finishReason], ["start", "finish", "stop"]);
    const [storedQuestion, storedAnswer] = await history(place);
    assert.deepEqual(kindAndText(storedQuestion), ["visitor", "How do refunds work?"]);
    assert.equal(storedQuestion.client_id, question.id);
    assert.deepEqual(kindAndText(storedAnswer), ["assistant", textOf(answer)]);
    assert.equal(storedAnswer.id, answer.id);
    const { user_message_id, user_seq, seq } = answer.metadata;
    assert.deepEqual([user_message_id, user_seq, seq], [storedQuestion.id, storedQuestion.seq, storedAnswer.seq]);

    await chat.sendMessage({ text: "And exchanges?" });
    assert.equal(textOf(chat.messages[3]), shortAnswer(2), "the model is told the earlier turns");
    assert.deepEqual(lastRequest().messages.slice(-3).map(({ role, content }) => [role, content]), [
      ["user", "How do refunds work?"],
      ["assistant", shortAnswer(1)],
      ["user", "And exchanges?"],
    ]);
    assert.deepEqual((await history(place)).map(kindAndText), chat.messages.map((message) => [message.role === "user" ? "visitor" : "assistant", textOf(message)]));
  });

  await step("asking for the same answer again replays it", async () => {
    const place = await newSession();
    const { chat } = makeChat(sdk, { api, ...place });
    await chat.sendMessage({ text: "How do refunds work?" });
    const [asked, answer] = [requests.length, chat.messages[1]];
    await chat.regenerate();
    assert.equal(requests.length, asked, "the model is not asked again");
    assert.deepEqual([chat.status, chat.messages.length, chat.messages[1].id, textOf(chat.messages[1])], ["ready", 2, answer.id, textOf(answer)]);
    assert.equal((await history(place)).length, 2);
  });

  await step("an answer is stopped in the middle", async () => {
    const place = await newSession();
    const { chat, seen, errors } = makeChat(sdk, { api, ...place });
    const sent = chat.sendMessage({ text: "Please be slow" });
    await until(() => textOf(chat.messages[1]).includes("word-2"), "some words");
    const stopped = await call("POST", `/api/chats/messages/chat/${place.id}/stop/`, { key: place.key });
    assert(stopped.ok, `stop was answered ${stopped.status}`);
    await sent;
    assert.deepEqual([chat.status, errors], ["ready", []]);
    assert.equal(seen.at(-1).type, "abort");
    assert.equal(seen.at(-1).reason, "stopped");
    const shown = textOf(chat.messages[1]);
    assert(slowAnswer.startsWith(shown) && shown.length < slowAnswer.length, shown);
    const stored = await storedAnswer(place);
    assert.deepEqual([stored.id, stored.text, stored.metadata?.truncated], [chat.messages[1].id, shown, true]);
    await until(() => lastRequest().ended === "cut", "the model server is let go");
  });

  await step("a page that was loaded again follows the running answer from its start", async () => {
    const place = await newSession();
    const before = makeChat(sdk, { api, ...place });
    const asked = requests.length;
    const sent = before.chat.sendMessage({ text: "Please be slow" });
    await until(() => textOf(before.chat.messages[1]).includes("word-2"), "some words");
    await before.chat.stop(); // Leaves without a word to the server, as a closed page does.
    await sent;
    const { id } = before.chat.messages[1];

    const after = makeChat(sdk, { api, ...place, messages: before.chat.messages.slice(0, 1) });
    const resumed = after.chat.resumeStream();
    const plain = readEvents(await comeBack(place));
    await resumed;
    assert.deepEqual([after.chat.status, after.errors], ["ready", []]);
    assert.deepEqual([after.seen[0].type, after.seen.at(-1).type], ["start", "finish"]);
    assert.deepEqual([after.chat.messages.length, after.chat.messages[1].id, textOf(after.chat.messages[1])], [2, id, slowAnswer]);
    assert.equal(plainText(await plain), slowAnswer);
    const stored = await storedAnswer(place);
    assert.deepEqual([stored.id, stored.text, stored.metadata?.truncated ?? false], [id, slowAnswer, false]);
    assert.equal(requests.length, asked + 1, "the model was asked once");

    // Now that it is over: nothing, or the answer once more under its id. Never a second one beside the first.
    await after.chat.resumeStream();
    assert.deepEqual([after.chat.status, after.chat.messages.length, textOf(after.chat.messages[1])], ["ready", 2, slowAnswer]);
  });

  await step("where nothing was asked there is nothing to come back to", async () => {
    const place = await newSession();
    const { chat, transport, errors } = makeChat(sdk, { api, ...place });
    assert.equal(await transport.reconnectToStream({ chatId: place.id }), null);
    await chat.resumeStream();
    assert.deepEqual([chat.status, errors, chat.messages], ["ready", [], []]);
  });

  await step("an answer that breaks off says so, and a person takes over", async () => {
    const place = await newSession();
    const { chat, seen, errors } = makeChat(sdk, { api, ...place });
    await chat.sendMessage({ text: "Please break" });
    assert.deepEqual([chat.status, chat.error?.message], ["error", BROKEN]);
    assert.deepEqual(errors.map(({ message }) => message), [BROKEN]);
    assert.deepEqual(seen.filter(({ type }) => type === "error"), [{ type: "error", errorText: BROKEN }]);
    assert.equal(textOf(chat.messages[1]), brokenAnswer);
    const stored = await storedAnswer(place);
    assert.deepEqual([stored.id, stored.text, stored.metadata?.truncated], [chat.messages[1].id, brokenAnswer, true]);
    assert.equal(await handledBy(place), "human");
  });

  await step("where a person answers, the model stays silent", async () => {
    const place = await newSession();
    const { chat, data, seen, errors } = makeChat(sdk, { api, ...place });
    await chat.sendMessage({ text: "Please break" });
    assert.equal(await handledBy(place), "human");
    const asked = requests.length;
    chat.clearError();
    seen.length = errors.length = 0;
    await chat.sendMessage({ text: "Is somebody there?" });
    assert.deepEqual([chat.status, errors, requests.length], ["ready", [], asked]);
    assert.deepEqual(seen.map(({ type }) => type), ["start", "data-parlor-status", "finish"]);
    assert.deepEqual(data.at(-1), { type: "data-parlor-status", data: { handled_by: "human" }, transient: true });
    assert.deepEqual(chat.messages.map(({ role }) => role), ["user", "assistant", "user"], "a page shows no empty answer");
    assert.deepEqual(kindAndText((await history(place)).at(-1)), ["visitor", "Is somebody there?"]);
  });

  await step("a refusal is an error with its reason", async () => {
    const { id } = await newSession();
    const { chat, errors } = makeChat(sdk, { api, id, key: (await newSession()).key });
    await chat.sendMessage({ text: "Whose is this?" });
    assert.equal(chat.status, "error");
    assert.equal(JSON.parse(errors[0].message).code, "visitor_mismatch");
  });
}

/** The same stream for those who have no SDK. */
async function plainReader() {
  await run("plain fetch: every line is understood, and the same question again is the same answer", async () => {
    const place = await newSession();
    const question = { message: "How do refunds work?", session_id: place.id, visitor_id: place.key, client_id: "w-17" };
    const events = await readEvents(await call("POST", "/api/chats/messages/chat/stream/", { body: question }));
    const [asked, stored] = [requests.length, await storedAnswer(place)];
    const types = events.map(({ chunk }) => chunk.type);
    assert.equal(events[0].chunk.messageId, stored.id);
    assert.deepEqual(types.filter((type, n) => type !== "text-delta" || types[n - 1] !== type), ["start", "text-start", "text-delta", "text-end", "finish"]);
    assert.deepEqual(events.map(({ id }) => id), events.map((_, n) => `${stored.id}:${n}`));
    assert.equal(plainText(events), stored.text);
    const again = await readEvents(await call("POST", "/api/chats/messages/chat/stream", { body: question }));
    assert.deepEqual([again[0].chunk.messageId, plainText(again)], [stored.id, stored.text]);
    assert.deepEqual([requests.length, (await history(place)).length], [asked, 2]);
  });

  await run("plain fetch: a reader that was cut off gets what follows its last event", async () => {
    const place = await newSession();
    const question = { message: "Please be slow", session_id: place.id, visitor_id: place.key };
    const first = await readEvents(await call("POST", "/api/chats/messages/chat/stream/", { body: question }), ({ chunk }) => !chunk?.delta?.includes("word-3"));
    const rest = await readEvents(await comeBack(place, first.at(-1).id));
    assert.equal(plainText(first) + plainText(rest), slowAnswer);
    assert.deepEqual([...first, ...rest].map(({ id }) => Number(id.split(":")[1])), [...first, ...rest].map((_, n) => n));
    const end = await comeBack(place, rest.at(-2).id);
    assert.deepEqual((await readEvents(end)).map(({ chunk }) => chunk.type), ["finish"], "also just after the end");
  });
}

async function newSession() {
  const visitor = await created("/api/chats/visitors/", { name: "Vera Visitor" });
  const session = await created("/api/chats/sessions/", { visitor_id: visitor.id });
  return { id: session.id, key: visitor.id };
}

async function created(path, body) {
  const response = await call("POST", path, { body });
  const answer = await response.json();
  assert.equal(response.status, 201, JSON.stringify(answer));
  return answer.data;
}

async function history({ id, key }) {
  const response = await call("GET", `/api/chats/messages/?session_id=${id}&visitor_id=${key}`);
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer.results ?? answer.data.results;
}

async function storedAnswer(place) {
  const answers = (await history(place)).filter(({ sender }) => sender.kind === "assistant");
  assert.equal(answers.length, 1);
  return answers[0];
}

async function handledBy({ key }) {
  const response = await call("GET", "/api/public/chat-rooms/", { key });
  return (await response.json()).results[0].handled_by;
}

function comeBack({ id, key }, lastEvent) {
  const headers = lastEvent === undefined ? {} : { "Last-Event-ID": lastEvent };
  return call("GET", `/api/chats/messages/chat/${id}/stream/`, { key, headers });
}

function call(method, path, { body, key, headers = {} } = {}) {
  if (key !== undefined) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return fetch(url + path, { method, headers, body: JSON.stringify(body) });
}

function kindAndText({ sender, text }) {
  return [sender.kind, text];
}

function lastRequest() {
  return requests.at(-1);
}

async function run(title, body) {
  try {
    await Promise.race([body(), sleep(STEP_WITHIN).then(() => assert.fail("it does not end"))]);
    console.log(`ok  ${title}`);
  } catch (error) {
    process.exitCode = 1;
    console.error(`FAILED  ${title}`, error);
  }
}

async function until(condition, what) {
  for (const end = Date.now() + 10_000; !(await condition()); await sleep(10)) {
    assert(Date.now() < end, `waited in vain: ${what}`);
  }
}

function setting(name) {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}
