// A widget that holds its chat itself, with an assistant of its own, and has Parlor keep what is said: no dependencies, no build.
// docs/frontend-guide.md explains it.

import { call, newId, retrying } from "./parlor-client.js";

export class ParlorStoredChat {
  #url;
  #storage;
  #fetch;
  #beacon;
  #key = null;
  #chat = null;
  #messages = [];
  #sending = Promise.resolve();

  /** `storage` is to outlive the page; what is not stored yet is sent when the page goes away. */
  constructor({ url, storage = globalThis.localStorage, fetch = (...all) => globalThis.fetch(...all), beacon = (...all) => navigator.sendBeacon(...all) }) {
    this.#url = url.replace(/\/$/, "");
    this.#storage = storage;
    this.#fetch = fetch;
    this.#beacon = beacon;
    globalThis.document?.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.close());
  }

  /** Who is in front of the widget: `{ name, email, page_url, … }`, all optional. Makes visitor and chat, or finds them again. */
  async start(person = {}) {
    const [visitor, chat] = ["visitor", "chat"].map((name) => this.#storage.getItem(`parlor.stored.${name}`) ?? undefined);
    const body = { ...person, visitor_id: visitor, chat_id: chat };
    const { data } = await retrying(() => this.#post("/api/users/data", body));
    this.#key = data.visitor_id;
    this.#chat = data.chat_id;
    this.#storage.setItem("parlor.stored.visitor", this.#key);
    this.#storage.setItem("parlor.stored.chat", this.#chat);
  }

  /** The chat's id: by it one writes. Made by the server it is the room key too, by which one reads and follows. */
  get chat() {
    return this.#chat;
  }

  /** Stores what was said: `role` is `user`, or `assistant` for the page's own. Resolves when it is on disk. */
  say(role, content) {
    const message = { role, content, client_id: newId(), timestamp: new Date().toISOString() };
    this.#messages.push(message);
    // One after the other, so that they are stored in the order in which they were said.
    const sent = this.#sending.then(() => retrying(() => this.#post(`/api/users/chats/${this.#chat}/send`, { ...message, visitor_id: this.#key })));
    this.#sending = sent.catch(() => {});
    return sent.then(({ data }) => {
      this.#messages = this.#messages.filter((other) => other !== message);
      return data;
    });
  }

  /** For a page that goes away: what has no answer yet, once more and all at once. What is there already is known by its client id. */
  close() {
    if (this.#messages.length === 0) return;
    const body = JSON.stringify({ visitor_id: this.#key, messages: this.#messages });
    this.#beacon(`${this.#url}/api/dashboard/chats/${this.#chat}/send`, body);
  }

  #post(path, body) {
    return call(this.#url + path, { method: "POST", body, fetch: this.#fetch });
  }
}
