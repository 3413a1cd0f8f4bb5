// A room without a socket: ask every few seconds for what changed. The simplest client there is, and enough for many.

import { backOff, call, sleep } from "./parlor-client.js";

/**
 * Calls `onMessages(messages)` with the newest messages, then with each that is new or changed: put them in place by `id`.
 * Ends when `signal` is aborted.
 */
export async function pollRoom({ url, room, onMessages, every = 3_000, signal }) {
  const address = `${url}/api/public/chat-rooms/${room}/get_messages/`;
  let rev = null;
  for (let failed = 0; !signal?.aborted; ) {
    try {
      const { results, head_rev: head } = await call(rev === null ? address : `${address}?changed_after=${rev}`);
      rev = head;
      failed = 0;
      if (results.length > 0) onMessages(results);
      await sleep(every);
    } catch (error) {
      if (error.code === "invalid_input") rev = null; // Too far behind: begin with the newest page again.
      else if (!error.retryable) throw error;
      await sleep(Math.max(error.retryAfter, every, backOff((failed += 1))));
    }
  }
}
