// What the tests of the samples share.

import assert from "node:assert/strict";
import { sleep } from "./parlor-client.js";

export async function step(name, action) {
  try {
    await action();
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
  console.log(`- ${name}`);
}

/** Waits until `condition` gives something true, and returns it. */
export async function until(condition, what) {
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(10)) {
    const found = await condition();
    if (found) return found;
  }
  throw new Error(`waited in vain: ${what}`);
}

export function setting(name) {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

/** A storage as pages have it. */
export function memory() {
  const kept = new Map();
  return { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name) };
}
