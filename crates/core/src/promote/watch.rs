//! The statistics of statements before and after a promotion (pg_stat_statements).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{Source, SourceSession};
use crate::types::{StatementId, Workload};
use crate::workload::normalize;

/// Two-sided 99 % point of the normal distribution.
const Z: f64 = 2.576;

/// Share of the watch after which it is looked at again.
const LOOKS: u32 = 10;

/// What the statistics of statements said at the end of a watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WatchReport {
    /// How long was watched, seconds.
    pub seconds: f64,
    /// Statements that were called often enough before and since, slowest change first.
    pub statements: Vec<StatementGain>,
    /// Mean time of the workload's statements since over before, each weighted by its calls since; absent if none was
    /// called often enough.
    pub ratio: Option<f64>,
}

/// One statement, before and since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StatementGain {
    /// Statement of the workload, if it is one.
    pub statement: Option<StatementId>,
    /// Its text, as the server keeps it.
    pub query: String,
    /// Calls since.
    pub calls: f64,
    /// Mean milliseconds before the promotion, since the statistics were reset.
    pub before_ms: f64,
    /// Mean milliseconds since the promotion.
    pub since_ms: f64,
    /// Whether it became slower beyond the bound, by more than chance explains.
    pub regressed: bool,
}

impl WatchReport {
    /// Statements that became slower beyond the bound.
    pub fn regressions(&self) -> impl Iterator<Item = &StatementGain> {
        self.statements.iter().filter(|s| s.regressed)
    }
}

impl StatementGain {
    /// One line.
    pub fn words(&self) -> String {
        let name = self.statement.as_ref().map_or(self.query.as_str(), |id| id.as_str());
        format!(
            "{name}: {:.3} ms before, {:.3} ms in {} calls since",
            self.before_ms, self.since_ms, self.calls
        )
    }
}

/// Counters by the shape of the text.
pub(super) type Snapshot = BTreeMap<String, Counter>;

/// Counters of all entries with one shape.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Counter {
    query: String,
    calls: f64,
    total_ms: f64,
    /// Sum of squares: the variance of a stretch of time is in the difference of two.
    squares: f64,
}

impl Counter {
    fn since(&self, earlier: Option<&Self>) -> Self {
        let none = Self::default();
        let earlier = earlier.unwrap_or(&none);
        // After a reset of the statistics everything is new.
        let base = if earlier.calls > self.calls { &none } else { earlier };
        Self {
            query: self.query.clone(),
            calls: self.calls - base.calls,
            total_ms: self.total_ms - base.total_ms,
            squares: self.squares - base.squares,
        }
    }

    fn mean(&self) -> f64 {
        if self.calls > 0.0 { self.total_ms / self.calls } else { 0.0 }
    }

    /// Variance of the mean.
    fn error(&self) -> f64 {
        if self.calls < 2.0 {
            return f64::INFINITY;
        }
        ((self.squares / self.calls - self.mean().powi(2)).max(0.0)) / self.calls
    }
}

/// The counters now; none if this database has no pg_stat_statements, or nobody wants to watch.
pub(super) async fn snapshot(cx: &Context, source: &Source, policy: &Policy) -> Result<Option<Snapshot>> {
    if policy.watch.is_none() {
        return Ok(None);
    }
    read(cx, &source.session(cx).await?).await
}

async fn read(cx: &Context, session: &SourceSession) -> Result<Option<Snapshot>> {
    let unreadable = |e| Error::internal("pg_stat_statements cannot be read").caused_by(e);
    let sql = "SELECT format('%I.pg_stat_statements', n.nspname) FROM pg_extension e \
               JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'";
    let Some(row) = session.rows(cx, sql, &[]).await?.pop() else { return Ok(None) };
    let view: String = row.try_get(0).map_err(unreadable)?;
    let sql = format!(
        "SELECT query, calls::float8, total_exec_time::float8, calls * (stddev_exec_time ^ 2 + mean_exec_time ^ 2) \
         FROM {view} WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query IS NOT NULL"
    );
    let rows = match session.rows(cx, &sql, &[]).await {
        Ok(rows) => rows,
        Err(error) => {
            cx.check()?;
            // Installed, but not loaded by the server.
            tracing::warn!(%error, "pg_stat_statements cannot be read");
            return Ok(None);
        }
    };
    let mut counters = Snapshot::new();
    for row in rows {
        let query: String = row.try_get(0).map_err(unreadable)?;
        let counter = counters.entry(normalize(&query)).or_default();
        counter.query = query;
        counter.calls += row.try_get::<_, f64>(1).map_err(unreadable)?;
        counter.total_ms += row.try_get::<_, f64>(2).map_err(unreadable)?;
        counter.squares += row.try_get::<_, f64>(3).map_err(unreadable)?;
    }
    Ok(Some(counters))
}

/// Watches for a time; ends early only if something regressed and it may be rolled back.
pub(super) async fn watch(
    cx: &Context,
    source: &Source,
    workload: &Workload,
    policy: &Policy,
    time: Duration,
    before: &Snapshot,
) -> Result<WatchReport> {
    let session = source.session(cx).await?;
    let start = read(cx, &session).await?.unwrap_or_default();
    let begin = std::time::Instant::now();
    loop {
        let left = time.saturating_sub(begin.elapsed());
        cx.guard(async {
            tokio::time::sleep(left.min(time / LOOKS)).await;
            Ok(())
        })
        .await?;
        let now = read(cx, &session).await?.unwrap_or_default();
        let report = compare(workload, policy, before, &start, &now, begin.elapsed().as_secs_f64());
        let stop = policy.auto_rollback && report.regressions().next().is_some();
        if stop || begin.elapsed() >= time {
            return Ok(report);
        }
    }
}

fn compare(
    workload: &Workload,
    policy: &Policy,
    before: &Snapshot,
    start: &Snapshot,
    now: &Snapshot,
    seconds: f64,
) -> WatchReport {
    let ids: BTreeMap<String, &StatementId> =
        workload.statements.iter().map(|s| (normalize(&s.sql), &s.id)).collect();
    let own: BTreeSet<&str> = BTreeSet::from(["pgverse", "pg_stat_statements"]);
    let mut statements = Vec::new();
    let (mut weighted_before, mut weighted_since) = (0.0, 0.0);
    for (shape, counter) in now {
        let Some(then) = before.get(shape) else { continue };
        let since = counter.since(start.get(shape));
        if since.calls < policy.min_calls
            || then.calls < policy.min_calls
            || own.iter().any(|o| shape.contains(o))
        {
            continue;
        }
        let bound = 1.0 + policy.max_regression;
        // Welch's approximation for the difference of two means.
        let slack = Z * (since.error() + bound * bound * then.error()).sqrt();
        let statement = ids.get(shape).map(|id| (*id).clone());
        if statement.is_some() {
            weighted_before += since.calls * then.mean();
            weighted_since += since.calls * since.mean();
        }
        statements.push(StatementGain {
            statement,
            query: counter.query.clone(),
            calls: since.calls,
            before_ms: then.mean(),
            since_ms: since.mean(),
            regressed: since.mean() - bound * then.mean() > slack,
        });
    }
    let slowed = |s: &StatementGain| if s.before_ms > 0.0 { s.since_ms / s.before_ms } else { 1.0 };
    statements.sort_by(|a, b| slowed(b).total_cmp(&slowed(a)));
    let ratio = (weighted_before > 0.0).then(|| weighted_since / weighted_before);
    WatchReport { seconds, statements, ratio }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(calls: f64, mean: f64, deviation: f64) -> Counter {
        Counter {
            query: "SELECT 1".into(),
            calls,
            total_ms: calls * mean,
            squares: calls * (deviation.powi(2) + mean.powi(2)),
        }
    }

    fn judge(then: Counter, later: Counter) -> WatchReport {
        let map = |c: Counter| Snapshot::from([("select ?".to_owned(), c)]);
        let now = Counter {
            query: then.query.clone(),
            calls: then.calls + later.calls,
            total_ms: then.total_ms + later.total_ms,
            squares: then.squares + later.squares,
        };
        let (before, now) = (map(then), map(now));
        compare(&Workload::default(), &Policy::default(), &before, &before, &now, 1.0)
    }

    #[test]
    fn only_a_clear_regression_counts() {
        let regressed = |report: &WatchReport| report.regressions().count();
        let slow = judge(counter(1000.0, 1.0, 0.1), counter(100.0, 1.5, 0.1));
        assert_eq!(regressed(&slow), 1);
        assert!((slow.statements[0].since_ms - 1.5).abs() < 1e-9);
        assert_eq!(regressed(&judge(counter(1000.0, 1.0, 0.1), counter(100.0, 1.05, 0.1))), 0);
        // As slow, but so unsteady that it may be chance.
        assert_eq!(regressed(&judge(counter(1000.0, 1.0, 0.1), counter(40.0, 1.5, 5.0))), 0);
        // Too few calls to count at all.
        assert!(judge(counter(1000.0, 1.0, 0.1), counter(5.0, 9.0, 0.1)).statements.is_empty());
    }
}
