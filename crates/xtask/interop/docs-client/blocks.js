// The code blocks of a Markdown document, and a way to run those in JavaScript as they are printed.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";

const FENCE = /^\s*```(.*)$/;

/** All fenced blocks in their order, by heading and language: "Plain JavaScript, html". A second one of that name ends in ", 2". */
export function blocksOf(markdown) {
  const blocks = new Map();
  let heading = "";
  let open = null;
  for (const line of markdown.split("\n")) {
    const [, language] = FENCE.exec(line) ?? [];
    if (open === null && language === undefined) heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
    else if (open === null) open = { name: nameOf(`${heading}, ${language}`, blocks), lines: [] };
    else if (language === undefined) open.lines.push(line);
    else {
      assert.equal(language, "", `a block is open where ${line} begins`);
      blocks.set(open.name, open.lines.join("\n"));
      open = null;
    }
  }
  assert.equal(open, null, `the block ${open?.name} has no end`);
  return blocks;
}

function nameOf(name, blocks) {
  let number = 1;
  const numbered = () => (number === 1 ? name : `${name}, ${number}`);
  while (blocks.has(numbered())) number += 1;
  return numbered();
}

let modules = 0;

/**
 * Runs a block as a module beside the samples. `given` has the names that it takes for granted, `wanted` are those of its own that come back.
 * Imports come first wherever they stand, so the lines around the block change nothing in it.
 */
export async function runModule(code, { given = {}, wanted = [] } = {}) {
  const file = `./block-${(modules += 1)}.js`;
  globalThis.given = given;
  await writeFile(new URL(file, import.meta.url), `const { ${Object.keys(given)} } = globalThis.given;\n${code}\nexport { ${wanted} };\n`);
  return import(file);
}
