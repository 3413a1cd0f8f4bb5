// A visitor and an agent hold a conversation, through nothing but types and paths of the published OpenAPI document.
// It compiles only if the document says what is used here; it passes only if the server does what the document says.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const baseUrl = setting("PARLOR_URL");
const stranger = createClient<paths>({ baseUrl });

const visitorKey = await createVisitor();
const visitor = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${visitorKey}` } });
const agent = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${await login()}` } });

const roomKey = await openRoom("Is the blue one still there?");
const conversation = await findConversation("Is the blue one still there?");
assert.notEqual(conversation, roomKey, "agents know the conversation by another id than the key of the visitor");

const reply = await replyAsAgent(conversation, "It is. Shall I keep it for you?", "reply-1");
const answer = await writeAsVisitor(roomKey, "Yes, please", "answer-1", 201);
const repeated = await writeAsVisitor(roomKey, "Yes, please", "answer-1", 200);
assert.equal(repeated.id, answer.id, "a repeat under the same client id is the first message");
assert.equal(repeated.seq, answer.seq);

const history = await readAsVisitor(roomKey);
assert.deepEqual(history.map(({ seq }) => seq), [1, 2, 3]);
assert.deepEqual(history.map(({ text }) => text), ["Is the blue one still there?", "It is. Shall I keep it for you?", "Yes, please"]);
assert.deepEqual(history.map(({ sender }) => sender.kind), ["visitor", "agent", "visitor"]);
assert.equal(history[1]?.id, reply.id);

assert.equal(await markReadAsVisitor(roomKey, answer.seq), 0);
assert.equal(await markReadAsAgent(conversation, answer.seq), 0);
await mustRefuseAnUnknownRoom();

console.log(`a conversation of ${history.length} messages, one of them sent twice and stored once`);

async function createVisitor(): Promise<string> {
  const { data, error, response } = await stranger.POST("/api/chats/visitors/", { body: { name: "Vera Visitor" } });
  expect(response, 201, error);
  assert(data);
  return data.data.id;
}

async function login(): Promise<string> {
  const body = { username: setting("PARLOR_USERNAME"), password: setting("PARLOR_PASSWORD") };
  const { data, error, response } = await stranger.POST("/api/admin/auth/login/", { body });
  expect(response, 200, error);
  assert(data);
  return data.access;
}

async function openRoom(message: string): Promise<string> {
  const body = { visitor_id: visitorKey, subject: "The blue one", message, client_id: "first-1" };
  const { data, error, response } = await visitor.POST("/api/public/chat-rooms/", { body });
  expect(response, 201, error);
  assert(data);
  return data.id;
}

async function findConversation(lastMessage: string): Promise<string> {
  const { data, error, response } = await agent.GET("/api/admin/chat-rooms/", { params: { query: { limit: 10 } } });
  expect(response, 200, error);
  const row = data?.results.find(({ last_message }) => JSON.stringify(last_message)?.includes(lastMessage));
  assert(row, "the agent sees the visitor's conversation");
  return row.id;
}

async function replyAsAgent(id: string, message: string, client_id: string) {
  const { data, error, response } = await agent.POST("/api/admin/chat-rooms/{id}/send_message/", {
    params: { path: { id } },
    body: { message, client_id },
  });
  expect(response, 201, error);
  assert(data);
  return data;
}

async function writeAsVisitor(id: string, message: string, client_id: string, status: number) {
  const { data, error, response } = await visitor.POST("/api/public/chat-rooms/{id}/send_message/", {
    params: { path: { id } },
    body: { message, client_id },
  });
  expect(response, status, error);
  assert(data);
  return data;
}

async function readAsVisitor(id: string) {
  const { data, error, response } = await visitor.GET("/api/public/chat-rooms/{id}/get_messages/", { params: { path: { id } } });
  expect(response, 200, error);
  assert(data);
  return data.results;
}

async function markReadAsVisitor(id: string, up_to_seq: number): Promise<number> {
  const { data, error, response } = await visitor.POST("/api/public/chat-rooms/{id}/mark_as_read/", {
    params: { path: { id } },
    body: { up_to_seq },
  });
  expect(response, 200, error);
  assert(data);
  return data.unread_count;
}

async function markReadAsAgent(id: string, up_to_seq: number): Promise<number> {
  const { data, error, response } = await agent.POST("/api/admin/chat-rooms/{id}/mark_as_read/", {
    params: { path: { id } },
    body: { up_to_seq },
  });
  expect(response, 200, error);
  assert(data);
  return data.unread_count;
}

/** Errors are typed too: a problem document with a code. */
async function mustRefuseAnUnknownRoom(): Promise<void> {
  const { error, response } = await visitor.GET("/api/public/chat-rooms/{id}/", {
    params: { path: { id: "00000000-0000-4000-8000-000000000000" } },
  });
  expect(response, 404, error);
  assert.equal(error?.code, "not_found");
}

function expect(response: Response, status: number, error: unknown): void {
  assert.equal(response.status, status, `${response.url} was answered ${response.status}: ${JSON.stringify(error)}`);
}

function setting(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}
