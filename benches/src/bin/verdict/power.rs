//! Power: a planted slowdown of known size must be found, in few pairs.

use std::sync::Arc;

use pgverse::Result;
use pgverse::bench::Shot;
use pgverse::competition::{Competition, RaceOptions};
use pgverse::stats::{log_ratios, median, ratio_interval};
use pgverse::types::{Candidate, Change, Limits, Operation, Problem, Report, StatementKind, Workload};
use pgverse_testkit::FixedAgent;

use crate::ground::{Arena, read};
use crate::numbers::{Noise, mean, p95, share};

pub(crate) const PLAIN: &str = "SELECT count(*), sum(amount) FROM things WHERE owner = 77";
const PAIRS: u32 = 60;

pub(crate) async fn run(trials: usize, seed: u64) -> Result<()> {
    let arena = Arena::open(seed).await?;
    let trial = RaceOptions { max_rounds: PAIRS, measuring_seconds: 300.0, ..RaceOptions::default() };
    for (name, slowdown, target) in [
        ("10 % slower", 1.10, "at least 95 % within 60 pairs"),
        ("2 times as slow", 2.0, "95th percentile at most 8 pairs"),
    ] {
        let planted = plant(&arena, slowdown, seed).await?;
        let (mut found, mut needed, mut run, mut effects) = (0, Vec::new(), Vec::new(), Vec::new());
        let mut noise = Noise::default();
        for number in 0..trials {
            let report = compete(&arena, &planted, trial.clone(), seed + number as u64).await?;
            if report.verdict.winner.is_some() {
                found += 1;
            }
            if let Some(samples) = report.trials.iter().flat_map(|t| &t.samples).next() {
                let of_trial = log_ratios(samples.baseline().iter().zip(samples.candidate()));
                needed.push(certain_after(
                    &of_trial,
                    trial.min_rounds as usize,
                    report.problem.limits.error_rate,
                ));
                run.push(pairs(of_trial.len()));
                effects.extend(of_trial);
            }
            noise.add(&report.trials);
        }
        println!(
            "power: {name} (measured {:.3} times, mean of all pairs {:.3}): {found} of {trials} certified as faster at all ({:.1} %); pairs used until then: median {:.0}, 95th percentile {:.0} (run, for an interval that ranks: {:.0}, {:.0}); target {target}",
            median(&effects).exp(),
            mean(&effects).exp(),
            share(found, trials) * 100.0,
            median(&needed),
            p95(&needed),
            median(&run),
            p95(&run)
        );
        println!("    {}; {}", noise.describe(), arena.load.describe());
    }
    arena.close().await
}

/// The pairs after which the interval first excluded equality; all if it never did. The race looks after each pair too,
/// but goes on until the interval is narrow.
fn certain_after(effects: &[f64], fewest: usize, error_rate: f64) -> f64 {
    let certain = |n: &usize| ratio_interval(&effects[..*n], error_rate).high < 1.0;
    pairs((fewest..effects.len()).find(certain).unwrap_or(effects.len()))
}

#[allow(clippy::cast_precision_loss)] // At most PAIRS.
fn pairs(count: usize) -> f64 {
    count as f64
}

fn planted(rows: f64) -> String {
    format!("{PLAIN} AND (SELECT count(*) FROM generate_series(1, {rows:.0})) > 0")
}

/// The plain statement with so much more work that it takes `slowdown` times as long, found by measuring both as the
/// trials do: in competitions, in the same interleaving and by the same clock.
async fn plant(arena: &Arena, slowdown: f64, seed: u64) -> Result<String> {
    const PAIRS: u32 = 40;
    const STEPS: u64 = 6;
    /// Share of the planted work by which it may miss.
    const CLOSE: f64 = 0.03;
    let options = RaceOptions {
        min_rounds: PAIRS,
        max_rounds: PAIRS,
        measuring_seconds: 300.0,
        falsification_databases: 0,
        ..RaceOptions::default()
    };
    let mut rows = 10_000.0 * (slowdown - 1.0);
    for step in 0..STEPS {
        let report =
            compete(arena, &planted(rows), options.clone(), seed.wrapping_add(1_000_000 + step)).await?;
        let Some(samples) = report.trials.iter().flat_map(|t| &t.samples).next() else { continue };
        let found = median(&log_ratios(samples.baseline().iter().zip(samples.candidate()))).exp();
        let missed = (slowdown - 1.0) / (found - 1.0).max(0.01);
        rows *= missed.clamp(0.2, 5.0);
        if (missed - 1.0).abs() < CLOSE {
            break;
        }
    }
    Ok(planted(rows))
}

pub(crate) fn shot(sql: &str) -> Shot {
    Shot {
        arm: 0,
        statement: "s".into(),
        parameter_set: "none".into(),
        sql: sql.to_owned(),
        values: Vec::new(),
        kind: StatementKind::Read,
        repetitions: 1,
        timeout_ms: 60_000,
    }
}

async fn compete(arena: &Arena, planted: &str, options: RaceOptions, seed: u64) -> Result<Report> {
    let rewrite = Operation::RewriteStatement {
        statement: "planted".into(),
        sql: PLAIN.to_owned(),
        rule: "without the planted work".to_owned(),
    };
    let limits = Limits { min_gain: 0.0, ..Limits::default() };
    Competition::builder()
        .problem(Problem { limits, ..Problem::default() })
        .workload(Workload { statements: vec![read("planted", planted)] })
        .backend(arena.held.clone())
        .agent(Arc::new(FixedAgent::new("plain", vec![Candidate::new("plain", Change::of(rewrite))])))
        .options(options)
        .seed(seed)
        .build()?
        .run()
        .await
}
