//! Throughput of log reading beside pgbadger, on the same files in the same run.
//!
//! A real server writes a log of a real run in both formats; the generator repeats it with other times and other
//! values until it has the wanted size.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use pgverse::Context;
use pgverse::workload::log::{Options, read};
use pgverse_fork_backends::shared::Settings;
use pgverse_testkit::TestServer;

/// Stands in the statements where the generator puts another number of the same length.
const VALUE: &str = "7654321";
const PREFIX: &str = "%m [%p] %q%u@%d ";

pub(crate) async fn run(megabytes: u64, jobs: &[u32]) {
    let (stderr, csv) = seeds().await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    println!("logs: {megabytes} MB each, from {} and {} bytes of a real run", stderr.len(), csv.len());
    for (format, name, seed) in [("csvlog", "server.csv", csv), ("stderr", "server.log", stderr)] {
        let path = folder.path().join(name);
        let bytes = generate(&seed, &path, megabytes * 1_000_000);
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let speed = |begin: Instant| bytes as f64 / 1e6 / begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        let mut options = Options::of(vec![path.clone()]);
        options.prefix = Some(PREFIX.to_owned());
        let reading = read(&Context::new(), &options, |_| {}).expect("the log is read");
        let ours = speed(begin);
        println!(
            "{format}: pgverse {ours:.1} MB/s, {} statements, {} lines not understood, peak {} MB",
            reading.calls,
            reading.lines_not_understood,
            peak_megabytes()
        );
        for jobs in jobs {
            let begin = Instant::now();
            let count = pgbadger(&path, format, *jobs);
            let theirs = speed(begin);
            println!(
                "{format}: pgbadger -j {jobs} {theirs:.1} MB/s, {count} statements; pgverse is {:.1} times as fast, {}",
                ours / theirs,
                if count == reading.calls { "same count" } else { "OTHER COUNT" }
            );
        }
        std::fs::remove_file(&path).expect("the log can be removed");
    }
}

/// What a server logs of a mixed run, as stderr and as csvlog.
async fn seeds() -> (Vec<u8>, Vec<u8>) {
    let settings = Settings::default()
        .with("logging_collector", "on")
        .with("log_destination", "stderr,csvlog")
        .with("log_directory", "log")
        .with("log_filename", "a.log")
        .with("log_line_prefix", PREFIX)
        .with("log_min_duration_statement", "0");
    let server = TestServer::with_settings(&settings).await;
    let (cx, session) = (Context::new(), server.session("postgres").await);
    let batch = async |sql: &str| session.batch(&cx, sql).await.expect("the statement runs");
    batch(
        "CREATE TABLE users (id int PRIMARY KEY, name text, email text, created timestamptz DEFAULT now())",
    )
    .await;
    batch("CREATE TABLE orders (id int PRIMARY KEY, user_id int, total numeric, note text)").await;
    for n in 0..40 {
        batch(&format!("INSERT INTO users (id, name, email) VALUES ({n}, 'it''s {n}', 'u{n}@example.org') ON CONFLICT DO NOTHING")).await;
        batch(&format!(
            "SELECT id, name\n\tFROM users\n\tWHERE email = 'u{VALUE}@example.org' -- by mail; \"quoted\""
        ))
        .await;
        batch(&format!("SELECT sum(total) FROM orders WHERE user_id = {VALUE} AND total > {n}.5 GROUP BY user_id ORDER BY 1 DESC LIMIT 10")).await;
        let value = [Some(VALUE.to_owned())];
        session
            .rows(&cx, "SELECT * FROM orders WHERE user_id = $1 ORDER BY id DESC LIMIT 20", &value)
            .await
            .expect("it runs");
        session.rows(&cx, "SELECT u.name, count(*) FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = $1 GROUP BY u.name", &value).await.expect("it runs");
        batch(&format!("UPDATE users SET name = 'n{VALUE}' WHERE id = {VALUE}")).await;
    }
    drop(session);
    let folder = server.directory().join("data/log");
    let read = |name| std::fs::read(folder.join(name)).expect("the server wrote its log");
    (from_first_call(read("a.log")), from_first_call(read("a.csv")))
}

/// The log without the start of the server.
fn from_first_call(log: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8(log).expect("the log is UTF-8");
    let begin = text.find("duration: ").and_then(|at| text[..at].rfind('\n')).map_or(0, |at| at + 1);
    let end = text.rfind('\n').map_or(text.len(), |at| at + 1);
    text.as_bytes()[begin..end].to_vec()
}

/// Writes the seed again and again, with later times and other values; returns the bytes written.
fn generate(seed: &[u8], path: &Path, size: u64) -> u64 {
    let places = |needle: &[u8]| -> Vec<usize> {
        (0..seed.len().saturating_sub(needle.len())).filter(|&at| seed[at..].starts_with(needle)).collect()
    };
    let day = &seed[..10];
    let times: Vec<usize> = places(day).into_iter().filter(|&at| at == 0 || seed[at - 1] == b'\n').collect();
    let values = places(VALUE.as_bytes());
    let mut part = seed.to_vec();
    let mut out =
        BufWriter::with_capacity(1 << 20, std::fs::File::create(path).expect("the log can be made"));
    let (mut written, mut repetition) = (0, 0u64);
    while written < size {
        let (minutes, second) = (repetition / 60, repetition % 60);
        let time = format!(
            "2026-01-{:02} {:02}:{:02}:{second:02}",
            1 + (minutes / 1440) % 28,
            (minutes / 60) % 24,
            minutes % 60
        );
        times.iter().for_each(|&at| part[at..at + time.len()].copy_from_slice(time.as_bytes()));
        let value = format!("{:07}", 1_000_000 + repetition.wrapping_mul(7919) % 9_000_000);
        values.iter().for_each(|&at| part[at..at + value.len()].copy_from_slice(value.as_bytes()));
        out.write_all(&part).expect("there is room for the log");
        written += part.len() as u64;
        repetition += 1;
    }
    out.flush().expect("there is room for the log");
    written
}

/// Statements that pgbadger counts.
fn pgbadger(path: &Path, format: &str, jobs: u32) -> u64 {
    let out = path.with_extension("json");
    let format = if format == "csvlog" { "csv" } else { format };
    let done = Command::new("pgbadger")
        .args(["-q", "-x", "json", "-f", format, "-p", PREFIX, "-j", &jobs.to_string(), "-o"])
        .arg(&out)
        .arg(path)
        .status()
        .expect("pgbadger is installed: apt-get install pgbadger libtext-csv-xs-perl libjson-xs-perl");
    assert!(done.success(), "pgbadger failed");
    let text = std::fs::read_to_string(&out).expect("pgbadger wrote its report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("the report is JSON");
    report
        .pointer("/overall_stat/queries_number")
        .and_then(serde_json::Value::as_u64)
        .expect("it counts queries")
}

/// The most memory this process had so far.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|n| n.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1000
}
