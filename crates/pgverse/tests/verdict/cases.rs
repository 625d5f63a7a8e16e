//! Workloads on which a verdict is easily got wrong. The tests ask for the right outcome, the bench `verdict`
//! prints the figures.

use std::path::Path;
use std::sync::Arc;

use pgverse::competition::{Competition, CompetitionBuilder, RaceOptions};
use pgverse::fork_backends::local::{GoldenSource, LocalBackend, LocalConfig};
use pgverse::traits::ForkBackend;
use pgverse::types::{
    Candidate, CandidateReport, Change, IndexKey, Limits, Operation, Origin, ParameterSet, Problem, Report,
    Statement, StatementKind, Workload,
};
use pgverse::{Error, Result};
use pgverse_testkit::FixedAgent;

/// Orders of a shop: those on hold are 3 of 1,000 and all old. Rows lie in no order on disk.
const ORDERS: &str = "
    CREATE TABLE orders (id bigint PRIMARY KEY, status text NOT NULL, created_at timestamptz NOT NULL, total int);
    INSERT INTO orders
    SELECT i, CASE WHEN i <= 300 THEN 'OnHold' WHEN i % 5 < 3 THEN 'Shipped' ELSE 'Delivered' END,
           timestamptz '2024-01-01' + i * interval '1 minute', i % 500
    FROM generate_series(1, 100000) AS i ORDER BY md5(i::text);";

/// People to look up in three ways, and a batch that arrives.
const PEOPLE: &str = "
    CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text, phone text, code text);
    INSERT INTO people (email, phone, code)
    SELECT md5('e' || i), md5('p' || i), md5('c' || i) FROM generate_series(1, 40000) AS i;
    CREATE TABLE arrivals AS
    SELECT md5('a' || i) AS email, md5('b' || i) AS phone, md5('d' || i) AS code FROM generate_series(1, 400) AS i;";

/// Things that can be found by two columns, one of which has an index.
const THINGS: &str = "
    CREATE TABLE things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner int NOT NULL, label text, amount int);
    INSERT INTO things (owner, label, amount)
    SELECT i % 1000, 'label ' || i, i % 97 FROM generate_series(1, 60000) AS i;
    CREATE INDEX things_amount ON things (amount);";

/// A backend that forks what this script makes.
pub(crate) fn backend(home: &Path, script: &str) -> Result<Arc<dyn ForkBackend>> {
    let golden = GoldenSource::Script {
        name: "cases".to_owned(),
        sql: vec![script.to_owned(), "VACUUM (FREEZE, ANALYZE)".to_owned()],
    };
    let config = LocalConfig { home: Some(home.to_owned()), ..LocalConfig::new(golden) };
    Ok(Arc::new(LocalBackend::new(config)?))
}

/// Everything but the agents.
pub(crate) fn competition(backend: Arc<dyn ForkBackend>, statements: Vec<Statement>) -> CompetitionBuilder {
    Competition::builder()
        .workload(Workload { statements })
        .backend(backend)
        .options(RaceOptions { measuring_seconds: 30.0, ..RaceOptions::default() })
}

pub(crate) fn agent(name: &str, candidates: Vec<Candidate>) -> Arc<FixedAgent> {
    Arc::new(FixedAgent::new(name, candidates))
}

pub(crate) fn statement(id: &str, sql: &str, kind: StatementKind, weight: f64) -> Statement {
    Statement {
        id: id.into(),
        sql: sql.to_owned(),
        fingerprint: pgverse::workload::normalize(sql),
        kind,
        parameter_sets: vec![ParameterSet::none()],
        weight,
    }
}

fn index(table: &str, name: &str, keys: Vec<IndexKey>) -> Operation {
    Operation::CreateIndex {
        schema: "public".into(),
        table: table.into(),
        name: name.into(),
        method: "btree".into(),
        keys,
        include: Vec::new(),
        predicate: None,
        partitions: None,
    }
}

pub(crate) fn indexed(table: &str, name: &str, keys: Vec<IndexKey>) -> Candidate {
    Candidate::new(format!("index {name}"), Change::of(index(table, name, keys)))
}

fn rewritten(id: &str, sql: &str) -> Candidate {
    let rule = "by hand".to_owned();
    let operation = Operation::RewriteStatement { statement: id.into(), sql: sql.to_owned(), rule };
    Candidate::new(format!("{id} rewritten"), Change::of(operation))
}

/// One fingerprint with opposite verdicts: walking the newest orders finds what is common at once, and what is
/// old and rare at last. `good` also offers the index that serves both.
pub(crate) async fn parameters(home: &Path, good: bool) -> Result<Report> {
    let set = |status: &str, weight| ParameterSet {
        id: status.into(),
        values: vec![Some(status.to_owned())],
        weight,
        origin: Origin::Given,
    };
    let sql = "SELECT id, created_at FROM orders WHERE status = $1 ORDER BY created_at DESC LIMIT 5";
    let newest = Statement {
        parameter_sets: vec![set("Shipped", 9.0), set("OnHold", 1.0)],
        ..statement("newest", sql, StatementKind::Read, 1.0)
    };
    let created = || IndexKey::column("created_at");
    let mut candidates = vec![indexed("orders", "orders_created", vec![created()])];
    if good {
        let keys = vec![IndexKey::column("status"), created()];
        candidates.push(indexed("orders", "orders_status_created", keys));
    }
    competition(backend(home, ORDERS)?, vec![newest]).agent(agent("index", candidates)).build()?.run().await
}

/// Where people are looked up and arrive.
pub(crate) fn people(home: &Path) -> Result<Arc<dyn ForkBackend>> {
    backend(home, PEOPLE)
}

/// Three indexes that serve reads and that each arrival must keep up.
pub(crate) async fn writes(
    people: Arc<dyn ForkBackend>,
    max_write_slowdown: f64,
    weights: (f64, f64),
) -> Result<Report> {
    let columns = ["email", "phone", "code"];
    let mut statements: Vec<Statement> = columns
        .iter()
        .map(|column| {
            let sql = format!("SELECT id FROM people WHERE {column} = md5('{}4711')", &column[..1]);
            statement(&format!("by_{column}"), &sql, StatementKind::Read, weights.0)
        })
        .collect();
    let arrive = "INSERT INTO people (email, phone, code) SELECT email, phone, code FROM arrivals";
    statements.push(statement("arrive", arrive, StatementKind::Write, weights.1));
    let operations =
        columns.iter().map(|c| index("people", &format!("people_{c}"), vec![IndexKey::column(*c)])).collect();
    let candidate = Candidate::new("an index for each", Change { operations });
    let limits = Limits { max_write_slowdown, ..Limits::default() };
    competition(people, statements)
        .problem(Problem { limits, ..Problem::default() })
        .agent(agent("index", vec![candidate]))
        .build()?
        .run()
        .await
}

/// Two universes, each with an index for one of two statements.
pub(crate) async fn helping(home: &Path) -> Result<Report> {
    let read = |id, sql| statement(id, sql, StatementKind::Read, 1.0);
    let statements = vec![
        read("by_owner", "SELECT count(*), sum(amount) FROM things WHERE owner = 77"),
        read("by_label", "SELECT id FROM things WHERE label = 'label 4711'"),
    ];
    let one =
        |column: &str| vec![indexed("things", &format!("things_{column}"), vec![IndexKey::column(column)])];
    let builder = competition(backend(home, THINGS)?, statements);
    builder.agent(agent("one", one("owner"))).agent(agent("other", one("label"))).build()?.run().await
}

/// Two universes, one of which has an index that makes one read faster and another one slower, beside a good one.
pub(crate) async fn costly(home: &Path) -> Result<Report> {
    let read = |id, sql: &str| statement(id, sql, StatementKind::Read, 1.0);
    let newest =
        |status| format!("SELECT id FROM orders WHERE status = '{status}' ORDER BY created_at DESC LIMIT 5");
    let statements = vec![
        read("newest", &newest("Shipped")),
        read("held", &newest("OnHold")),
        read("of_a_total", "SELECT count(*) FROM orders WHERE total = 7"),
        read("tripled", "SELECT count(*) FROM orders WHERE total * 3 = 99"),
    ];
    let one = indexed("orders", "orders_total", vec![IndexKey::column("total")]);
    let operations = vec![
        index("orders", "orders_created", vec![IndexKey::column("created_at")]),
        index("orders", "orders_tripled", vec![IndexKey::expression("total * 3")]),
    ];
    let other = Candidate::new("a good one and one that costs", Change { operations });
    let builder = competition(backend(home, ORDERS)?, statements);
    builder.agent(agent("one", vec![one])).agent(agent("other", vec![other])).build()?.run().await
}

/// Two universes, each with another text for the same statement.
pub(crate) async fn rewrites(home: &Path) -> Result<Report> {
    let work = |rows| {
        format!(
            "SELECT count(*) FROM things WHERE amount = 7 AND (SELECT count(*) FROM generate_series(1, {rows})) > 0"
        )
    };
    let statements = vec![statement("heavy", &work(40_000), StatementKind::Read, 1.0)];
    let builder = competition(backend(home, THINGS)?, statements);
    let one = agent("one", vec![rewritten("heavy", &work(10_000))]);
    let other = agent("other", vec![rewritten("heavy", "SELECT count(*) FROM things WHERE amount = 7")]);
    builder.agent(one).agent(other).build()?.run().await
}

/// An index that only the old text of a statement can use, and another text that needs none.
pub(crate) async fn old_text(home: &Path) -> Result<Report> {
    let old = "SELECT count(*) FROM things WHERE amount + 0 = 7";
    let statements = vec![statement("by_amount", old, StatementKind::Read, 1.0)];
    let builder = competition(backend(home, THINGS)?, statements);
    let keys = vec![IndexKey::expression("amount + 0")];
    let one = agent("one", vec![indexed("things", "things_amount_0", keys)]);
    let other = agent("other", vec![rewritten("by_amount", "SELECT count(*) FROM things WHERE amount = 7")]);
    builder.agent(one).agent(other).build()?.run().await
}

/// A candidate by its id.
pub(crate) fn candidate<'a>(report: &'a Report, id: &str) -> Result<&'a CandidateReport> {
    report
        .universes
        .iter()
        .flat_map(|u| &u.candidates)
        .find(|c| c.id.as_str() == id)
        .ok_or_else(|| Error::internal("no such candidate").with("id", id))
}

/// Id of the winner, or nothing.
pub(crate) fn winner(report: &Report) -> &str {
    report.verdict.winner.as_ref().map_or("", |w| w.as_str())
}
