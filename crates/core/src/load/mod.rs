//! Mixed load on a fork: readers and writers together, as many as wanted or as fast as wanted, for a given time.
//!
//! With a rate the load is open: calls are due at even distances whatever became of those before, and the latency
//! of a call counts from the moment at which it was due. So a stall delays, and counts for, every call that it
//! kept waiting (G. Tene's "coordinated omission"). Without a rate each client sends its next call when it has the
//! answer, and latency is the time of the call.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tokio::time::Instant;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{Dsn, Session};
use crate::traits::ForkBackend;
use crate::types::{StatementId, StatementKind, Workload};

/// How hard, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LoadOptions {
    /// Sessions that send calls.
    pub clients: u32,
    /// Calls per second of all clients together; as fast as answers come if not given.
    pub rate: Option<f64>,
    /// How long, in seconds.
    pub seconds: f64,
    /// Longest time of one statement, in seconds.
    pub statement_timeout_seconds: f64,
}

/// What a load measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadReport {
    /// What was asked for.
    pub options: LoadOptions,
    /// From the first call to the last answer, in seconds.
    pub seconds: f64,
    /// Answered calls per second.
    pub throughput: f64,
    /// Calls that were due but that no client was free to send before the end; with a rate only. Where there are
    /// any, the rate was beyond the server.
    pub not_sent: u64,
    /// All calls.
    pub all: Latency,
    /// Those that read.
    pub reads: Latency,
    /// Those that write.
    pub writes: Latency,
    /// By statement, in the order of the workload.
    pub statements: Vec<StatementLoad>,
}

/// The calls of one statement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatementLoad {
    /// The statement.
    pub id: StatementId,
    /// Its calls.
    pub latency: Latency,
    /// What the server said to the first that failed.
    pub first_error: Option<String>,
}

/// How long calls took, in milliseconds; none where there was no call that succeeded.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Calls that were answered.
    pub calls: u64,
    /// Calls that failed, which count in no quantile.
    pub errors: u64,
    /// Half of the calls took no longer.
    pub p50_ms: Option<f64>,
    /// 95 % of the calls took no longer.
    pub p95_ms: Option<f64>,
    /// 99 % of the calls took no longer.
    pub p99_ms: Option<f64>,
    /// The slowest call.
    pub max_ms: Option<f64>,
}

/// Durations in microseconds to three digits, and failures.
#[derive(Debug)]
struct Tally {
    durations: Histogram<u64>,
    errors: u64,
    first_error: Option<String>,
}

impl Tally {
    fn new() -> Result<Self> {
        let durations = Histogram::new(3).map_err(|e| Error::internal("no histogram").caused_by(e))?;
        Ok(Self { durations, errors: 0, first_error: None })
    }

    fn add(&mut self, other: &Self) {
        // Both have three digits and grow as needed.
        let _ = self.durations.add(&other.durations);
        self.errors += other.errors;
        if self.first_error.is_none() {
            self.first_error.clone_from(&other.first_error);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "microseconds")]
    fn latency(&self) -> Latency {
        let any = !self.durations.is_empty();
        let ms = |micros: u64| any.then_some(micros as f64 / 1e3);
        let at = |share| ms(self.durations.value_at_quantile(share));
        Latency {
            calls: self.durations.len(),
            errors: self.errors,
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: ms(self.durations.max()),
        }
    }
}

/// Puts the load on a new fork, which is destroyed before this returns, whatever happens. Writes are committed there.
///
/// # Errors
/// `InvalidInput` for options that make no sense or a workload that the fork does not run at all; whatever goes
/// wrong with the fork. Calls that fail are counted, not returned.
pub async fn load(
    cx: &Context,
    backend: &dyn ForkBackend,
    workload: &Workload,
    options: LoadOptions,
) -> Result<LoadReport> {
    let positive = |n: f64| n.is_finite() && n > 0.0;
    if options.clients == 0 || !positive(options.seconds) || !options.rate.is_none_or(positive) {
        return Err(Error::invalid("a load needs clients, a time and a rate above zero"));
    }
    let universe = backend.fork(cx).await?;
    let measured = async {
        let dsn = backend.dsn(cx, &universe.id).await?;
        on(cx, &dsn, workload, options).await
    }
    .await;
    backend.destroy(&cx.for_cleanup(), &universe.id).await?;
    measured
}

/// When the next call is due, for all clients.
struct Schedule {
    begin: Instant,
    end: Instant,
    rate: Option<f64>,
    next: AtomicU64,
}

impl Schedule {
    /// The moment from which the next call counts; none when the time is over.
    async fn next(&self) -> Option<Instant> {
        let Some(rate) = self.rate else {
            let now = Instant::now();
            return (now < self.end).then_some(now);
        };
        if Instant::now() >= self.end {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of calls")]
        let number = self.next.fetch_add(1, Ordering::Relaxed) as f64;
        let due = self.begin + Duration::from_secs_f64(number / rate);
        if due >= self.end {
            return None;
        }
        tokio::time::sleep_until(due).await;
        Some(due)
    }

    /// Calls that were due before the end, and that nobody took.
    fn not_sent(&self) -> u64 {
        let Some(rate) = self.rate else { return 0 };
        let seconds = self.end.duration_since(self.begin).as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of calls")]
        let due = (seconds * rate).ceil() as u64;
        due.saturating_sub(self.next.load(Ordering::Relaxed))
    }
}

async fn on(cx: &Context, dsn: &Dsn, workload: &Workload, options: LoadOptions) -> Result<LoadReport> {
    let mut sessions = Vec::with_capacity(options.clients as usize);
    let timeout = Duration::from_secs_f64(options.statement_timeout_seconds.max(0.0)).as_millis();
    for _ in 0..options.clients {
        let session = Session::connect(cx, dsn, "load").await?;
        session.batch(cx, &format!("SET statement_timeout TO {timeout}")).await?;
        sessions.push(session);
    }
    let begin = Instant::now();
    let schedule = Schedule {
        begin,
        end: begin + Duration::from_secs_f64(options.seconds),
        rate: options.rate,
        next: AtomicU64::new(0),
    };
    let total: Result<Vec<Tally>> = workload.statements.iter().map(|_| Tally::new()).collect();
    let total = Mutex::new(total?);
    let clients = sessions.into_iter().zip(0u64..).map(|(session, number)| {
        let (schedule, total) = (&schedule, &total);
        async move {
            let seed = cx.seed().wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let tallies = client(cx, &session, workload, schedule, seed).await?;
            if let Ok(mut total) = total.lock() {
                total.iter_mut().zip(&tallies).for_each(|(all, one)| all.add(one));
            }
            Ok::<(), Error>(())
        }
    });
    futures_util::future::try_join_all(clients).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let tallies = total.into_inner().map_err(|_| Error::internal("a client of the load died"))?;
    report(workload, options, seconds, schedule.not_sent(), &tallies)
}

fn report(
    workload: &Workload,
    options: LoadOptions,
    seconds: f64,
    not_sent: u64,
    tallies: &[Tally],
) -> Result<LoadReport> {
    let (mut reads, mut writes, mut all) = (Tally::new()?, Tally::new()?, Tally::new()?);
    let mut statements = Vec::with_capacity(tallies.len());
    for (statement, tally) in workload.statements.iter().zip(tallies) {
        all.add(tally);
        match statement.kind {
            StatementKind::Read => reads.add(tally),
            StatementKind::Write => writes.add(tally),
        }
        statements.push(StatementLoad {
            id: statement.id.clone(),
            latency: tally.latency(),
            first_error: tally.first_error.clone(),
        });
    }
    if all.durations.is_empty() {
        return Err(Error::invalid("no call of the load succeeded")
            .with("errors", all.errors)
            .with("first", all.first_error.as_deref().unwrap_or("none was sent"))
            .hint("correct the statements, or give the load more time"));
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of calls")]
    let throughput = all.durations.len() as f64 / seconds.max(f64::MIN_POSITIVE);
    Ok(LoadReport {
        options,
        seconds,
        throughput,
        not_sent,
        all: all.latency(),
        reads: reads.latency(),
        writes: writes.latency(),
        statements,
    })
}

/// One client, until the time is over.
async fn client(
    cx: &Context,
    session: &Session,
    workload: &Workload,
    schedule: &Schedule,
    seed: u64,
) -> Result<Vec<Tally>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let tallies: Result<Vec<Tally>> = workload.statements.iter().map(|_| Tally::new()).collect();
    let mut tallies = tallies?;
    let mut prepared = Vec::new();
    prepared.resize_with(workload.statements.len(), || None);
    while let Some(due) = schedule.next().await {
        cx.check()?;
        let at = draw(&workload.statements, |s| s.weight, &mut random);
        let (Some(statement), Some(tally), Some(prepared)) =
            (workload.statements.get(at), tallies.get_mut(at), prepared.get_mut(at))
        else {
            return Err(Error::internal("a workload without statements"));
        };
        let set = draw(&statement.parameter_sets, |set| set.weight, &mut random);
        let values = statement.parameter_sets.get(set).map(|set| set.values.as_slice()).unwrap_or_default();
        let outcome = async {
            if !values.is_empty() && prepared.is_none() {
                *prepared = Some(session.prepare(cx, &statement.sql).await?);
            }
            session.time(cx, prepared.as_ref(), &statement.sql, values).await
        };
        match outcome.await {
            Ok(_) => {
                let micros = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
                // It grows as needed; what it cannot hold is beyond any duration.
                let _ = tally.durations.record(micros.max(1));
            }
            Err(e) if cx.check().is_err() || e.kind() == ErrorKind::Connection => return Err(e),
            Err(e) => {
                tally.errors += 1;
                tally.first_error.get_or_insert_with(|| e.message().to_owned());
            }
        }
    }
    Ok(tallies)
}

/// One of the items, as often as its weight says.
fn draw<T>(items: &[T], weight: impl Fn(&T) -> f64, random: &mut ChaCha8Rng) -> usize {
    let total: f64 = items.iter().map(&weight).sum();
    let mut rest = random.random::<f64>() * total;
    for (at, item) in items.iter().enumerate() {
        rest -= weight(item);
        if rest < 0.0 {
            return at;
        }
    }
    items.len().saturating_sub(1)
}

#[cfg(test)]
mod tests;
