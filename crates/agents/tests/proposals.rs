//! What the index and schema agents propose for real plans: every operation is accepted by the server, and the
//! planner uses what it was proposed for.

#![allow(clippy::unwrap_used)]

use async_trait::async_trait;
use pgverse_agents::{index::IndexAgent, schema::SchemaAgent};
use pgverse_core::pg::{Session, explain, explain_analyze, parameters, read_catalog};
use pgverse_core::traits::{Agent, Probe};
use pgverse_core::types::{Brief, Candidate, Operation, Plan, StatementPlan, Switch};
use pgverse_core::{Context, Result};
use pgverse_testkit::TestServer;
use serde_json::json;

const SCHEMA: &str = r#"
CREATE SCHEMA "App";
SET search_path = "App";
CREATE TABLE account (id bigint PRIMARY KEY, "Land" text NOT NULL, town text NOT NULL, mail varchar(80), doc jsonb,
    tags text[], pad text DEFAULT repeat('x', 60));
INSERT INTO account SELECT i, 'L' || i % 20, 'L' || i % 20 || '-T' || (i / 20) % 5, 'User' || i || '@x.org',
    jsonb_build_object('plan', CASE WHEN i % 500 = 0 THEN 'big' ELSE 'free' END, 'ref', 'R' || i), ARRAY['t' || i % 3000]
    FROM generate_series(1, 30000) i;
CREATE TABLE "Ticket" (id bigint PRIMARY KEY, "accountId" bigint REFERENCES account ON DELETE CASCADE, state text,
    opened timestamptz, closed timestamptz, cost numeric);
INSERT INTO "Ticket" SELECT i, 1 + (i * 7919) % 30000, CASE WHEN i % 100 = 0 THEN 'open' WHEN i % 3 = 0 THEN 'late' ELSE 'done' END,
    timestamptz '2025-01-01' + i * interval '1 minute', CASE WHEN i % 50 <> 0 THEN now() END, i % 977
    FROM generate_series(1, 120000) i;
CREATE INDEX ticket_closed ON "Ticket" (closed);
CREATE INDEX ticket_closed_again ON "Ticket" (closed, state);
CREATE TABLE entry (id bigint, at timestamptz NOT NULL, who int) PARTITION BY RANGE (at);
CREATE TABLE entry_1 PARTITION OF entry FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE entry_2 PARTITION OF entry FOR VALUES FROM ('2025-02-01') TO ('2026-01-01');
INSERT INTO entry SELECT i, timestamptz '2025-01-01' + i * interval '1 minute', i % 900 FROM generate_series(1, 60000) i;
"#;

/// Statement, text, parameter sets.
const WORKLOAD: &[(&str, &str, &[&[&str]])] = &[
    (
        "recent",
        r#"SELECT id, cost FROM "Ticket" WHERE "accountId" = $1 ORDER BY opened DESC LIMIT 5"#,
        &[&["77"], &["4000"]],
    ),
    ("queue", r#"SELECT id FROM "Ticket" WHERE state = 'open' ORDER BY opened LIMIT 20"#, &[&[]]),
    ("mail", "SELECT id FROM account WHERE lower(mail) = $1", &[&["user77@x.org"]]),
    ("prefix", "SELECT id, mail FROM account WHERE mail LIKE 'User2999%'", &[&[]]),
    ("suffix", "SELECT id FROM account WHERE pad LIKE '%yy'", &[&[]]),
    ("plan", r#"SELECT count(*) FROM account WHERE doc @> '{"plan": "big"}'"#, &[&[]]),
    ("tag", "SELECT id FROM account WHERE tags @> ARRAY['t17']", &[&[]]),
    (
        "last",
        r#"SELECT a.id, (SELECT max(t.opened) FROM "Ticket" t WHERE t."accountId" = a.id) FROM account a WHERE a.id < 30"#,
        &[&[]],
    ),
    ("either", r#"SELECT id FROM "Ticket" WHERE "accountId" = 5 OR cost = 976 AND id < 50"#, &[&[]]),
    (
        "towns",
        r#"SELECT count(*) FROM account a JOIN "Ticket" t ON t."accountId" = a.id WHERE a."Land" = 'L3' AND a.town = 'L3-T2'"#,
        &[&[]],
    ),
    ("days", "SELECT date_trunc('day', opened), count(*) FROM \"Ticket\" GROUP BY 1", &[&[]]),
    ("part", "SELECT id FROM entry WHERE who = 7", &[&[]]),
    ("drop", "DELETE FROM account WHERE id BETWEEN 10 AND 20", &[&[]]),
];

#[derive(Debug)]
struct Direct<'a>(&'a Session);

#[async_trait]
impl Probe for Direct<'_> {
    async fn query(&self, cx: &Context, sql: &str) -> Result<Vec<serde_json::Value>> {
        self.0.json(cx, &format!("SELECT to_json(q) FROM ({sql}) q"), &[]).await
    }

    async fn explain(&self, cx: &Context, sql: &str, values: &[Option<String>]) -> Result<Plan> {
        explain(self.0, cx, sql, values).await
    }
}

async fn brief(cx: &Context, session: &Session) -> Brief {
    let mut statements = Vec::new();
    let mut plans = Vec::new();
    for (id, sql, sets) in WORKLOAD {
        let read = sql.starts_with("SELECT");
        let mut named = Vec::new();
        for (number, values) in sets.iter().enumerate() {
            let values = parameters(values);
            let plan = if read {
                explain_analyze(session, cx, sql, &values).await.unwrap()
            } else {
                explain(session, cx, sql, &values).await.unwrap()
            };
            let set = number.to_string();
            named.push(json!({"id": set, "values": values, "weight": 1.0, "origin": "given"}));
            plans.push(StatementPlan {
                statement: (*id).into(),
                parameter_set: set.as_str().into(),
                plan,
                cut_off: false,
            });
        }
        statements.push(
            json!({"id": id, "sql": sql, "fingerprint": id, "kind": if read { "read" } else { "write" },
            "parameter_sets": named, "weight": 1.0}),
        );
    }
    Brief {
        problem: Default::default(),
        workload: serde_json::from_value(json!({"statements": statements})).unwrap(),
        catalog: read_catalog(session, cx).await.unwrap(),
        plans,
    }
}

/// Server, session, brief; one process a query, so that plans do not depend on the machine.
async fn bench(cx: &Context) -> (TestServer, Session, Brief) {
    let server = TestServer::start().await;
    server.sql("postgres", "CREATE DATABASE work").await;
    let session = server.session("work").await;
    for statement in SCHEMA.split_inclusive(";\n") {
        session.batch(cx, statement).await.unwrap();
    }
    // From PostgreSQL 15 on a session reports its changes late, maybe after its own ANALYZE.
    let _ = session.batch(cx, "SELECT pg_stat_force_next_flush()").await;
    session.batch(cx, r#"VACUUM ANALYZE account, "Ticket", entry_1, entry_2"#).await.unwrap();
    session
        .batch(cx, "SET max_parallel_workers_per_gather = 0; SET random_page_cost = 1.1; SET work_mem = '1MB'; SET jit = off")
        .await
        .unwrap();
    let brief = brief(cx, &session).await;
    (server, session, brief)
}

/// The plans of the statements that a candidate is meant for, with the candidate applied and rolled back.
async fn plans_with(cx: &Context, session: &Session, brief: &Brief, candidate: &Candidate) -> Vec<Plan> {
    session.batch(cx, "BEGIN").await.unwrap();
    for operation in &candidate.change.operations {
        let statements = match operation.switch() {
            // ALTER DATABASE holds for new sessions only.
            Switch::Enter(statements) => statements,
            _ => operation.apply(),
        };
        for sql in statements {
            session.batch(cx, &sql).await.unwrap_or_else(|e| panic!("{}: {sql}: {e}", candidate.title));
        }
    }
    let mut plans = Vec::new();
    for id in &candidate.statements {
        let statement = brief.workload.statement(id).unwrap();
        for set in &statement.parameter_sets {
            plans.push(explain(session, cx, &statement.sql, &set.values).await.unwrap());
        }
    }
    session.batch(cx, "ROLLBACK").await.unwrap();
    plans
}

fn find<'a>(candidates: &'a [Candidate], title: &str) -> &'a Candidate {
    let titles: Vec<&str> = candidates.iter().map(|c| c.title.as_str()).collect();
    candidates.iter().find(|c| c.title == title).unwrap_or_else(|| panic!("{title} is not among {titles:#?}"))
}

#[tokio::test]
async fn every_proposed_index_is_accepted_and_the_expected_ones_are_used() {
    let cx = Context::new();
    let (_server, session, brief) = bench(&cx).await;
    let agent = IndexAgent::with_limit(40);
    let candidates = agent.propose(&cx, &Direct(&session), &brief).await.unwrap();
    assert_eq!(
        candidates,
        agent.propose(&cx, &Direct(&session), &brief).await.unwrap(),
        "same brief, same proposals"
    );

    let mut used = Vec::new();
    for candidate in &candidates {
        let plans = plans_with(&cx, &session, &brief, candidate).await;
        let names = candidate.change.operations.iter().filter_map(|o| match o {
            Operation::CreateIndex { name, .. } => Some(name),
            _ => None,
        });
        // A partitioned index goes by other names in its partitions.
        if names.clone().count() > 0 && names.clone().all(|n| plans.iter().any(|p| p.uses_index(n))) {
            used.push(candidate.title.as_str());
        }
    }
    for expected in [
        "B-tree on Ticket (accountId, opened)",
        "B-tree on Ticket (state, opened)",
        "B-tree on Ticket (opened) WHERE state = 'open'",
        "B-tree on account ((lower(mail)))",
        "B-tree on account (mail text_pattern_ops)",
        "GIN on account (doc jsonb_path_ops)",
        "GIN on account (tags)",
    ] {
        find(&candidates, expected);
        assert!(used.contains(&expected), "{expected} is not used; used are {used:#?}");
    }
    find(&candidates, "B-tree on entry (who)");
    find(&candidates, "drop index ticket_closed");
    let of_delete = find(&candidates, "B-tree on Ticket (accountId, opened)");
    assert!(of_delete.statements.contains(&"drop".into()), "the cascade needs the foreign key indexed");
    assert!(!candidates.iter().any(|c| c.title.contains("pad")), "no B-tree for a pattern that ends fixed");
}

#[tokio::test]
async fn every_proposed_statistic_and_setting_is_accepted_and_mends_the_estimate() {
    let cx = Context::new();
    let (_server, session, brief) = bench(&cx).await;
    let candidates = SchemaAgent::default().propose(&cx, &Direct(&session), &brief).await.unwrap();
    for candidate in &candidates {
        plans_with(&cx, &session, &brief, candidate).await;
    }
    find(&candidates, "ANALYZE entry");

    let groups = find(&candidates, "statistics on Ticket (date_trunc('day', opened)) for grouping");
    let plan = plans_with(&cx, &session, &brief, groups).await.remove(0);
    assert!(plan.root.plan_rows < 200.0, "84 days, expected {}", plan.root.plan_rows);

    let towns = find(&candidates, "statistics on account (Land, town)");
    let plan = plans_with(&cx, &session, &brief, towns).await.remove(0);
    let scan =
        plan.nodes().into_iter().find(|n| n.relation_name.as_deref() == Some("account")).unwrap().plan_rows;
    assert!((150.0..600.0).contains(&scan), "300 rows, expected {scan}");
}
