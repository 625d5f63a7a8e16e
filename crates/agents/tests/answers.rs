//! Rewritten statements and views give the same answers, on a real PostgreSQL, over many small databases with
//! NULLs, duplicates, empty tables, infinite times and clocks that are set back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "answers/cases.rs"]
mod cases;
#[path = "answers/random.rs"]
mod random;
#[path = "answers/support.rs"]
mod support;

use std::collections::BTreeMap;

use cases::{CACHE, Case, QUERY, SHARED};
use pgverse_agents::cache::CacheAgent;
use pgverse_agents::query::QueryAgent;
use pgverse_core::Context;
use pgverse_core::pg::Session;
use pgverse_core::traits::Agent;
use pgverse_core::types::{Candidate, Operation};
use pgverse_testkit::TestServer;
use random::Generator;
use support::{SessionProbe, answer, brief, columns, database, fill, restate};

/// How many small databases.
const DATABASES: u32 = 120;

/// How many of them random statements are compared on.
const RANDOM_DATABASES: u32 = 24;

/// The candidates for one statement; some must come from the rule that the case names.
async fn proposed(server: &TestServer, session: &Session, agent: &dyn Agent, case: &Case) -> Vec<Candidate> {
    let brief = brief(session, &[case]).await;
    let probe = SessionProbe(server.session("answers").await);
    let found = agent.propose(&Context::new(), &probe, &brief).await.unwrap();
    let rules: Vec<&str> = found.iter().flat_map(|c| &c.change.operations).filter_map(rule).collect();
    assert!(rules.contains(&case.rule), "{} is silent, {rules:?} is not: {}", case.rule, case.sql);
    let again = agent.propose(&Context::new(), &probe, &brief).await.unwrap();
    assert_eq!(found, again, "same brief, same proposals");
    found
}

fn rule(operation: &Operation) -> Option<&str> {
    match operation {
        Operation::RewriteStatement { rule, .. } => Some(rule),
        _ => None,
    }
}

/// The new texts of a statement, each once.
fn texts(candidates: &[Candidate]) -> Vec<String> {
    let mut texts: Vec<String> =
        candidates.iter().filter_map(|c| c.change.rewritten(&"q0".into())).map(str::to_owned).collect();
    texts.sort();
    texts.dedup();
    texts
}

async fn compare(session: &Session, case: &Case, new: &str, seed: u32) {
    for set in case.sets {
        let before = answer(session, case.sql, set, case.ordered).await;
        let after = answer(session, new, set, case.ordered).await;
        assert_eq!(before, after, "database {seed}, {set:?}\n{}\n{new}", case.sql);
    }
}

#[tokio::test]
async fn rewritten_statements_give_the_same_answers() {
    let server = TestServer::start().await;
    let session = database(&server).await;
    let mut pairs = Vec::new();
    for case in QUERY {
        for new in texts(&proposed(&server, &session, &QueryAgent::new(), case).await) {
            assert_eq!(columns(&session, case.sql).await, columns(&session, &new).await, "{new}");
            pairs.push((case, new));
        }
    }
    assert!(pairs.len() >= QUERY.len());
    for seed in 0..DATABASES {
        fill(&session, seed).await;
        for (case, new) in &pairs {
            compare(&session, case, new, seed).await;
        }
    }
}

/// Random statements of the rules' kinds, `PGVERSE_TEST_QUERIES` of them: whatever any rule makes of one is compared on
/// small databases.
#[tokio::test]
async fn what_rules_make_of_random_statements_gives_the_same_answers() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let queries = number("PGVERSE_TEST_QUERIES").unwrap_or(150);
    let seed = number("PGVERSE_TEST_SEED").unwrap_or(7);
    let server = TestServer::start().await;
    let session = database(&server).await;
    let probe = SessionProbe(server.session("answers").await);
    let mut generator = Generator::new(seed);
    let (mut pairs, mut rules) = (Vec::new(), BTreeMap::<String, usize>::new());
    let mut known = brief(&session, &[]).await;
    for _ in 0..queries {
        let sql = generator.statement();
        restate(&mut known, &session, &sql).await;
        let found = QueryAgent::new().propose(&Context::new(), &probe, &known).await.unwrap();
        for new in texts(&found) {
            assert_eq!(columns(&session, &sql).await, columns(&session, &new).await, "{sql}\n{new}");
            pairs.push((sql.clone(), new));
        }
        let mut used: Vec<&str> = found.iter().flat_map(|c| &c.change.operations).filter_map(rule).collect();
        used.sort_unstable();
        used.dedup();
        used.into_iter().for_each(|rule| *rules.entry(rule.to_owned()).or_default() += 1);
    }
    for seed in 0..RANDOM_DATABASES {
        fill(&session, seed * 5).await;
        for (sql, new) in &pairs {
            let (before, after) =
                (answer(&session, sql, &[], false).await, answer(&session, new, &[], false).await);
            assert_eq!(before, after, "database {seed}\n{sql}\n{new}");
        }
    }
    println!(
        "{queries} random statements, {} rewrites, each compared on {RANDOM_DATABASES} databases: no difference; {rules:?}",
        pairs.len()
    );
    assert!(pairs.len() as u64 * 4 > queries, "rules fire: {rules:?}");
}

/// Builds what a candidate changes; the statements that refresh its views.
async fn build(session: &Session, candidate: &Candidate) -> Vec<String> {
    let mut refreshes = Vec::new();
    for operation in &candidate.change.operations {
        for sql in operation.apply() {
            session.batch(&Context::new(), &sql).await.unwrap();
        }
        if let Operation::CreateMaterializedView { schema, name, refresh, .. } = operation {
            let how = if refresh.concurrently { "CONCURRENTLY " } else { "" };
            refreshes.push(format!("REFRESH MATERIALIZED VIEW {how}{schema}.{name}"));
        }
    }
    refreshes
}

#[tokio::test]
async fn views_give_the_same_answers_after_a_refresh() {
    let server = TestServer::start().await;
    let session = database(&server).await;
    let mut pairs: Vec<(&Case, String)> = Vec::new();
    let mut refreshes = Vec::new();
    for case in CACHE {
        let candidates = proposed(&server, &session, &CacheAgent::new(), case).await;
        let first = &candidates[0];
        assert_eq!(first.change.staleness_seconds(), Some(60.0));
        refreshes.extend(build(&session, first).await);
        pairs.extend(texts(&candidates).into_iter().map(|new| (case, new)));
    }
    // Two statements over the same groups, and one view for both.
    let probe = SessionProbe(server.session("answers").await);
    let found =
        CacheAgent::new().propose(&Context::new(), &probe, &brief(&session, &SHARED).await).await.unwrap();
    let shared =
        found.iter().find(|c| c.change.operations.iter().filter_map(rule).any(|r| r == "view_shared"));
    let shared = shared.expect("one view serves both statements");
    refreshes.extend(build(&session, shared).await);
    for (number, case) in SHARED.into_iter().enumerate() {
        let new = shared.change.rewritten(&format!("q{number}").into()).unwrap();
        pairs.push((case, new.to_owned()));
    }

    for (case, new) in &pairs {
        assert_eq!(columns(&session, case.sql).await, columns(&session, new).await, "{new}");
    }
    for seed in 0..DATABASES {
        fill(&session, seed).await;
        for refresh in &refreshes {
            session.batch(&Context::new(), refresh).await.unwrap();
        }
        for (case, new) in &pairs {
            compare(&session, case, new, seed).await;
        }
    }
}

#[tokio::test]
async fn without_a_staleness_there_is_no_view() {
    let server = TestServer::start().await;
    let session = database(&server).await;
    let mut brief = brief(&session, &[&CACHE[0]]).await;
    brief.problem.limits.max_staleness_seconds = None;
    let probe = SessionProbe(server.session("answers").await);
    assert_eq!(CacheAgent::new().propose(&Context::new(), &probe, &brief).await.unwrap(), vec![]);
}

#[tokio::test]
async fn secured_tables_views_and_volatile_functions_are_left_alone() {
    let server = TestServer::start().await;
    let session = database(&server).await;
    let cx = Context::new();
    let case = &CACHE[0];
    let probe = SessionProbe(server.session("answers").await);
    session.batch(&cx, "ALTER TABLE orders ENABLE ROW LEVEL SECURITY").await.unwrap();
    let brief_now = brief(&session, &[case]).await;
    assert_eq!(
        CacheAgent::new().propose(&cx, &probe, &brief_now).await.unwrap(),
        vec![],
        "row-level security"
    );

    // A view of the same name further ahead on the search path: the table is not what is meant.
    let sql = "CREATE SCHEMA ahead; CREATE VIEW ahead.users AS SELECT * FROM public.users WHERE id < 9; \
               ALTER DATABASE answers SET search_path TO ahead, public";
    session.batch(&cx, sql).await.unwrap();
    let session = server.session("answers").await;
    let probe = SessionProbe(server.session("answers").await);
    let of_users = QUERY.iter().find(|case| case.rule == "scalar_subquery_to_lateral").unwrap();
    let brief_now = brief(&session, &[of_users]).await;
    assert_eq!(QueryAgent::new().propose(&cx, &probe, &brief_now).await.unwrap(), vec![], "a view");

    let noisy = Case {
        rule: "none",
        sql: "SELECT id FROM orders WHERE id NOT IN (SELECT order_id FROM items WHERE random() < 2)",
        sets: &[&[]],
        ordered: false,
    };
    let brief_now = brief(&session, &[&noisy]).await;
    assert_eq!(QueryAgent::new().propose(&cx, &probe, &brief_now).await.unwrap(), vec![], "volatile");
}
