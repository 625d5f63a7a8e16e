//! Forks by the local backend beside a bare probe, alternating in one run: `make bench-forks`.
//!
//! The probe does what no fork can do without: clone the files by the same mechanism, exec `postgres`, connect,
//! `SELECT 1`. It keeps no lease, cleans up outside its time, and is not asked about other processes. Both are timed
//! from the request to the first answered query; for the backend that is the whole call of `fork`.
//! Both fork the demo shop, 0.2 GB times the scale. Beside both stands the traditional clone, `pg_dump | psql` and ANALYZE, since
//! a dump has no statistics and plans would not be the source's, into a server as it is installed. `make bench-forks SCALES=1` leaves out the 2 GB; `BUSY=1`
//! measures instead what golden images take from a source that pgbench keeps busy.

#![allow(clippy::print_stderr)]

#[path = "forks/busy.rs"]
mod busy;
#[path = "forks/disk.rs"]
mod disk;
#[path = "forks/dump.rs"]
mod dump;
#[path = "forks/probe.rs"]
mod probe;
#[path = "forks/row.rs"]
mod row;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use pgverse::demo::{self, Demo};
use pgverse::fork_backends::local::{GoldenSource, LocalBackend, LocalConfig, Mechanism};
use pgverse::fork_backends::shared::process;
use pgverse::traits::ForkBackend;
use pgverse::{Context, Error, Result};
use row::{Dump, Row};

/// Timed runs of each arm.
const RUNS: usize = 15;

/// Timed runs of many at once.
const CROWDS: usize = 5;

/// How many are made at once.
const CROWD: usize = 16;

#[tokio::main]
async fn main() -> Result<()> {
    if std::env::args().any(|word| word == "busy") {
        return busy::measure().await;
    }
    let scales: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let scales = if scales.is_empty() { vec![1, 10] } else { scales };
    let (mut rows, mut dumps) = (Vec::new(), Vec::new());
    for disk in disk::all() {
        for scale in &scales {
            eprintln!("{}, scale {scale}: building the database …", disk.name);
            for mechanism in disk.mechanisms {
                match measure(&disk.name, &disk.path, *mechanism, *scale, &mut dumps).await {
                    Ok(row) => rows.push(row),
                    Err(error) => eprintln!("{} by {mechanism}: not measured: {error}", disk.name),
                }
            }
        }
    }
    if rows.is_empty() {
        return Err(Error::internal("nothing could be measured"));
    }
    row::print(&rows, &dumps);
    Ok(())
}

async fn measure(
    place: &str,
    home: &Path,
    mechanism: Mechanism,
    scale: usize,
    dumps: &mut Vec<Dump>,
) -> Result<Row> {
    let cx = Context::new();
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let shop = Demo::new(scale as f64)?;
    let golden = GoldenSource::Script { name: demo::DATABASE.into(), sql: shop.scripts() };
    let config =
        LocalConfig { home: Some(home.to_owned()), mechanism: Some(mechanism), ..LocalConfig::new(golden) };
    let backend = LocalBackend::new(config)?;
    backend.prepare(&cx).await?;
    let image = golden_image(home, mechanism)?;
    let probe = probe::Probe::new(home, "probe", &image, mechanism)?;
    let mut row = Row {
        place: place.to_owned(),
        mechanism,
        scale,
        backend: Vec::new(),
        probe: Vec::new(),
        destroy: Vec::new(),
        sixteen: Vec::new(),
        sixteen_probes: Vec::new(),
        bytes: 0,
        full_bytes: 0,
        memory: None,
    };
    // The first pair warms caches and is not counted; who goes first alternates.
    for run in 0..=RUNS {
        let (mut ours, mut bare, mut gone) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for arm in 0..2 {
            if (run + arm) % 2 == 0 {
                let begin = Instant::now();
                let fork = backend.fork(&cx).await?;
                ours = begin.elapsed();
                row.memory = process::memory_of(&home.join("forks").join(fork.id.as_str()).join("data"));
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
    if mechanism.is_copy_on_write() {
        for run in 0..CROWDS {
            for arm in 0..2 {
                if (run + arm) % 2 == 0 {
                    row.sixteen.push(crowd(&backend).await?);
                } else {
                    row.sixteen_probes.push(crowd_of_probes(home, &image, mechanism).await?);
                }
            }
        }
    } else {
        eprintln!("{place}, scale {scale}: pg_dump | psql …");
        dumps.push(Dump { scale, time: dump::measure(&backend).await? });
    }
    Ok(row)
}

/// The time until all of sixteen forks answer.
async fn crowd(backend: &LocalBackend) -> Result<Duration> {
    let cx = Context::new();
    let begin = Instant::now();
    let forks = join_all((0..CROWD).map(|_| backend.fork(&cx))).await;
    let time = begin.elapsed();
    for fork in forks.iter().flatten() {
        backend.destroy(&cx, &fork.id).await?;
    }
    forks.into_iter().collect::<Result<Vec<_>>>().map(|_| time)
}

/// The time until all of sixteen probes answer.
async fn crowd_of_probes(home: &Path, image: &Path, mechanism: Mechanism) -> Result<Duration> {
    let probes: Result<Vec<_>> = (0..CROWD)
        .map(|n| probe::Probe::new(home, &format!("probe{n}"), image, mechanism).map(std::sync::Arc::new))
        .collect();
    let probes = probes?;
    let begin = Instant::now();
    let tasks: Vec<_> =
        probes.iter().cloned().map(|probe| tokio::spawn(async move { probe.fork().await })).collect();
    let running = join_all(tasks).await;
    let time = begin.elapsed();
    for (probe, running) in probes.iter().zip(running) {
        probe.end(running.map_err(|e| Error::internal("a probe ended early").with("error", e))??)?;
    }
    Ok(time)
}

/// The image that the backend has just prepared or used again: of this scale, and a subvolume or not.
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
