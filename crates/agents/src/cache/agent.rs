//! Which statements are worth a view, and which views are offered.

use async_trait::async_trait;
use pgverse_core::traits::{Agent, Probe};
use pgverse_core::types::{Brief, Candidate, Change, Plan, Statement, StatementKind, Table};
use pgverse_core::{Context, Result};
use sqlparser::ast::Query;

use super::cached::Cached;
use super::rules::groups::{Keep, Split};
use super::rules::{Case, groups, statement};
use crate::shared::offers::in_turn;
use crate::shared::sql::{Facts, Proven, prove, tables};

/// Most candidates that are offered.
const MOST: usize = 12;

/// Shortest execution, milliseconds, that is worth storing an answer for.
const SHORTEST_MS: f64 = 1.0;

/// How many rows must be read for each row returned; below that the view is hardly smaller than what it is
/// made of.
const ROWS_READ_FOR_EACH: f64 = 5.0;

/// Largest view, as a share of the tables that it is made of.
const LARGEST_SHARE: f64 = 0.5;

/// Bytes of a row beside its columns: header and line pointer (PostgreSQL manual, "Database Page Layout").
const ROW_OVERHEAD: f64 = 28.0;

/// Proposes materialized views; see the module documentation for its rules.
#[derive(Debug, Default, Clone, Copy)]
pub struct CacheAgent;

impl CacheAgent {
    /// The agent.
    pub fn new() -> Self {
        Self
    }
}

/// A statement that may be worth a view.
struct Worth<'b> {
    statement: &'b Statement,
    /// Weighted time.
    time: f64,
    tree: Proven,
}

#[async_trait]
impl Agent for CacheAgent {
    fn name(&self) -> &str {
        "cache"
    }

    async fn propose(&self, cx: &Context, probe: &dyn Probe, brief: &Brief) -> Result<Vec<Candidate>> {
        let Some(staleness) = brief.problem.limits.max_staleness_seconds else {
            return Ok(Vec::new());
        };
        let mut worth = Vec::new();
        for statement in brief.workload.of_kind(StatementKind::Read) {
            cx.check()?;
            let Some(time) = worth_storing(brief, statement) else { continue };
            if let Some(tree) = prove(cx, probe, statement).await? {
                worth.push(Worth { statement, time, tree });
            }
        }
        worth.sort_by(|a, b| b.time.total_cmp(&a.time));
        let facts = Facts::load(cx, probe, &brief.catalog, worth.iter().map(|w| &w.tree.query)).await?;
        worth.retain(|w| {
            facts.understands(&w.tree.query)
                && facts.timeless(&w.tree.query)
                && tables(&w.tree.query, &facts)
                    .is_some_and(|tables| !tables.iter().any(|t| facts.secured(t)))
        });

        let mut found: Vec<Cached> = shared(&worth, &facts);
        for one in &worth {
            cx.check()?;
            found.extend(alone(cx, probe, one, &facts).await?);
        }
        let mut offers = Vec::new();
        for cached in found {
            cx.check()?;
            let Some(sizes) = size(cx, probe, &cached, &worth, &facts).await? else { continue };
            offers.push(candidates(&cached, staleness, &sizes, brief));
        }
        Ok(in_turn(&offers).take(MOST).collect())
    }
}

/// The weighted time of a statement, if it is long and reads much more than it returns.
fn worth_storing(brief: &Brief, statement: &Statement) -> Option<f64> {
    let mut time = 0.0;
    let mut pays = false;
    for set in &statement.parameter_sets {
        let plan = &brief.plans_of(&statement.id).find(|p| p.parameter_set == set.id)?.plan;
        let ms = plan.execution_ms?;
        time += statement.weight_of(set) * ms;
        pays |= ms >= SHORTEST_MS && rows_read(plan) >= ROWS_READ_FOR_EACH * plan.root.actual_rows?.max(1.0);
    }
    pays.then_some(time)
}

/// The most rows that one node reads from a table.
fn rows_read(plan: &Plan) -> f64 {
    let scans = plan.nodes().into_iter().filter(|n| n.relation_name.is_some());
    scans
        .map(|n| (n.actual_rows.unwrap_or(0.0) + n.rows_removed_by_filter) * n.actual_loops.unwrap_or(1.0))
        .fold(0.0, f64::max)
}

/// One view for each set of statements over the same joins and groups.
fn shared(worth: &[Worth<'_>], facts: &Facts<'_>) -> Vec<Cached> {
    let mut sets: Vec<(String, Vec<Split<'_>>)> = Vec::new();
    for one in worth {
        let case = Case { facts, statement: &one.statement.id, query: &one.tree.query };
        let Some(split) = Split::of(&case, Keep::All) else { continue };
        let source = split.source();
        match sets.iter_mut().find(|(s, _)| *s == source) {
            Some((_, splits)) => splits.push(split),
            None => sets.push((source, vec![split])),
        }
    }
    sets.iter()
        .filter(|(_, splits)| splits.len() > 1)
        .filter_map(|(_, splits)| groups::cached(splits, facts))
        .collect()
}

/// The view for one statement alone.
async fn alone(
    cx: &Context,
    probe: &dyn Probe,
    one: &Worth<'_>,
    facts: &Facts<'_>,
) -> Result<Option<Cached>> {
    let case = Case { facts, statement: &one.statement.id, query: &one.tree.query };
    if let Some(split) = Split::of(&case, Keep::Parameters)
        && let Some(cached) = groups::cached(std::slice::from_ref(&split), facts)
    {
        return Ok(Some(cached));
    }
    if !one.statement.parameter_sets.iter().all(|set| set.values.is_empty()) || !combines(&one.tree.plans) {
        return Ok(None);
    }
    let Some(first) = tables(case.query, facts).and_then(|t| t.first().copied()) else { return Ok(None) };
    let Some(columns) = columns(cx, probe, case.query, one.tree.plans.first()).await? else {
        return Ok(None);
    };
    Ok(statement::cached(&case, &columns, (&first.schema, &first.name)))
}

/// Whether a plan does more than scan, filter and sort one table.
fn combines(plans: &[Plan]) -> bool {
    let kinds =
        ["Aggregate", "WindowAgg", "Unique", "SetOp", "Append", "Nested Loop", "Hash Join", "Merge Join"];
    plans.iter().any(|p| p.nodes().iter().any(|n| kinds.contains(&n.node_type.as_str())))
}

/// The names of the output columns as the server gives them, without running the statement; nothing where
/// one occurs twice, which a view cannot have.
async fn columns(
    cx: &Context,
    probe: &dyn Probe,
    query: &Query,
    plan: Option<&Plan>,
) -> Result<Option<Vec<String>>> {
    // A join that can never match: one row of NULLs, and the planner does not even scan.
    let sql = format!("SELECT q.* FROM (VALUES (1)) AS one LEFT JOIN ({query}) AS q ON false");
    let rows = match probe.query(cx, &sql).await {
        Ok(rows) => rows,
        Err(error) => {
            cx.check()?;
            tracing::debug!(%error, "the output columns are not known");
            return Ok(None);
        }
    };
    let names: Vec<String> = match rows.first() {
        Some(serde_json::Value::Object(row)) => row.keys().cloned().collect(),
        _ => return Ok(None),
    };
    Ok(plan.is_some_and(|p| p.root.output.len() == names.len()).then_some(names))
}

/// What a view would hold, by the planner's estimate.
struct Sizes {
    rows: f64,
    bytes: f64,
    /// Share of the tables that it is made of.
    share: f64,
}

/// The size of a view; nothing if the server rejects it, or if it would be nearly as large as its tables.
async fn size(
    cx: &Context,
    probe: &dyn Probe,
    cached: &Cached,
    worth: &[Worth<'_>],
    facts: &Facts<'_>,
) -> Result<Option<Sizes>> {
    let plan = match probe.explain(cx, &cached.query, &[]).await {
        Ok(plan) => plan,
        Err(error) => {
            cx.check()?;
            tracing::debug!(%error, view = cached.query, "dropped: the server does not plan it");
            return Ok(None);
        }
    };
    let reader = worth.iter().find(|w| cached.readers.iter().any(|r| r.statement == w.statement.id));
    let base: u64 = reader
        .and_then(|w| tables(&w.tree.query, facts))
        .map_or(0, |tables: Vec<&Table>| tables.iter().map(|t| t.bytes).sum());
    #[allow(clippy::cast_precision_loss)] // Sizes far below 2^52.
    let base = (base as f64).max(1.0);
    let sizes = |rows: f64| {
        let bytes = rows * (plan.root.plan_width + ROW_OVERHEAD);
        Sizes { rows, bytes, share: bytes / base }
    };
    let mut found = sizes(plan.root.plan_rows);
    if found.share > LARGEST_SHARE {
        // The planner may know nothing of what is grouped by, such as the days of a time.
        let Some(rows) = count(cx, probe, &cached.query).await? else { return Ok(None) };
        found = sizes(rows);
    }
    Ok((found.share <= LARGEST_SHARE).then_some(found))
}

/// How many rows a query really returns; nothing if it takes too long or fails.
async fn count(cx: &Context, probe: &dyn Probe, query: &str) -> Result<Option<f64>> {
    match probe.query(cx, &format!("SELECT count(*) AS rows FROM ({query}) AS counted")).await {
        Ok(rows) => Ok(rows.first().and_then(|row| row.get("rows")).and_then(serde_json::Value::as_f64)),
        Err(error) => {
            cx.check()?;
            tracing::debug!(%error, query, "dropped: its rows cannot be counted");
            Ok(None)
        }
    }
}

/// The view with the index that its readers want, and without.
fn candidates(cached: &Cached, staleness: f64, sizes: &Sizes, brief: &Brief) -> Vec<Candidate> {
    let ids: Vec<_> = cached.readers.iter().map(|r| r.statement.clone()).collect();
    let names: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    let zone = brief.catalog.settings.get("TimeZone").map_or("the readers' own", String::as_str);
    let refresh = if cached.unique_key.is_empty() {
        "a refresh blocks readers while it runs, since no key of the view is known".to_owned()
    } else {
        format!("it can be refreshed without blocking readers, by its key ({})", cached.unique_key.join(", "))
    };
    let rationale = format!(
        "Answers of {} may be {staleness} s old. Rule {}: the view holds about {:.0} rows, {:.1} MB, {:.1} % of its \
         tables; {refresh}; every refresh computes its query once. Refresh it with the settings of the readers \
         (time zone {zone}), and grant them SELECT on it.",
        names.join(", "),
        cached.rule,
        sizes.rows,
        sizes.bytes / 1e6,
        sizes.share * 100.0,
    );
    let title = format!("{}: materialized view over {}", names.join(", "), cached.table);
    let candidate = |title: String, with_index: bool| {
        let change = Change { operations: cached.operations(staleness, with_index) };
        Candidate::new(title, change).because(rationale.clone()).helping(ids.clone())
    };
    let mut all = Vec::new();
    if let Some((keys, _)) = &cached.index {
        let keys: Vec<&str> = keys.iter().filter_map(|k| k.column.as_deref()).collect();
        all.push(candidate(format!("{title}, with an index on ({})", keys.join(", ")), true));
    }
    all.push(candidate(title, false));
    all
}
