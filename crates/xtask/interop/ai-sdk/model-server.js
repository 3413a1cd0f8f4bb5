// A stand-in for an OpenAI-compatible model server. The last user message says how it behaves: "slow" takes four seconds,
// "break" tears the connection in the middle of the answer, anything else is answered at once, in bytes cut at awkward places.

import { createServer } from "node:http";
import { setImmediate, setTimeout } from "node:timers/promises";

const SLOW_WORDS = 27;
const PAUSE = 150;
const SHORT_PAUSE = 20;
const TORN_BYTES = 7;

/** Every request so far: its messages, and how its answer ended. */
export const requests = [];

/** The whole answer to a slow question. */
export const slowAnswer = Array.from({ length: SLOW_WORDS }, (_, place) => `word-${place + 1}`).join(" ");

/** What is said before the connection breaks. */
export const brokenAnswer = "I was just about to";

/** The answer to any other question; its number shows whether earlier turns were told. */
export const shortAnswer = (turn) => `Refunds take three to five days – ½ of them less. 🙂 Was that question ${turn}?`;

/** Listen on this port of the loopback device. */
export async function serveModel(port) {
  const server = createServer((request, response) => void answer(request, response).catch((error) => response.destroy(error)));
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
}

async function answer(request, response) {
  if (request.method !== "POST" || request.url !== "/v1/chat/completions") {
    response.writeHead(404, { "Content-Type": "application/json" }).end('{"error":{"message":"not here","code":404}}');
    return;
  }
  const { messages, stream } = JSON.parse(await textOf(request));
  const record = { messages, stream, ended: "no" };
  requests.push(record);
  response.on("close", () => (record.ended = response.writableFinished ? "whole" : "cut"));
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  const questions = messages.filter(({ role }) => role === "user").map(({ content }) => content);
  const question = questions.at(-1) ?? "";
  if (/\bslow\b/.test(question)) {
    await sayWords(response, slowAnswer, PAUSE);
    response.end(ending());
  } else if (/\bbreak\b/.test(question)) {
    await sayWords(response, brokenAnswer, SHORT_PAUSE);
    response.destroy();
  } else await sayInCrumbs(response, shortAnswer(questions.length));
}

async function sayWords(response, text, pause) {
  for (const delta of [{ role: "assistant", content: "" }, ...text.split(/(?<= )/).map((content) => ({ content }))]) {
    if (response.destroyed) return;
    response.write(chunk({ delta, finish_reason: null }));
    await setTimeout(pause);
  }
}

/** Characters of several bytes, lines and events are all cut in two somewhere. */
async function sayInCrumbs(response, text) {
  const deltas = ["", ...text.split(/(?<= )/)].map((content) => chunk({ delta: { role: "assistant", content } }));
  const bytes = Buffer.from(deltas.join("") + ending());
  for (let place = 0; place < bytes.length; place += TORN_BYTES) {
    response.write(bytes.subarray(place, place + TORN_BYTES));
    await setImmediate();
  }
  response.end();
}

const chunk = (choice) => event({ choices: [{ index: 0, ...choice }] });
const event = (body) => `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "stand-in", ...body })}\n\n`;
const ending = () => `${chunk({ delta: {}, finish_reason: "stop" })}${event({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 9, total_tokens: 18 } })}data: [DONE]\n\n`;

async function textOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}
