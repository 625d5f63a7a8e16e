//! Indexes, rewrites and views together: the winners of whole competitions, beside what was made by hand.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pgverse::agents;
use pgverse::competition::{Competition, RaceOptions};
use pgverse::pg::quote;
use pgverse::traits::ForkBackend;
use pgverse::types::{Change, Limits, LockLevel, Operation, Problem, Refresh, Workload};
use pgverse::{Error, Result};

use crate::sets::{self, Set};

/// How old an answer may be where views are allowed, seconds.
const STALENESS: f64 = 60.0;

/// How many times its time a write may take: what the sets made by hand cost `w4_update_users`.
const WRITES: f64 = 5.0;

/// Longest time of measuring in one universe, seconds.
const MEASURING: f64 = 120.0;

/// The winners of all agents, with every answer current and, unless only those are wanted, with old ones allowed.
pub(crate) async fn winners(
    workload: &Workload,
    backend: &Arc<dyn ForkBackend>,
    current: bool,
) -> Result<Vec<Set>> {
    let mut found = Vec::new();
    let all = [("ours", None), ("ours, a minute old", Some(STALENESS))];
    for (name, staleness) in all.into_iter().take(if current { 1 } else { 2 }) {
        let limits =
            Limits { max_staleness_seconds: staleness, max_write_slowdown: WRITES, ..Limits::default() };
        // The statements take seconds, so that the usual time holds few rounds.
        let options = RaceOptions { measuring_seconds: MEASURING, ..RaceOptions::default() };
        let begin = Instant::now();
        let report = Competition::builder()
            .workload(workload.clone())
            .problem(Problem { limits, ..Problem::default() })
            .backend(Arc::clone(backend))
            .agents(agents::all())
            .options(options)
            .build()?
            .run()
            .await?;
        let operations: Vec<Operation> =
            report.promotion.steps.iter().map(|step| step.operation.clone()).collect();
        let mut set = Set::new(name, Change { operations });
        set.advisor_seconds = Some(begin.elapsed().as_secs_f64());
        set.rationale.clone_from(&report.verdict.reason);
        println!("{name}: {:?}, {}", report.verdict.winner, report.verdict.reason);
        for universe in &report.universes {
            let measured = universe.candidates.iter().filter(|c| c.ratio.is_some()).count();
            println!(
                "  {}: {} candidates, {measured} measured{}",
                universe.agent,
                universe.candidates.len(),
                universe.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default()
            );
            for candidate in &universe.candidates {
                let ratio =
                    candidate.ratio.as_ref().map_or_else(String::new, |r| format!(" {:.3}", r.estimate));
                println!("    {}{ratio}: {}", candidate.title, candidate.reason);
            }
        }
        found.push(set);
    }
    Ok(found)
}

/// What was made by hand, whatever it takes for granted.
pub(crate) fn by_hand(folder: &Path) -> Result<Vec<Set>> {
    let file = sets::json(&folder.join("hand_made.json"))?;
    let mut known = Vec::new();
    ["hand_best", "hand_mv"]
        .iter()
        .map(|name| {
            let set = &file["sets"][*name];
            let mut views = Vec::new();
            let mut operations = Vec::new();
            for sql in sets::strings(&set["setup"]).iter().chain(&sets::strings(&set["ddl"])) {
                if let Some(view) = view(sql) {
                    views.push(view);
                } else if sql.starts_with("CREATE INDEX") {
                    operations.push(sets::operation(sql, &mut known)?);
                } else if sql.starts_with("CREATE STATISTICS") {
                    let table = sql.rsplit(' ').next().unwrap_or_default();
                    operations.push(statistics(sql, table));
                }
            }
            // The indexes of a view come after it.
            views.extend(operations);
            let rewrites = set["rewrites"].as_object().into_iter().flatten();
            views.extend(rewrites.map(|(statement, sql)| Operation::RewriteStatement {
                statement: statement.as_str().into(),
                sql: sql.as_str().unwrap_or_default().to_owned(),
                rule: "by_hand".to_owned(),
            }));
            if views.is_empty() {
                return Err(Error::invalid("a set made by hand is empty").with("set", name));
            }
            Ok(Set::new(name, Change { operations: views }))
        })
        .collect()
}

fn view(sql: &str) -> Option<Operation> {
    let (name, query) = sql.strip_prefix("CREATE MATERIALIZED VIEW ")?.split_once(" AS ")?;
    Some(Operation::CreateMaterializedView {
        schema: "public".to_owned(),
        name: name.to_owned(),
        query: query.to_owned(),
        unique_key: Vec::new(),
        refresh: Refresh { every_seconds: STALENESS, concurrently: false },
    })
}

fn statistics(sql: &str, table: &str) -> Operation {
    Operation::Sql {
        apply: vec![sql.to_owned(), format!("ANALYZE {}", quote::ident(table))],
        undo: Vec::new(),
        online: Vec::new(),
        lock: LockLevel::ShareUpdateExclusive,
    }
}
