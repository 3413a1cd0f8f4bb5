// Validates asyncapi.json as the AsyncAPI project's own parser sees it; errors end the run, hints are printed.

import { readFile } from "node:fs/promises";
import { DiagnosticSeverity, Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(await readFile("asyncapi.json", "utf8"));
for (const { severity, path, message } of diagnostics) {
  console.log(`${DiagnosticSeverity[severity] ?? severity}: ${path.join(".")}: ${message}`);
}
if (document === undefined || diagnostics.some(({ severity }) => severity === DiagnosticSeverity.Error)) {
  console.error("asyncapi.json is not valid");
  process.exitCode = 1;
} else {
  console.log(`${document.channels().length} channels, ${document.operations().length} operations`);
}
