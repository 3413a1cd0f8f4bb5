// A reader that knows nothing but the documents: lines of text, as any program in any language would read them.

import assert from "node:assert/strict";

/** All events of a stream. `onEvent` may return false to leave in the middle. */
export async function readEvents(response, onEvent = () => true) {
  assert.equal(response.status, 200, await bodyIfWrong(response));
  assert.match(response.headers.get("content-type"), /^text\/event-stream; *charset=utf-8$/i);
  assert.equal(response.headers.get("content-encoding"), null);
  assert.match(response.headers.get("cache-control"), /no-cache.*no-transform/);
  assert.equal(response.headers.get("x-accel-buffering"), "no");
  assert.equal(response.headers.get("x-vercel-ai-ui-message-stream"), "v1");
  const events = [];
  let id = null;
  for await (const line of linesOf(response.body)) {
    if (line === "" || line.startsWith(":")) continue;
    const [, field, value] = /^(\w+): (.*)$/.exec(line) ?? assert.fail(`this is no field: ${line}`);
    assert(["id", "data"].includes(field), `nobody expects ${line}`);
    if (field === "id") {
      id = value;
      continue;
    }
    const event = value === "[DONE]" ? { done: true } : { id, ...parsed(value) };
    events.push(event);
    if (onEvent(event) === false) return events;
  }
  assert(events.at(-1)?.done, "[DONE] is last");
  assert.equal(events.filter(({ done }) => done).length, 1);
  return events.slice(0, -1);
}

/** The text of all deltas. */
export const textOf = (events) => events.filter(({ chunk }) => chunk?.type === "text-delta").map(({ chunk }) => chunk.delta).join("");

function parsed(value) {
  const chunk = JSON.parse(value);
  assert.equal(typeof chunk.type, "string", value);
  return { chunk };
}

async function* linesOf(body) {
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream("utf-8", { fatal: true }))) {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    yield* lines;
  }
  assert.equal(rest, "", "the last line is whole");
}

const bodyIfWrong = async (response) => (response.status === 200 ? undefined : response.text());
