// Nothing is left, however a run ends.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

import { SMALL, pgverse } from "./setup.mjs";

const OPTIONS = { ...SMALL, agents: ["index"] };

async function forked(competition) {
  for await (const event of competition) if (event.type === "universe_spawned") return;
  assert.fail("the run ended without a fork");
}

test("an aborted signal destroys the forks first", async () => {
  const controller = new AbortController();
  const competition = new pgverse.Competition(OPTIONS);
  const run = competition.run({ signal: controller.signal });
  await forked(competition);
  assert.notDeepEqual(await pgverse.forks(), []);
  controller.abort();
  await assert.rejects(run, { name: "AbortError" });
  assert.deepEqual(await pgverse.forks(), []);
});

test("a time limit is a signal", async () => {
  const run = pgverse.compete({ ...OPTIONS, signal: AbortSignal.timeout(500) });
  await assert.rejects(run, { name: "TimeoutError" });
});

test("cancel of the competition", async () => {
  const competition = new pgverse.Competition(OPTIONS);
  const run = competition.run();
  const rejected = assert.rejects(run, { code: "cancelled" });
  await forked(competition);
  competition.cancel();
  await rejected;
});

const SCRIPT = `
const { Competition } = require(${JSON.stringify(new URL("../dist/index.js", import.meta.url).pathname)});
const competition = new Competition({ agents: ["index"], demo_scale: 0.05 });
competition.run().then(() => console.log("done"), (error) => console.log(error.code));
(async () => {
  for await (const event of competition) if (event.type === "universe_spawned") return console.log("forked");
})();
`;

for (const signal of ["SIGINT", "SIGTERM"]) {
  test(`${signal} destroys the forks before the program ends`, async () => {
    const child = spawn(process.execPath, ["-e", SCRIPT], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.setEncoding("utf8");
    while (!said.includes("forked")) said += (await once(child.stdout, "data"))[0];
    child.stdout.on("data", (text) => (said += text));
    child.kill(signal);
    const [code, by] = await once(child, "close");
    assert.equal(by, signal, `ended with ${code}: ${said}`);
    assert.deepEqual(await pgverse.forks(), []);
  });
}

test("the command line", () => {
  const command = new URL("../bin/pgverse.js", import.meta.url).pathname;
  const shown = spawnSync(process.execPath, [command, "--version"], { encoding: "utf8" });
  assert.match(shown.stdout, /^pgverse \d/);
  assert.equal(spawnSync(process.execPath, [command, "judge", "nowhere.json"]).status, 2);
});
