// The shapes that the old marketplace frontends know, to the letter: a field too many is as wrong as one that is missing.

import assert from "node:assert/strict";

const text = (value) => typeof value === "string";
const number = (value) => typeof value === "number" && Number.isFinite(value);
const place = (value) => Number.isSafeInteger(value) && value > 0;
const flag = (value) => typeof value === "boolean";
const object = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const time = (value) => text(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
const uuid = (value) => text(value) && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(value);
const email = (value) => text(value) && /^\S+@\S+$/.test(value);
const orNull = (kind) => (value) => value === null || kind(value);
const oneOf = (...words) => (value) => words.includes(value);
const shape = (fields) => (value, at) => {
  mustBe(fields, value, at);
  return true;
};
const listOf = (kind) => (value, at) => Array.isArray(value) && value.every((item, n) => kind(item, `${at}[${n}]`));

// `?` behind a name: the field may be absent. It is never null then.
const message = {
  id: number,
  messageId: uuid,
  seq: place,
  sender: oneOf("user", "seller", "system"),
  text,
  timestamp: time,
  "sentAt?": time,
  isRead: flag,
  type: oneOf("text", "offer", "test_drive_request"),
  "payload?": object,
  "appointment?": object,
};

const withoutMessages = {
  id: text,
  customerId: email,
  customerName: orNull(text),
  sellerId: email,
  vehicleId: number,
  vehicleName: text,
  vehiclePrice: number,
  lastMessageAt: time,
  isReadBySeller: flag,
  isReadByCustomer: flag,
  isFlagged: flag,
  "flagReason?": text,
  "flaggedAt?": time,
  createdAt: time,
  updatedAt: time,
};

const conversation = { ...withoutMessages, messages: listOf(shape(message)) };
const failure = { code: text, message: text, details: listOf(shape({ field: text, detail: text })), retryable: flag, "retry_after_ms?": number };

const events = {
  // What is caught up comes as several; only the last one of them brings the messages.
  "conversation:new-message": {
    conversationId: text,
    rev: place,
    message: shape(message),
    conversation: (value, at) => shape("messages" in value ? conversation : withoutMessages)(value, at),
  },
  "conversation:message-updated": {
    conversationId: text,
    rev: place,
    change: oneOf("edited", "deleted", "reaction", "status", "action"),
    message: shape(message),
    conversation: shape(withoutMessages),
  },
  "conversation:updated": { conversationId: text, rev: place, conversation: shape(withoutMessages) },
  "conversation:deleted": { conversationId: text, rev: place },
  "conversation:read": {
    conversationId: text,
    upToSeq: place,
    by: oneOf("customer", "seller"),
    isReadByCustomer: flag,
    isReadBySeller: flag,
    at: time,
  },
};

export const mustBeConversation = (value) => mustBe(conversation, value, "conversation");
export const mustBeStored = (value) =>
  mustBe({ conversationId: text, rev: place, message: shape(message), conversation: shape(conversation) }, value, "stored");
export const mustBeSent = (value) =>
  mustBe({ messageId: uuid, id: number, seq: place, rev: place, createdAt: time, duplicate: flag }, value, "data");

export function mustBeEvent(name, args) {
  assert(name in events, `an event ${name} is not known: ${JSON.stringify(args)}`);
  assert.equal(args.length, 1, `${name} brings one argument`);
  mustBe(events[name], args[0], name);
}

export function mustBeReply(reply) {
  assert(object(reply) && flag(reply.ok), `this is no reply: ${JSON.stringify(reply)}`);
  mustBe(reply.ok ? { ok: flag, data: object } : { ok: flag, error: shape(failure) }, reply, "reply");
}

function mustBe(fields, value, at) {
  assert(object(value), `${at} is ${JSON.stringify(value)}`);
  const names = Object.keys(fields);
  const unknown = Object.keys(value).filter((name) => !names.includes(name) && !names.includes(`${name}?`));
  assert.deepEqual(unknown, [], `${at} has fields that nobody knows: ${JSON.stringify(value)}`);
  for (const [name, kind] of Object.entries(fields)) {
    const field = name.replace("?", "");
    if (field !== name && !(field in value)) continue;
    assert(field in value, `${at}.${field} is missing: ${JSON.stringify(value)}`);
    assert(kind(value[field], `${at}.${field}`), `${at}.${field} is ${JSON.stringify(value[field])}`);
  }
}
