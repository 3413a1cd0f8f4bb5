// What the scripts of this folder share.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

export { sleep };

/** Runs one step; what it returns stands behind its name. The first that fails ends the script. */
export async function step(name, action) {
  try {
    const remark = await Promise.race([action(), sleep(90_000, undefined, { ref: false }).then(() => assert.fail("it does not end"))]);
    console.log(remark ? `- ${name}: ${remark}` : `- ${name}`);
  } catch (error) {
    console.error(`FAILED  ${name}:`, error);
    process.exit(1);
  }
}

/** Waits until `condition` gives something true, and returns it. `what` may be a function: what to say when it was in vain. */
export async function until(condition, what, patience = 20_000) {
  for (const end = Date.now() + patience; Date.now() < end; await sleep(5)) {
    const found = await condition();
    if (found) return found;
  }
  throw new Error(`waited in vain: ${typeof what === "function" ? what() : what}`);
}

export function setting(name) {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

let last = Date.now();

/** A message's number, as the old frontends make it: the time, a new one for each. */
export const newNumber = () => (last = Math.max(last + 1, Date.now()));
