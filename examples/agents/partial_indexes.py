"""An agent of one's own beside a built-in one, on a small demo shop: `python partial_indexes.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pgverse
from pgverse.types import Brief, Candidate, PlanNode

QUEUE = """
-- name: pending_orders
SELECT id, total FROM orders WHERE status = 'pending' AND total > 100 ORDER BY id;
"""


class PartialIndexes:
    """Proposes, where a scan throws away a hundred rows for each that it keeps, an index of exactly the rows that it keeps."""

    name = "partial"

    async def propose(self, probe: pgverse.Probe, brief: Brief) -> list[Candidate]:
        candidates: list[Candidate] = []
        for statement in brief["workload"]["statements"]:
            plan = await probe.explain_async(statement["sql"])
            for node in nodes(plan["Plan"]):
                candidate = self._index_of_the_rest(brief, node, len(candidates) + 1)
                if candidate:
                    candidates.append({**candidate, "statements": [statement["id"]]})
        return candidates

    def _index_of_the_rest(self, brief: Brief, node: PlanNode, number: int) -> Candidate | None:
        name, predicate = node.get("Relation Name"), node.get("Filter")
        table = next((t for t in brief["catalog"]["tables"] if t["name"] == name), None)
        # The plan names columns by the alias; in an index only the table's own name is known.
        if not table or not predicate or node.get("Alias") != name:
            return None
        if table["rows"] < 100 * node.get("Plan Rows", 0.0):
            return None
        return {
            "title": f"partial index on {name} where {predicate}",
            "rationale": f"the scan keeps {node.get('Plan Rows')} of {table['rows']} rows",
            "change": {
                "operations": [
                    {
                        "type": "create_index",
                        "schema": table["schema"],
                        "table": table["name"],
                        "name": f"{table['name']}_partial_{number}",
                        "keys": [{"column": "id"}],
                        "predicate": predicate,
                    }
                ]
            },
        }


def nodes(node: PlanNode) -> Iterator[PlanNode]:
    """A node and all below it."""
    yield node
    for child in node.get("Plans", []):
        yield from nodes(child)


def main() -> None:
    report = pgverse.compete(
        sql=QUEUE,
        agents=[PartialIndexes(), "schema"],
        demo_scale=0.1,
        options={"max_rounds": 30, "measuring_seconds": 10.0},
    )
    for universe in report["universes"]:
        for candidate in universe["candidates"]:
            print(candidate["id"], candidate["status"], candidate["title"], sep=" | ")
    print(report["verdict"]["reason"])


if __name__ == "__main__":
    main()
