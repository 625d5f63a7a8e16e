// Every test file runs in a home of its own, in which nothing may be left at the end.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach } from "node:test";

const home = mkdtempSync(join(tmpdir(), "pgverse-node-"));
// Servers run as another user when the tests run as root, and must get in.
chmodSync(home, 0o755);
process.env.PGVERSE_HOME = home;

// After the variable is set, which the library reads.
export const pgverse = await import("../index.mjs");

export const SMALL = {
  demo_scale: 0.05,
  options: { min_rounds: 6, max_rounds: 8, measuring_seconds: 3, falsification_databases: 20 },
};

afterEach(async () => {
  assert.deepEqual(await pgverse.forks(), []);
  const forks = join(home, "forks");
  assert.deepEqual(existsSync(forks) ? readdirSync(forks) : [], []);
});

after(() => rmSync(home, { recursive: true, force: true }));

export const LOOKUP =
  "-- name: orders_of_user\n-- weight: 100\nSELECT count(*), sum(total) FROM orders WHERE user_id = 42;";

export const INDEX = {
  title: "index on the user of an order",
  change: {
    operations: [
      {
        type: "create_index",
        schema: "public",
        table: "orders",
        name: "orders_by_user",
        keys: [{ column: "user_id" }],
      },
    ],
  },
};

/** An agent that asks, awaits, and knows the answer. */
export const byHand = {
  name: "by_hand",
  asked: [],
  async propose(probe, brief) {
    this.asked = await probe.query("SELECT count(*) AS n FROM orders");
    assert.ok(await probe.explain(brief.workload.statements[0].sql));
    return [INDEX];
  },
};
