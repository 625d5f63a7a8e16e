//! What was measured, and how it is shown beside the targets.

#![allow(clippy::print_stdout)]

use std::time::Duration;

use pgverse::fork_backends::local::Mechanism;

/// A fork may take this much longer than the bare probe.
const FLOOR: f64 = 1.3;

/// A fork of 2 GB may take this much longer than one of 0.2 GB.
const SIZE: f64 = 1.2;

/// Sixteen forks at once may take this much longer than sixteen bare probes.
const SIXTEEN: f64 = 1.5;

/// One mechanism at one size.
pub(crate) struct Row {
    pub(crate) place: String,
    pub(crate) mechanism: Mechanism,
    pub(crate) scale: usize,
    pub(crate) backend: Vec<Duration>,
    pub(crate) probe: Vec<Duration>,
    pub(crate) destroy: Vec<Duration>,
    pub(crate) sixteen: Vec<Duration>,
    pub(crate) sixteen_probes: Vec<Duration>,
    pub(crate) bytes: u64,
    pub(crate) full_bytes: u64,
    /// Proportional share of memory of an idle fork, bytes, if the system tells.
    pub(crate) memory: Option<u64>,
}

/// `pg_dump | psql` at a scale.
pub(crate) struct Dump {
    pub(crate) scale: usize,
    pub(crate) time: Duration,
}

pub(crate) fn print(rows: &[Row], dumps: &[Dump]) {
    println!(
        "\nFrom the request to the first answered query, ms: median [min-max], alternating with the probe.\n"
    );
    println!(
        "| file system | mechanism | GB | pgverse | bare probe | 16 at once | 16 probes | own MB | destroy | PSS MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        println!(
            "| {} | {} | {:.1} | {} | {} | {} | {} | {:.1} | {:.1} | {} |",
            row.place,
            row.mechanism,
            row.full_bytes as f64 / 1e9,
            spread(&row.backend),
            spread(&row.probe),
            spread(&row.sixteen),
            spread(&row.sixteen_probes),
            row.bytes as f64 / 1e6,
            median(&row.destroy) * 1e3,
            row.memory.map_or("-".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1e6)),
        );
    }
    println!();
    for dump in dumps {
        println!("pg_dump | psql at scale {}: {:.1} s", dump.scale, dump.time.as_secs_f64());
    }
    println!();
    for row in rows.iter().filter(|row| row.mechanism.is_copy_on_write()) {
        targets(row, rows, dumps);
    }
}

fn targets(row: &Row, rows: &[Row], dumps: &[Dump]) {
    let name = format!("{} on {}, scale {}", row.mechanism, row.place, row.scale);
    let ours = median(&row.backend);
    at_most(&format!("{name}: beside the bare probe"), ours / median(&row.probe), FLOOR);
    if !row.sixteen.is_empty() {
        let ratio = median(&row.sixteen) / median(&row.sixteen_probes);
        at_most(&format!("{name}: 16 at once beside 16 probes"), ratio, SIXTEEN);
    }
    let small = rows.iter().find(|other| {
        other.place == row.place && other.mechanism == row.mechanism && other.scale < row.scale
    });
    if let Some(small) = small {
        at_most(&format!("{name}: beside scale {}", small.scale), ours / median(&small.backend), SIZE);
    }
    for dump in dumps.iter().filter(|dump| dump.scale == row.scale) {
        let (wanted, dump) = (100.0 * row.scale as f64, dump.time.as_secs_f64());
        let (ratio, floor) = (dump / ours, dump / median(&row.probe));
        let verdict = match (ratio >= wanted, floor >= wanted) {
            (true, _) => "met",
            (false, true) => "MISSED",
            (false, false) => "OUT OF REACH",
        };
        println!(
            "{verdict}: {name}: {ratio:.0} times faster than dump and restore, the bare probe {floor:.0} times (target {wanted:.0})"
        );
    }
}

fn at_most(what: &str, ratio: f64, target: f64) {
    let verdict = if ratio <= target { "met" } else { "MISSED" };
    println!("{verdict}: {what}: {ratio:.2} (target {target})");
}

/// Seconds.
fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, Duration::as_secs_f64)
}

fn spread(times: &[Duration]) -> String {
    let ms = |time: Option<&Duration>| time.map_or(f64::NAN, |t| t.as_secs_f64() * 1e3);
    if times.is_empty() {
        return "-".to_owned();
    }
    format!("{:.1} [{:.1}-{:.1}]", median(times) * 1e3, ms(times.iter().min()), ms(times.iter().max()))
}
