/** An agent of one's own beside a built-in one, on a small demo shop: `node dist/partialIndexes.js`. */

import { compete, type Agent, type Brief, type Candidate, type PlanNode, type Probe } from "pgverse";

const QUEUE = `
-- name: pending_orders
SELECT id, total FROM orders WHERE status = 'pending' AND total > 100 ORDER BY id;
`;

/** Proposes, where a scan throws away a hundred rows for each that it keeps, an index of exactly the rows that it keeps. */
class PartialIndexes implements Agent {
  readonly name = "partial";

  async propose(probe: Probe, brief: Brief): Promise<Candidate[]> {
    const candidates: Candidate[] = [];
    for (const statement of brief.workload.statements) {
      const plan = await probe.explain(statement.sql);
      for (const node of nodes(plan.Plan)) {
        const candidate = indexOfTheRest(brief, node, candidates.length + 1);
        if (candidate) candidates.push({ ...candidate, statements: [statement.id] });
      }
    }
    return candidates;
  }
}

function indexOfTheRest(brief: Brief, node: PlanNode, number: number): Candidate | undefined {
  const { "Relation Name": name, Filter: predicate, Alias: alias, "Plan Rows": kept = 0 } = node;
  const table = brief.catalog.tables.find((table) => table.name === name);
  // The plan names columns by the alias; in an index only the table's own name is known.
  if (!table || !predicate || alias !== name || table.rows < 100 * kept) return undefined;
  return {
    title: `partial index on ${name} where ${predicate}`,
    rationale: `the scan keeps ${kept} of ${table.rows} rows`,
    change: {
      operations: [
        {
          type: "create_index",
          schema: table.schema,
          table: table.name,
          name: `${table.name}_partial_${number}`,
          keys: [{ column: "id" }],
          predicate,
        },
      ],
    },
  };
}

/** A node and all below it. */
function nodes(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodes)];
}

const report = await compete({
  sql: QUEUE,
  agents: [new PartialIndexes(), "schema"],
  demo_scale: 0.1,
  options: { max_rounds: 30, measuring_seconds: 10 },
});
for (const { candidates } of report.universes) {
  for (const { id, status, title } of candidates) console.log([id, status, title].join(" | "));
}
console.log(report.verdict.reason);
