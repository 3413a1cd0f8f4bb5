// Questions to the assistant, answered word by word: plain `fetch`, no dependencies, no build. docs/frontend-guide.md explains it.

import { backOff, newId, request, sleep } from "./parlor-client.js";

const ENDS = new Set(["finish", "abort", "error"]);

/**
 * The assistant in one session of one visitor. What an answer is like is an object, new after each change:
 * `{ id, text, sources: [{ url, title }], state, person }`. `state` is `waiting`, `writing`, `done`, `stopped`, `broken` (the model failed in
 * the middle), `withdrawn` (a person took over: take the text back) or `silent` (a person answers here, not the assistant); `person` is true
 * as soon as a person will go on.
 */
export class ParlorAssistant {
  #address;
  #session;
  #key;
  #fetch;

  /** `session` is the `id` of STEP 2, `visitor` the visitor key of STEP 1. */
  constructor({ url, session, visitor, fetch = (...all) => globalThis.fetch(...all) }) {
    this.#address = `${url.replace(/\/$/, "")}/api/chats/messages/chat`;
    this.#session = session;
    this.#key = visitor;
    this.#fetch = fetch;
  }

  /**
   * STEP 3, asking the assistant. The question is stored before the first word. Returns the answer at its end; a connection that breaks on
   * the way is taken up again. `onText(answer)` is called with each change, `onHandover(answer)` once when a person takes it from here.
   * Aborting `signal` only ends the reading: the answer is written all the same.
   */
  ask(message, { clientId = newId(), ...reader } = {}) {
    const body = { message, session_id: this.#session, client_id: clientId };
    return this.#read(() => this.#open("/stream/", { method: "POST", body, signal: reader.signal }), reader);
  }

  /**
   * After a reload: the answer that is being written, or was until a minute ago, from its first word. Null without one: the history has it all.
   * It ends with the answer, so do not await it before the visitor may ask on.
   */
  comeBack(reader = {}) {
    return this.#read(() => this.#running(reader.signal), reader);
  }

  /** Ends the answer that is being written. What was said so far stays, marked as not whole. False if none was. */
  async stop() {
    const response = await this.#open(`/${this.#session}/stop/`, { method: "POST" });
    return (await response.json()).data.stopped;
  }

  #open(path, options) {
    return request(this.#address + path, { ...options, token: this.#key, fetch: this.#fetch });
  }

  async #running(signal, last) {
    const headers = last === undefined ? {} : { "Last-Event-ID": last };
    const response = await this.#open(`/${this.#session}/stream/`, { headers, signal });
    return response.status === 204 ? null : response;
  }

  async #read(open, { onText = () => {}, onHandover = () => {}, signal }) {
    let answer = { id: null, text: "", sources: [], state: "waiting", person: false };
    let last; // The place in the stream.
    for (let attempt = 0; ; attempt += 1) {
      let wait = 0;
      try {
        // The same question under the same client id is never answered twice: it finds the answer again.
        const response = (last && (await this.#running(signal, last))) || (await open());
        if (response === null) return null;
        for await (const { id, chunk } of eventsOf(response.body)) {
          last = id;
          attempt = 0;
          const before = answer;
          answer = changed(before, chunk);
          if (answer !== before) onText(answer);
          if (answer.person && !before.person) onHandover(answer);
          if (ENDS.has(chunk.type)) return answer;
        }
        // No end: the connection broke, or the server stops and makes the answer anew.
      } catch (error) {
        if (!error.retryable) throw error;
        wait = error.retryAfter;
      }
      if (signal?.aborted) return answer;
      await sleep(wait || backOff(attempt));
    }
  }
}

/** The answer after one chunk. Unknown chunks change nothing. */
function changed(answer, chunk) {
  switch (chunk.type) {
    case "start": // Perhaps anew: what was shown of the first try is replaced.
      return { ...answer, id: chunk.messageId ?? null, text: "", sources: [] };
    case "text-delta":
      return { ...answer, text: answer.text + chunk.delta, state: "writing" };
    case "source-url":
      return { ...answer, sources: [...answer.sources, { url: chunk.url, title: chunk.title }] };
    case "data-parlor-status":
    case "data-parlor-handover":
      return { ...answer, person: chunk.data.handled_by === "human" };
    case "finish":
      return { ...answer, state: answer.id === null ? "silent" : "done" };
    case "error":
      return { ...answer, state: "broken", person: true };
    case "abort":
      return chunk.reason === "stopped" ? { ...answer, state: "stopped" } : { ...answer, state: "withdrawn", text: "", sources: [] };
    default:
      return answer;
  }
}

/** The events of a stream: lines, `id:` and `data:`; all else is for keeping the connection open. A connection that breaks is an end. */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let id = null;
  try {
    for (;;) {
      const { value, done } = await reader.read().catch(() => ({ done: true }));
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith("id: ")) id = line.slice(4);
        if (!line.startsWith("data: ")) continue;
        if (line === "data: [DONE]") return;
        yield { id, chunk: JSON.parse(line.slice(6)) };
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
