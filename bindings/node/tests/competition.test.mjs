// Competitions from Node.js: verdicts, events, own agents, judges and backends.
import assert from "node:assert/strict";
import { test } from "node:test";

import { INDEX, LOOKUP, SMALL, byHand, pgverse } from "./setup.mjs";

test("an agent in JavaScript wins, and its events tell it", async () => {
  const competition = new pgverse.Competition({ sql: LOOKUP, agents: [byHand], ...SMALL });
  const run = competition.run();
  const seen = [];
  for await (const event of competition) seen.push(event.type);
  const report = await run;
  assert.equal(report.verdict.winner, "by_hand-1", report.verdict.reason);
  assert.ok(byHand.asked[0].n > 1000);
  assert.deepEqual([seen[0], seen.at(-1)], ["started", "finished"]);
  assert.ok(seen.includes("crowned"));
  const again = [];
  for await (const event of competition.events()) again.push(event.type);
  assert.deepEqual(again, seen);
  assert.match((await pgverse.plan(report)).steps[0].up[0], /CONCURRENTLY/);
  assert.equal((await pgverse.judge(report)).verdict.winner, "by_hand-1");
});

test("a plain function is an agent", async () => {
  const propose = () => [INDEX];
  const report = await pgverse.compete({ sql: LOOKUP, agents: [propose], ...SMALL });
  assert.equal(report.verdict.winner, "propose-1", report.verdict.reason);
});

test("agents that misbehave are named and harm nobody", async () => {
  let told = false;
  function raises() {
    throw new TypeError("no idea");
  }
  const hangs = (probe) =>
    new Promise(() => probe.signal.addEventListener("abort", () => (told = true)));
  const nonsense = () => [{ titel: "x" }];
  const options = { ...SMALL.options, agent_timeout_seconds: 5 };
  const report = await pgverse.compete({
    sql: LOOKUP,
    agents: [raises, hangs, nonsense, byHand],
    ...SMALL,
    options,
  });
  assert.equal(report.verdict.winner, "by_hand-1", report.verdict.reason);
  const errors = Object.fromEntries(report.universes.map((u) => [u.agent, u.error ?? ""]));
  assert.match(errors.raises, /TypeError: no idea/);
  assert.match(errors.raises, /competition\.test\.mjs/);
  assert.match(errors.hangs, /in time/);
  assert.ok(told, "the agent that hangs was not told that nobody waits");
  assert.match(errors.nonsense, /titel/);
  assert.equal(errors.by_hand, "");
});

test("a judge of one's own decides", async () => {
  const nobody = (problem, trials, verdict) => ({
    ...verdict,
    winner: null,
    ratio: null,
    reason: `${trials.length} were not good enough`,
  });
  const report = await pgverse.compete({ sql: LOOKUP, agents: [byHand], judge: nobody, ...SMALL });
  assert.equal(report.verdict.winner ?? null, null);
  assert.equal(report.verdict.judge, "nobody");
  assert.equal(report.verdict.reason, "1 were not good enough");
  await assert.rejects(pgverse.judge(report), { code: "invalid_input", message: /another program/ });
});

test("a judge that fails is told", async () => {
  const broken = () => ({ winner: 7 });
  await assert.rejects(pgverse.compete({ sql: LOOKUP, agents: [byHand], judge: broken, ...SMALL }), {
    code: "agent",
    message: /judge/,
  });
});

test("a fork backend of one's own", async () => {
  const made = [];
  const destroyed = [];
  const backend = {
    async fork() {
      const fork = await pgverse.fork({ demo_scale: 0.05 });
      made.push(fork.id);
      return { id: fork.id, dsn: fork.dsn, mechanism: "borrowed" };
    },
    async destroy(id) {
      destroyed.push(id);
      await pgverse.destroy({ id }).catch((error) => assert.equal(error.code, "not_found"));
    },
  };
  const { options } = SMALL;
  const report = await pgverse.compete({ sql: LOOKUP, agents: [byHand], backend, options });
  assert.equal(report.verdict.winner, "by_hand-1", report.verdict.reason);
  assert.equal(report.universes[0].fork.mechanism, "borrowed");
  assert.ok(made.length > 0);
  assert.deepEqual(new Set(made), new Set(destroyed));
});
