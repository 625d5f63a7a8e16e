//! A report whose winner has one change of each kind. Its figures are made up; no user ever sees them.

use pgverse_core::promote;
use pgverse_core::types::{
    Candidate, Change, ChangeReport, IndexKey, IndexPartition, Operation, PromotionReport, Refresh, Report,
};
use serde_json::json;

/// The tables that the change is about, as every test makes them.
pub(crate) const SCHEMA: &str = r#"
CREATE TABLE public.users (id bigint PRIMARY KEY, email text NOT NULL, "from" text);
CREATE TABLE public.orders (id bigint PRIMARY KEY, user_id bigint NOT NULL, status text NOT NULL, total numeric);
CREATE INDEX orders_status_idx ON public.orders USING btree (status);
CREATE TABLE public.events (id bigint, at date NOT NULL, kind text) PARTITION BY RANGE (at);
CREATE TABLE public.events_1 PARTITION OF public.events FOR VALUES FROM ('2025-01-01') TO ('2025-07-01');
CREATE TABLE public.events_2 PARTITION OF public.events FOR VALUES FROM ('2025-07-01') TO ('2026-01-01');
INSERT INTO public.users SELECT i, 'u' || i || '@example.com', 'x' FROM generate_series(1, 200) i;
INSERT INTO public.orders SELECT i, i % 200, 'open', i FROM generate_series(1, 1000) i;
INSERT INTO public.events SELECT i, date '2025-01-01' + i % 365, 'k' FROM generate_series(1, 1000) i;
"#;

/// What must be there after the change, as a query that is true then.
pub(crate) const APPLIED: &str = "SELECT (count(*) FILTER (WHERE c.relname IN ('orders_open_idx', 'users_lower_idx', \
     'events_kind_idx', 'events_kind_idx_p1', 'events_kind_idx_p2') AND i.indisvalid) = 5 \
     AND count(*) FILTER (WHERE c.relname = 'orders_status_idx') = 0 \
     AND bool_and(i.indisvalid) \
     AND to_regclass('public.user_totals') IS NOT NULL \
     AND EXISTS (SELECT FROM pg_statistic_ext WHERE stxname = 'orders_stats'))::text \
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid";

fn operations() -> Vec<Operation> {
    let public = || "public".to_owned();
    let index = |table: &str, name: &str, keys, predicate: Option<&str>, partitions| Operation::CreateIndex {
        schema: public(),
        table: table.into(),
        name: name.into(),
        method: "btree".into(),
        keys,
        include: Vec::new(),
        predicate: predicate.map(Into::into),
        partitions,
    };
    let part = |table: &str, name: &str| IndexPartition {
        schema: public(),
        table: table.into(),
        name: name.into(),
        partitions: None,
    };
    // Characters that mean something to one of the tools: percent, colon, dollar, quotes, backslash.
    let odd = r#"status NOT LIKE '%:x ${y} "q" $$z' AND status <> E'a\\b'"#;
    vec![
        index("orders", "orders_open_idx", vec![IndexKey::column("user_id")], Some(odd), None),
        index("users", "users_lower_idx", vec![IndexKey::expression("lower(email)")], None, None),
        index(
            "events",
            "events_kind_idx",
            vec![IndexKey::column("kind")],
            None,
            Some(vec![part("events_1", "events_kind_idx_p1"), part("events_2", "events_kind_idx_p2")]),
        ),
        Operation::CreateStatistics {
            schema: public(),
            table: "orders".into(),
            name: "orders_stats".into(),
            kinds: vec!["dependencies".into()],
            columns: vec!["user_id".into(), "status".into()],
            expressions: Vec::new(),
        },
        Operation::SetStatisticsTarget {
            schema: public(),
            table: "users".into(),
            column: "from".into(),
            target: 500,
            previous: -1,
        },
        Operation::CreateMaterializedView {
            schema: public(),
            name: "user_totals".into(),
            query: "SELECT user_id, sum(total) AS total FROM public.orders GROUP BY user_id -- per user".into(),
            unique_key: vec!["user_id".into()],
            refresh: Refresh { every_seconds: 60.0, concurrently: true },
        },
        Operation::RewriteStatement {
            statement: "buyers".into(),
            sql: "SELECT u.id\nFROM users u\nWHERE EXISTS (SELECT FROM orders o WHERE o.user_id = u.id AND o.total > $1)"
                .into(),
            rule: "count_to_exists".into(),
        },
        Operation::DropIndex {
            schema: public(),
            name: "orders_status_idx".into(),
            definition: "CREATE INDEX orders_status_idx ON public.orders USING btree (status)".into(),
            partitions: None,
        },
    ]
}

pub(crate) fn report() -> Report {
    let mut candidate =
        Candidate::new("indexes, statistics\nand a view", Change { operations: operations() });
    candidate.id = "index-1".into();
    let ratio = json!({"estimate": 0.312, "low": 0.301, "high": 0.33});
    let old = "SELECT u.id\nFROM users u\nWHERE (SELECT count(*) FROM orders o WHERE o.user_id = u.id AND o.total > $1) > 0 \
               /*controller='users',route='%2Fbuyers'*/";
    let held = json!({"count": 0, "bytes": 0, "gib_hours": 0.0, "running_hours": 0.0, "price": 0.0});
    let zero = json!({"total_seconds": 0.0, "forking_seconds": 0.0, "building_seconds": 0.0,
        "measuring_seconds": 0.0, "postgres_seconds": 0.0, "postgres_share": 0.0});
    let mut report: Report = serde_json::from_value(json!({
        "format": 1, "id": "competition-1", "started": "2026-01-02T03:04:58.9Z", "seed": 1, "pgverse": "0.1.0",
        "problem": pgverse_core::types::Problem::default(),
        "workload": {"statements": [{"id": "buyers", "sql": old, "fingerprint": "f1", "kind": "read", "weight": 1.0,
            "parameter_sets": [{"id": "big", "values": ["10"], "weight": 1.0, "origin": "given"}]}]},
        "source": {"server_version": 150018, "database": "shop", "table_bytes": 1, "settings": {}},
        "timing": zero,
        "universes": [{"id": "u", "agent": "index", "backend": "local",
            "fork": {"seconds": 0.0, "bytes": 0, "mechanism": "copy"}, "error": null,
            "candidates": [{"id": "index-1", "title": candidate.title, "rationale": "count(*) > 0 asks whether there is one",
                "status": "crowned", "reason": "", "change": ChangeReport::of(&candidate), "predicted_ratio": null,
                "answers": "same", "ratio": ratio, "costs": pgverse_core::types::Costs::default(),
                "statements": [{"id": "buyers", "parameter_set": "big", "pairs": 24, "baseline_ms": 10.0,
                    "candidate_ms": 3.0, "ratio": ratio}]}]}],
        "verdict": {"winner": "index-1", "agent": "index", "ratio": ratio, "reason": "", "noise": 0.02},
        "promotion": {"hash": "", "steps": []},
        "costs": {"forks": held, "full_clones": held, "formula": ""},
        "trials": [{"candidate": "index-1", "universe": "u", "state": {"state": "measured"}, "answers": "same",
            "checks": [{"statement": "buyers", "parameter_set": "big", "answers": "same", "baseline_rows": 12,
                "candidate_rows": 12, "reason": "", "proof": "not refuted by 1000 databases"}],
            "samples": [], "costs": pgverse_core::types::Costs::default(), "planned_ratio": null,
            "predicted_ratio": null, "staleness_seconds": 60.0}]
    }))
    .unwrap();
    report.promotion = PromotionReport::from(promote::plan(&candidate, &[], &report.source));
    report
}
