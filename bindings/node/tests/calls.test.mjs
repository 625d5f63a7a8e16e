// What is read, what is refused, and how an error looks.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

import { pgverse } from "./setup.mjs";

const require = createRequire(import.meta.url);

test("a workload from text, from values, and back again", async () => {
  assert.equal((await pgverse.workload()).statements.length, 13);
  const read = await pgverse.workload({ sql: "-- name: a\nSELECT 1;\nSELECT 2;" });
  assert.deepEqual(
    read.statements.map((s) => s.id),
    ["a", "statement_2"],
  );
  assert.deepEqual(await pgverse.workload({ workload: read }), read);
});

test("errors have a code, a place and a way out", async () => {
  await assert.rejects(pgverse.workload({ sql: "SELEC 1" }), (error) => {
    assert.ok(error instanceof pgverse.PgverseError);
    assert.equal(error.code, "invalid_input");
    assert.ok(Object.keys(error.context).length > 0, error.message);
    return true;
  });
  await assert.rejects(pgverse.compete({ agents: ["nobody"] }), { code: "not_found" });
  await assert.rejects(pgverse.compete({ agents: [{ name: "idle" }] }), {
    code: "invalid_input",
    message: /propose/,
  });
  await assert.rejects(pgverse.compete({ seeds: 1 }), { code: "invalid_input", message: /seeds/ });
});

test("every kind of error is a code that the types know", () => {
  const { native } = require("../dist/native.js");
  const declared = require("node:fs").readFileSync(require.resolve("../dist/errors.d.ts"), "utf8");
  for (const kind of native.errorKinds()) assert.ok(declared.includes(`"${kind}"`), kind);
});

test("CommonJS and ECMAScript modules give the same", () => {
  assert.equal(require("../dist/index.js").compete, pgverse.compete);
});
