// A widget that holds its chat itself, with an assistant of its own, and has Parlor keep what is said: no dependencies, no build.
// docs/frontend-guide.md explains it.

import { call, newId, retrying } from "./parlor-client.js";

/** Visitor or chat are not there any more, or not for this visitor: erased, perhaps on another device. */
const isGone = ({ code }) => code === "visitor_not_found" || code === "not_found";

export class ParlorStoredChat {
  #url;
  #storage;
  #fetch;
  #beacon;
  #onRefused;
  #person = {};
  #key = null;
  #chat = null;
  #messages = [];
  #sending = Promise.resolve();

  /**
   * `storage` is to outlive the page; what is not stored yet is sent when the page goes away. `onRefused(message, error)` is called for a
   * message that the server never takes, such as one that is too long.
   */
  constructor({
    url,
    storage = globalThis.localStorage,
    fetch = (...all) => globalThis.fetch(...all),
    beacon = (...all) => navigator.sendBeacon(...all),
    onRefused = () => {},
  }) {
    this.#url = url.replace(/\/$/, "");
    this.#storage = storage;
    this.#fetch = fetch;
    this.#beacon = beacon;
    this.#onRefused = onRefused;
    globalThis.document?.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.close());
  }

  /** Who is in front of the widget: `{ name, email, page_url, … }`, all optional. Makes visitor and chat, or finds them again. */
  async start(person = {}) {
    this.#person = person;
    const [visitor_id, chat_id] = ["visitor", "chat"].map((name) => this.#storage.getItem(`parlor.stored.${name}`));
    if (!visitor_id || !chat_id) return this.#begin({});
    try {
      await this.#begin({ visitor_id, chat_id });
    } catch (error) {
      if (!isGone(error)) throw error;
      await this.#beginAnew();
    }
  }

  /** The chat's id: by it one writes. Made by the server it is the room key too, by which one reads and follows. */
  get chat() {
    return this.#chat;
  }

  /** Stores what was said: `role` is `user`, or `assistant` for the page's own. Resolves when it is on disk, fails if it is refused. */
  say(role, content) {
    const message = { role, content, client_id: newId(), timestamp: new Date().toISOString() };
    this.#messages.push(message);
    // One after the other, so that they are stored in the order in which they were said.
    const sent = this.#sending.then(() => this.#store(message));
    this.#sending = sent.catch(() => {});
    return sent;
  }

  /** For a page that goes away: what has no answer yet, once more and all at once. What is there already is known by its client id. */
  close() {
    if (this.#chat === null || this.#messages.length === 0) return;
    const body = JSON.stringify({ visitor_id: this.#key, messages: this.#messages });
    this.#beacon(`${this.#url}/api/dashboard/chats/${this.#chat}/send`, body);
  }

  async #begin(known) {
    // The same key each time it is repeated: an answer that was lost leaves no second visitor behind.
    const headers = { "Idempotency-Key": newId() };
    const { data } = await retrying(() => this.#post("/api/users/data", { ...this.#person, ...known }, headers));
    this.#key = data.visitor_id;
    this.#chat = data.chat_id;
    this.#storage.setItem("parlor.stored.visitor", this.#key);
    this.#storage.setItem("parlor.stored.chat", this.#chat);
  }

  async #beginAnew() {
    for (const name of ["visitor", "chat"]) this.#storage.removeItem(`parlor.stored.${name}`);
    await this.#begin({});
  }

  async #store(message) {
    const send = () => retrying(() => this.#post(`/api/users/chats/${this.#chat}/send`, { ...message, visitor_id: this.#key }));
    const sendElsewhere = async (error) => {
      if (!isGone(error)) throw error;
      await this.#beginAnew();
      return send();
    };
    try {
      return (await send().catch(sendElsewhere)).data;
    } catch (error) {
      this.#onRefused(message, error);
      throw error;
    } finally {
      // A refused one goes, too: among others that are told at once it would have all of them refused.
      this.#messages = this.#messages.filter((other) => other !== message);
    }
  }

  #post(path, body, headers) {
    return call(this.#url + path, { method: "POST", body, headers, fetch: this.#fetch });
  }
}
