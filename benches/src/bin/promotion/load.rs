//! Figure 1: pgbench's load beside a promotion. What a statement of the load waits for us is sampled from the server;
//! throughput and latency are those of pgbench's own log, before the promotion and beside it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use pgverse::pg::{Dsn, Session};
use pgverse::promote::{Policy, PromotionState};
use pgverse::{Context, Error, ErrorKind, Result};
use pgverse_testkit::index;
use rustix::process::{Pid, Signal, kill_process};

use crate::ground::{Ground, constraint, statistics, view};

/// The load runs this long before anything is looked at.
const WARM_UP: Duration = Duration::from_secs(3);
/// And this long by itself before the promotion.
const ALONE: Duration = Duration::from_secs(10);
/// Longest wait for us that is allowed, seconds.
const BOUND: f64 = 1.0;

/// Statements of the load that wait for a session of ours, and for how long already.
const WAITS: &str = "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - l.waitstart)), 0)::text \
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
    WHERE NOT l.granted AND a.application_name = 'pgbench' AND EXISTS ( \
      SELECT FROM unnest(pg_blocking_pids(l.pid)) b JOIN pg_stat_activity p ON p.pid = b \
      WHERE p.application_name LIKE 'pgverse promotion%')";

pub(crate) async fn run(scale: u32) -> Result<()> {
    let ground = Ground::new("SELECT 1").await?;
    let folder = tempfile::tempdir().map_err(|e| Error::internal("no directory can be made").caused_by(e))?;
    let pgbench = ground.program("pgbench")?;
    let initialized = command(&pgbench, &ground.dsn(), folder.path())
        .args(["-i", "-q", "-s", &scale.to_string(), crate::ground::DATABASE])
        .status();
    if !initialized.is_ok_and(|status| status.success()) {
        return Err(Error::new(ErrorKind::Process, "pgbench cannot fill its tables"));
    }
    let plan = ground
        .plan(vec![
            index("pgbench_accounts", "accounts_bench_idx", "bid"),
            view(
                "branch_totals",
                "SELECT bid, sum(abalance) AS total FROM public.pgbench_accounts GROUP BY bid",
                "bid",
            ),
            statistics("pgbench_accounts", &["bid", "abalance"]),
            constraint("pgbench_accounts", "CHECK (abalance > -1000000000)"),
        ])
        .await?;
    let load = Load::start(&pgbench, &ground.dsn(), folder.path(), "bench")?;
    tokio::time::sleep(WARM_UP).await;
    let sampler = Sampler::start(&ground.cx, &ground.dsn()).await?;
    let (begin, start) = (now(), Instant::now());
    tokio::time::sleep(ALONE).await;
    let middle = now();
    let promoted = ground.promote(&plan, &Policy::default()).await?;
    let end = now();
    let took = start.elapsed().saturating_sub(ALONE);
    let (waited, samples) = sampler.stop().await?;
    let (failed, transactions) = load.stop()?;
    let alone = Summary::of(&transactions, begin, middle);
    let beside = Summary::of(&transactions, middle, end);
    let unsound = ground.unsound().await?;
    let good =
        waited < BOUND && failed == 0 && promoted.state == PromotionState::Promoted && unsound.is_empty();
    println!(
        "load: index, view, statistics and constraint promoted in {:.1} s beside pgbench (scale {scale}, 4 clients): \
         longest wait for us {waited:.3} s in {samples} samples; bound {BOUND} s; {failed} of {} transactions failed: {}",
        took.as_secs_f64(),
        transactions.len(),
        if good { "holds" } else { "BROKEN" }
    );
    println!("    before:  {alone}");
    println!("    beside:  {beside}");
    println!("    throughput beside / before: {:.2}", beside.rate / alone.rate);
    unsound.iter().for_each(|wrong| println!("    WRONG {wrong}"));
    Ok(())
}

/// Seconds since 1970, as pgbench logs them.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn command(program: &Path, dsn: &Dsn, folder: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, value) in dsn.child_environment() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("PGAPPNAME", "pgbench").current_dir(folder).stdin(Stdio::null());
    command
}

/// A running pgbench.
struct Load {
    child: Child,
    folder: PathBuf,
    name: &'static str,
}

/// One transaction of the load.
struct Transaction {
    /// Seconds since 1970.
    ended: f64,
    /// Seconds.
    took: f64,
}

/// The transactions that ended in a stretch of time.
struct Summary {
    count: usize,
    /// Per second.
    rate: f64,
    /// Seconds: the median, the 99th of a hundred, the worst.
    latency: [f64; 3],
}

impl Summary {
    fn of(transactions: &[Transaction], begin: f64, end: f64) -> Self {
        let within = transactions.iter().filter(|t| (begin..end).contains(&t.ended));
        let mut took: Vec<f64> = within.map(|t| t.took).collect();
        took.sort_by(f64::total_cmp);
        let at = |percent: usize| took.get(took.len() * percent / 100).copied();
        let latency = [at(50), at(99), took.last().copied()].map(|t| t.unwrap_or(f64::NAN));
        #[allow(clippy::cast_precision_loss, reason = "a count of transactions")]
        let rate = took.len() as f64 / (end - begin);
        Self { count: took.len(), rate, latency }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p99, worst] = self.latency.map(|seconds| seconds * 1e3);
        write!(
            f,
            "{} transactions, {:.0} a second; latency {median:.1} ms median, {p99:.1} ms p99, {worst:.0} ms worst",
            self.count, self.rate
        )
    }
}

impl Load {
    fn start(program: &Path, dsn: &Dsn, folder: &Path, name: &'static str) -> Result<Self> {
        let prefix = format!("--log-prefix={name}");
        let child = command(program, dsn, folder)
            .args(["-n", "-c", "4", "-j", "2", "-T", "3600", "--log", &prefix, crate::ground::DATABASE])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Error::new(ErrorKind::Process, "pgbench cannot be started").caused_by(e))?;
        Ok(Self { child, folder: folder.to_owned(), name })
    }

    /// Ends it as its own timer would, so that it finishes its transactions and sums up.
    fn stop(self) -> Result<(u64, Vec<Transaction>)> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let failed = |what: &str| Error::new(ErrorKind::Process, format!("pgbench {what}"));
        let pid = pid.ok_or_else(|| failed("has no process id"))?;
        kill_process(pid, Signal::ALARM).map_err(|e| failed("cannot be stopped").caused_by(e))?;
        let output = self.child.wait_with_output().map_err(|e| failed("was lost").caused_by(e))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(failed("aborted: a statement of the load failed").with("said", said));
        }
        let count = text.lines().find_map(|l| l.strip_prefix("number of failed transactions: "));
        let count = count.and_then(|l| l.split_whitespace().next()?.parse().ok());
        // Servers before 15 have no such line; there a failure aborts the client, and with it the run.
        let mut transactions = Vec::new();
        let entries = std::fs::read_dir(&self.folder).map_err(|e| failed("left no log").caused_by(e))?;
        for path in entries.filter_map(|e| Some(e.ok()?.path())) {
            let ours = path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(self.name));
            if !ours {
                continue;
            }
            let log = std::fs::read_to_string(&path).map_err(|e| failed("left no log").caused_by(e))?;
            // client_id transaction_no time script_no time_epoch time_us, where time is in microseconds.
            for line in log.lines() {
                let fields: Vec<f64> =
                    line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
                if let [_, _, took, _, seconds, micros, ..] = fields[..] {
                    transactions.push(Transaction { ended: seconds + micros / 1e6, took: took / 1e6 });
                }
            }
        }
        Ok((count.unwrap_or(0), transactions))
    }
}

/// Looks again and again who waits for us.
struct Sampler {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Result<(f64, u64)>>,
}

impl Sampler {
    async fn start(cx: &Context, dsn: &Dsn) -> Result<Self> {
        let session = Session::connect(cx, dsn, "sampler").await?;
        let (stop, cx) = (Arc::new(AtomicBool::new(false)), cx.clone());
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let (mut longest, mut samples) = (0.0_f64, 0);
            while !stopped.load(Ordering::Relaxed) {
                let seconds: f64 = session.text(&cx, WAITS, &[]).await?.parse().unwrap_or(0.0);
                longest = longest.max(seconds);
                samples += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok((longest, samples))
        });
        Ok(Self { stop, task })
    }

    /// The longest wait that was seen, seconds, and how often we looked.
    async fn stop(self) -> Result<(f64, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.map_err(|e| Error::internal("the sampler died").caused_by(e))?
    }
}
