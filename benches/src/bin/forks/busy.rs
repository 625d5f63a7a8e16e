//! Golden images copied from a server while pgbench writes to it: what that takes from pgbench, and whether each copy
//! is of one moment.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgverse::fork_backends::local::{GoldenSource, LocalBackend, LocalConfig};
use pgverse::fork_backends::shared::{Programs, Settings};
use pgverse::pg::{Dsn, Session};
use pgverse::traits::ForkBackend;
use pgverse::{Context, Error, Result};
use pgverse_testkit::TestServer;

/// pgbench's scale: about 15 MB each.
const SCALE: &str = "20";

/// Seconds of each run of pgbench.
const SECONDS: u64 = 12;

/// Runs with and without a copy, by turns.
const RUNS: usize = 3;

/// A role that may read everything and not replicate: it gets logical copies.
const READER: &str = "reader";

/// The sums that each transaction of pgbench changes by the same amount: one text if they agree.
const SUMS: &str = "SELECT string_agg(DISTINCT sum::text, ' <> ') FROM (SELECT sum(abalance) FROM pgbench_accounts \
    UNION ALL SELECT sum(bbalance) FROM pgbench_branches UNION ALL SELECT sum(tbalance) FROM pgbench_tellers \
    UNION ALL SELECT coalesce(sum(delta), 0) FROM pgbench_history) sums";

/// Prints throughput of the source without and with a copy beside it.
pub(crate) async fn measure() -> Result<()> {
    let settings =
        [("max_wal_senders", "4"), ("fsync", "on"), ("full_page_writes", "on"), ("synchronous_commit", "on")];
    let settings = settings.iter().fold(Settings::default(), |all, (name, value)| all.with(name, value));
    let server = TestServer::with_settings(&settings).await;
    server.sql("postgres", "CREATE DATABASE bank").await;
    server.sql("postgres", &format!("CREATE ROLE {READER} LOGIN; GRANT pg_read_all_data TO {READER}")).await;
    let pgbench = Programs::find(None)?.tool("pgbench")?;
    run(&pgbench, &server.dsn("bank"), &["-i", "-q", "-s", SCALE]).await?;
    println!(
        "\npgbench (scale {SCALE}, 4 clients, {SECONDS} s a run) on the source, transactions a second:\n"
    );
    println!("| copy | without | with a copy beside it | share left | copies | seconds each | sums agree |");
    println!("|---|---|---|---|---|---|---|");
    for (name, user) in [("physical", "postgres"), ("logical", READER)] {
        let (mut alone, mut beside, mut copies) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RUNS {
            alone.push(throughput(&pgbench, &server.dsn("bank")).await?);
            let source = server.dsn_as(user, "bank");
            let cx = Context::new();
            let writing = async {
                let rate = throughput(&pgbench, &server.dsn("bank")).await;
                cx.cancellation().cancel();
                rate
            };
            let (rate, copied) = tokio::join!(writing, copy_until(&cx, source));
            beside.push(rate?);
            copies.extend(copied?);
        }
        let (alone, beside) = (median(&mut alone), median(&mut beside));
        let mut times: Vec<f64> = copies.iter().map(|(time, _)| time.as_secs_f64()).collect();
        let agree = copies.iter().filter(|(_, agree)| *agree).count();
        println!(
            "| {name} | {alone:.0} | {beside:.0} | {:.0} % | {} | {:.1} | {agree} of {} |",
            100.0 * beside / alone,
            copies.len(),
            median(&mut times),
            copies.len()
        );
    }
    Ok(())
}

/// Copies the source again and again until the context is cancelled, at least once: the time of each copy, and whether
/// its sums agree.
async fn copy_until(cx: &Context, source: Dsn) -> Result<Vec<(Duration, bool)>> {
    let home = pgverse_testkit::home();
    let mut copies = Vec::new();
    while copies.is_empty() || cx.check().is_ok() {
        let own = Context::new();
        let golden = GoldenSource::Server(source.clone());
        let config = LocalConfig { home: Some(home.path().to_owned()), ..LocalConfig::new(golden) };
        let backend = LocalBackend::new(config)?;
        let begin = Instant::now();
        backend.prepare(&own).await?;
        let time = begin.elapsed();
        let fork = backend.fork(&own).await?;
        let session = Session::connect(&own, &backend.dsn(&own, &fork.id).await?, "bench").await?;
        let sums = session.text(&own, SUMS, &[]).await?;
        drop(session);
        backend.destroy(&own, &fork.id).await?;
        copies.push((time, !sums.contains("<>")));
    }
    Ok(copies)
}

/// Transactions a second.
async fn throughput(pgbench: &Path, dsn: &Dsn) -> Result<f64> {
    let said = run(pgbench, dsn, &["-n", "-c", "4", "-j", "1", "-T", &SECONDS.to_string()]).await?;
    let rate =
        said.lines().find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next()?.parse().ok());
    rate.ok_or_else(|| Error::internal("pgbench tells no rate").with("output", said))
}

async fn run(pgbench: &Path, dsn: &Dsn, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(pgbench);
    command.args(["-h", &dsn.host(), "-p", &dsn.port().to_string(), "-U", dsn.user()]);
    command.args(arguments).arg(dsn.database()).env("LC_ALL", "C").stdin(Stdio::null());
    let failed = |e: std::io::Error| Error::internal("pgbench cannot be run").with("error", e);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output =
        output.await.map_err(|e| Error::internal("pgbench ended early").with("error", e))?.map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Error::internal("pgbench failed").with("output", said));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
