// What useChat is made of, without a page around it: the SDK's own chat and transport, and plain arrays for its state.

/** The chat and the transport of one version of the SDK; `seen` gets every chunk that came over the wire. */
export function makeChat({ AbstractChat, DefaultChatTransport }, { api, id, key, messages = [] }) {
  const seen = [];
  const data = [];
  const errors = [];
  const transport = watched(new DefaultChatTransport({ api, headers: { Authorization: `Bearer ${key}` } }), seen);
  const chat = new (class extends AbstractChat {})({
    id,
    transport,
    state: arrays(messages),
    onData: (part) => data.push(part),
    onError: (error) => errors.push(error),
  });
  return { chat, transport, seen, data, errors };
}

/** The text of a message as a page would show it. */
export const textOf = (message) => (message?.parts ?? []).filter(({ type }) => type === "text").map(({ text }) => text).join("");

function arrays(messages) {
  return {
    status: "ready",
    error: undefined,
    messages: [...messages],
    pushMessage(message) {
      this.messages = [...this.messages, message];
    },
    popMessage() {
      this.messages = this.messages.slice(0, -1);
    },
    replaceMessage(place, message) {
      this.messages = this.messages.with(place, structuredClone(message));
    },
    snapshot: structuredClone,
  };
}

function watched(transport, seen) {
  for (const name of ["sendMessages", "reconnectToStream"]) {
    const original = transport[name].bind(transport);
    transport[name] = async (options) => (await original(options))?.pipeThrough(tap(seen)) ?? null;
  }
  return transport;
}

function tap(seen) {
  return new TransformStream({
    transform(chunk, controller) {
      seen.push(chunk);
      controller.enqueue(chunk);
    },
  });
}
