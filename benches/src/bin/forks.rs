//! Forks by the local backend beside a bare probe, alternating in one run: `make bench-forks`.
//!
//! The probe does what no fork can do without: clone the files by the same mechanism, exec `postgres`, connect,
//! `SELECT 1`. It keeps no lease, cleans up outside its time, and is not asked about other processes. Both are timed
//! from the request to the first answered query; for the backend that is the whole call of `fork`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "forks/disk.rs"]
mod disk;
#[path = "forks/probe.rs"]
mod probe;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pgverse::fork_backends::local::{GoldenSource, LocalBackend, LocalConfig, Mechanism};
use pgverse::traits::ForkBackend;
use pgverse::{Context, Error, Result};

/// Timed runs of each arm.
const RUNS: usize = 15;

/// The backend may take this much longer than the probe.
const TARGET: f64 = 1.5;

/// About 0.2 GB, of the demo shop's shape.
const SHOP: &[&str] = &[
    "CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, name text NOT NULL)",
    "INSERT INTO users SELECT n, md5(n::text) || '@example.com', md5((-n)::text) FROM generate_series(1, 100000) n",
    "CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL, total numeric(10, 2), placed timestamptz)",
    "INSERT INTO orders SELECT n, 1 + n % 100000, n % 500, now() - n * interval '1 minute' \
     FROM generate_series(1, 500000) n",
    "CREATE TABLE order_items (id int PRIMARY KEY, order_id int NOT NULL, product_id int, quantity int)",
    "INSERT INTO order_items SELECT n, 1 + n % 500000, n % 10000, n % 5 FROM generate_series(1, 1000000) n",
    "CREATE INDEX ON orders (user_id)",
    "CREATE INDEX ON order_items (order_id)",
];

struct Row {
    place: String,
    mechanism: Mechanism,
    backend: Vec<Duration>,
    probe: Vec<Duration>,
    destroy: Vec<Duration>,
    bytes: u64,
    full_bytes: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut rows = Vec::new();
    for disk in disk::all() {
        eprintln!("{}: building the database …", disk.name);
        for mechanism in disk.mechanisms {
            match measure(&disk.name, &disk.path, *mechanism).await {
                Ok(row) => rows.push(row),
                Err(error) => eprintln!("{} by {mechanism}: not measured: {error}", disk.name),
            }
        }
    }
    if rows.is_empty() {
        return Err(Error::internal("nothing could be measured"));
    }
    print(&mut rows);
    Ok(())
}

async fn measure(place: &str, home: &Path, mechanism: Mechanism) -> Result<Row> {
    let cx = Context::new();
    let sql = SHOP.iter().map(|script| (*script).to_owned()).collect();
    let golden = GoldenSource::Script { name: "shop".into(), sql };
    let config =
        LocalConfig { home: Some(home.to_owned()), mechanism: Some(mechanism), ..LocalConfig::new(golden) };
    let backend = LocalBackend::new(config)?;
    backend.prepare(&cx).await?;
    let image = golden_image(home, mechanism)?;
    let probe = probe::Probe::new(home, &image, mechanism)?;
    let mut row = Row {
        place: place.to_owned(),
        mechanism,
        backend: Vec::new(),
        probe: Vec::new(),
        destroy: Vec::new(),
        bytes: 0,
        full_bytes: 0,
    };
    // The first pair warms caches and is not counted; who goes first alternates.
    for run in 0..=RUNS {
        let (mut ours, mut bare, mut gone) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for arm in 0..2 {
            if (run + arm) % 2 == 0 {
                let begin = Instant::now();
                let fork = backend.fork(&cx).await?;
                ours = begin.elapsed();
                let begin = Instant::now();
                backend.destroy(&cx, &fork.id).await?;
                gone = begin.elapsed();
                (row.bytes, row.full_bytes) = (fork.cost.bytes, fork.cost.full_bytes);
            } else {
                bare = probe.run().await?;
            }
        }
        if run > 0 {
            row.backend.push(ours);
            row.probe.push(bare);
            row.destroy.push(gone);
        }
    }
    Ok(row)
}

/// The image that the backend has just prepared: the newest one.
fn golden_image(home: &Path, mechanism: Mechanism) -> Result<PathBuf> {
    let entries =
        std::fs::read_dir(home.join("golden")).map_err(|e| Error::internal("no images").caused_by(e))?;
    let images = entries.flatten().map(|entry| entry.path().join("data")).filter(|data| data.is_dir());
    images
        .max_by_key(|data| {
            data.parent().and_then(|image| image.join("golden.json").metadata().ok()?.modified().ok())
        })
        .ok_or_else(|| Error::internal("there is no golden image").with("mechanism", mechanism))
}

fn print(rows: &mut [Row]) {
    println!(
        "\nFrom the request to the first answered query, ms: median [min-max] of {RUNS}, alternating.\n"
    );
    println!(
        "| file system | mechanism | pgverse | bare probe | ratio (target {TARGET}) | own MB | of MB | destroy |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for row in rows {
        let ratio = median(&mut row.backend).as_secs_f64() / median(&mut row.probe).as_secs_f64();
        println!(
            "| {} | {} | {} | {} | {ratio:.2} {} | {:.1} | {:.0} | {:.1} |",
            row.place,
            row.mechanism,
            spread(&mut row.backend),
            spread(&mut row.probe),
            if ratio <= TARGET { "met" } else { "MISSED" },
            row.bytes as f64 / 1e6,
            row.full_bytes as f64 / 1e6,
            median(&mut row.destroy).as_secs_f64() * 1e3,
        );
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn spread(times: &mut [Duration]) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let middle = ms(median(times));
    format!("{middle:.1} [{:.1}-{:.1}]", ms(times[0]), ms(times[times.len() - 1]))
}
