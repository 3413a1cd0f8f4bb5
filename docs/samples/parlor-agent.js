// An agent's side: login with rotating refresh tokens, the list, replies, and a socket that keeps the list fresh.

import { ParlorError, ParlorSocket, call, newId } from "./parlor-client.js";

export class ParlorAgent {
  #url;
  #access = null;
  #refresh = null;
  #refreshing = null;
  #WebSocket;

  constructor({ url, WebSocket }) {
    this.#url = url.replace(/\/$/, "");
    this.#WebSocket = WebSocket;
  }

  async login(username, password) {
    const login = await call(`${this.#url}/api/admin/auth/login/`, { method: "POST", body: { username, password } });
    this.#keep(login);
    return login.agent;
  }

  async logout() {
    await call(`${this.#url}/api/admin/auth/logout/`, { method: "POST", body: { refresh: this.#refresh } });
    this.#access = this.#refresh = null;
  }

  /** One call with the access token; an expired one is renewed once. */
  async call(path, options = {}) {
    try {
      return await call(this.#url + path, { ...options, token: this.#access });
    } catch (error) {
      if (error.code !== "unauthenticated") throw error;
      await this.renew();
      return call(this.#url + path, { ...options, token: this.#access });
    }
  }

  /** The next pair of tokens. A refresh token is good once and a second use ends the login, so calls at the same time share one renewal. */
  renew() {
    if (this.#refresh === null) return Promise.reject(new ParlorError("unauthenticated", "Log in first."));
    const body = { refresh: this.#refresh };
    this.#refreshing ??= call(`${this.#url}/api/admin/auth/refresh/`, { method: "POST", body })
      .then((login) => this.#keep(login))
      .finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  #keep({ access, refresh }) {
    this.#access = access;
    this.#refresh = refresh;
  }

  /** A page of the list, newest activity first: `{ results, next }`. Filters are the query's: `{ status: "open", assignee: "me" }`. */
  conversations(filter = {}) {
    return this.call(`/api/admin/chat-rooms/?${new URLSearchParams(filter)}`);
  }

  history(id, window = {}) {
    return this.call(`/api/admin/chat-rooms/${id}/messages/?${new URLSearchParams(window)}`);
  }

  /** Keep the client id when you repeat a reply that got no answer: it is stored once. */
  reply(id, message, { clientId = newId(), isNote = false } = {}) {
    const body = { message, client_id: clientId, private: isNote };
    return this.call(`/api/admin/chat-rooms/${id}/send_message/`, { method: "POST", body });
  }

  edit(id, messageId, message) {
    return this.call(`/api/admin/chat-rooms/${id}/messages/${messageId}/`, { method: "PATCH", body: { message } });
  }

  markRead(id, seq) {
    return this.call(`/api/admin/chat-rooms/${id}/mark_as_read/`, { method: "POST", body: { up_to_seq: seq } });
  }

  resolve(id) {
    return this.call(`/api/admin/chat-rooms/${id}/status/`, { method: "POST", body: { status: "resolved" } });
  }

  /**
   * Follows the list: `onReload()` after each connection, since rows are signals and not kept for later: load the list then.
   * `onRow(row)` with each row that changed. Returns the socket, to be closed.
   */
  inbox({ onReload, onRow, onState }) {
    const socket = new ParlorSocket({
      url: this.#url,
      WebSocket: this.#WebSocket,
      onState,
      hello: async ({ renew }) => {
        if (renew) await this.renew();
        return { token: this.#access };
      },
      onReady: async () => {
        await socket.command("inbox:subscribe", {}).catch(() => {}); // It broke: the next connection subscribes.
        onReload();
      },
      onEvent: async ({ event, data }) => {
        if (event === "inbox:conversation-updated") onRow(data);
        if (event === "session:expiring") {
          await this.renew();
          socket.signal("session:refresh", { token: this.#access });
        }
      },
    });
    socket.open();
    return socket;
  }
}
