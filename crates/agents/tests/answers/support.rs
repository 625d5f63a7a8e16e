//! A database, a brief about it, and answers to compare.

use async_trait::async_trait;
use pgverse_core::pg::{Session, explain, explain_analyze, read_catalog};
use pgverse_core::traits::Probe;
use pgverse_core::types::{
    Brief, Origin, ParameterSet, Plan, Problem, Statement, StatementId, StatementKind, StatementPlan,
    Workload,
};
use pgverse_core::{Context, Result};
use pgverse_testkit::TestServer;

use super::cases::Case;

/// A probe over a session.
#[derive(Debug)]
pub(crate) struct SessionProbe(pub(crate) Session);

#[async_trait]
impl Probe for SessionProbe {
    async fn query(&self, cx: &Context, sql: &str) -> Result<Vec<serde_json::Value>> {
        self.0.json(cx, &format!("SELECT to_json(probe) FROM ({sql}) AS probe"), &[]).await
    }

    async fn explain(&self, cx: &Context, sql: &str, values: &[Option<String>]) -> Result<Plan> {
        explain(&self.0, cx, sql, values).await
    }
}

/// A database with enough rows that plans differ.
pub(crate) async fn database(server: &TestServer) -> Session {
    server.sql("postgres", "CREATE DATABASE answers").await;
    server.sql("answers", include_str!("schema.sql")).await;
    let session = server.session("answers").await;
    // Wide rows, so that a view over them is small beside them.
    let sql = "SELECT fill(0.5, 800, 1500, 2000, 20, 0.1); \
               UPDATE users SET bio = repeat('b', 400); UPDATE orders SET coupon = repeat(coupon, 200); \
               VACUUM (FULL, ANALYZE)";
    for statement in sql.split(';') {
        session.batch(&Context::new(), statement).await.unwrap();
    }
    session
}

/// Values of a parameter set.
pub(crate) fn values(set: &[Option<&str>]) -> Vec<Option<String>> {
    set.iter().map(|v| v.map(str::to_owned)).collect()
}

/// A brief with these statements, `q0`, `q1` and so on.
pub(crate) async fn brief(session: &Session, cases: &[&Case]) -> Brief {
    let cx = Context::new();
    let mut brief = Brief {
        problem: Problem::default(),
        workload: Workload::default(),
        catalog: read_catalog(session, &cx).await.unwrap(),
        plans: Vec::new(),
    };
    brief.problem.limits.max_staleness_seconds = Some(60.0);
    for (number, case) in cases.iter().enumerate() {
        let set = |(i, set): (usize, &&[Option<&str>])| ParameterSet {
            id: format!("set{i}").into(),
            values: values(set),
            weight: 1.0,
            origin: Origin::Given,
        };
        let parameter_sets = case.sets.iter().enumerate().map(set).collect();
        add(&mut brief, session, format!("q{number}").into(), case.sql, parameter_sets).await;
    }
    brief
}

/// The same brief about this statement alone, `q0`, without parameters.
pub(crate) async fn restate(brief: &mut Brief, session: &Session, sql: &str) {
    brief.plans.clear();
    brief.workload.statements.clear();
    add(brief, session, "q0".into(), sql, vec![ParameterSet::none()]).await;
}

async fn add(
    brief: &mut Brief,
    session: &Session,
    id: StatementId,
    sql: &str,
    parameter_sets: Vec<ParameterSet>,
) {
    for set in &parameter_sets {
        let plan = explain_analyze(session, &Context::new(), sql, &set.values).await;
        let mut plan = plan.unwrap_or_else(|error| panic!("{error}\n{sql}"));
        // No decision of a test may hang on the speed of the machine.
        plan.execution_ms = Some(100.0);
        brief.plans.push(StatementPlan {
            statement: id.clone(),
            parameter_set: set.id.clone(),
            plan,
            cut_off: false,
        });
    }
    brief.workload.statements.push(Statement {
        id,
        sql: sql.to_owned(),
        fingerprint: sql.to_owned(),
        kind: StatementKind::Read,
        parameter_sets,
        weight: 1.0,
    });
}

/// The rows of a statement as text, sorted unless their order counts.
pub(crate) async fn answer(session: &Session, sql: &str, set: &[Option<&str>], ordered: bool) -> String {
    let order = if ordered { "" } else { " ORDER BY r" };
    let all = format!(
        "SELECT coalesce(string_agg(r, chr(10){order}), 'no rows') \
         FROM (SELECT row_to_json(q)::text AS r FROM ({sql}) AS q) AS s"
    );
    match session.text(&Context::new(), &all, &values(set)).await {
        Ok(rows) => rows,
        Err(error) => panic!("{error}\n{sql}"),
    }
}

/// Names and types of the output columns.
pub(crate) async fn columns(session: &Session, sql: &str) -> Vec<(String, String)> {
    let statement = session.prepare(&Context::new(), sql).await.unwrap();
    statement.columns().iter().map(|c| (c.name().to_owned(), c.type_().name().to_owned())).collect()
}

/// Fills the tables for one seed: empty, tiny or small, few or many values, no or many NULLs, in some time
/// zone.
pub(crate) async fn fill(session: &Session, seed: u32) {
    let pick = |list: &[u32], by: u32| list[(seed / by) as usize % list.len()];
    let zones = ["UTC", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata"];
    let sql = format!(
        "SET TimeZone TO '{}'; SELECT fill({}, {}, {}, {}, {}, {})",
        zones[seed as usize % zones.len()],
        f64::from(seed) / 1000.0,
        pick(&[8, 3, 0, 1], 4),
        pick(&[20, 6, 1, 0, 40], 1),
        pick(&[30, 0, 9], 2),
        pick(&[2, 3, 5], 1),
        pick(&[0, 1, 3], 3) as f64 / 10.0,
    );
    session.batch(&Context::new(), &sql).await.unwrap();
}
