//! Blocks against pairs, on the same recorded noise: one series of runs of one statement is cut up as each method
//! would have run it. Any difference found in it is false; with one side made 10 % slower it is real.

use pgverse::Result;
use pgverse::bench::{Arm, Round, TransactionBenchmarker};
use pgverse::stats::{log_ratios, ratio_interval};
use pgverse::traits::Benchmarker;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::ground::Arena;
use crate::numbers::{autocorrelation, deviation, mean, p95, share};
use crate::power::{PLAIN, shot};

const RUNS: usize = 4000;
const COMPARISONS: usize = 400;
const RESAMPLES: usize = 1000;
const MOST_PAIRS: usize = 60;
const FEWEST_PAIRS: usize = 6;
/// A real difference, as a factor.
const EFFECT: f64 = 1.10;

/// Which side is faster, and how many runs that took.
struct Finding {
    first: bool,
    second: bool,
    runs: usize,
}

type Method = fn(&[f64], f64, &mut ChaCha8Rng) -> Result<Finding>;

pub(crate) async fn run(seed: u64) -> Result<()> {
    let arena = Arena::open(seed).await?;
    let (wall, unqueued) = record(&arena).await?;
    let logs: Vec<f64> = wall.iter().map(|ms| ms.ln()).collect();
    println!(
        "blocks: {} runs recorded; wall time scatters by {:.0} %, lag-1 autocorrelation {:.2}; {}",
        wall.len(),
        deviation(&logs) * 100.0,
        autocorrelation(&logs),
        arena.load.describe()
    );
    arena.close().await?;
    println!(
        "    {COMPARISONS} comparisons each        false winners   10 % found   runs: median, 95th percentile"
    );
    for (size, welch, bootstrap) in [
        (10, welch::<10> as Method, bootstrap::<10> as Method),
        (20, welch::<20>, bootstrap::<20>),
        (30, welch::<30>, bootstrap::<30>),
    ] {
        row(&format!("blocks of {size}, Welch p<.05"), &wall, welch, seed)?;
        row(&format!("blocks of {size}, bootstrap-t p<.05 and >1 %"), &wall, bootstrap, seed)?;
    }
    row("pairs, wall time", &wall, pairs, seed)?;
    row("blocks of 30, Welch, unqueued time", &unqueued, welch::<30>, seed)?;
    row("pairs, unqueued time (this engine)", &unqueued, pairs, seed)
}

/// The same method on the same places of the series, once as recorded and once with one side slower.
fn row(name: &str, series: &[f64], method: Method, seed: u64) -> Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut wrong, mut found, mut runs) = (0, 0, Vec::new());
    for _ in 0..COMPARISONS {
        let start = rng.random_range(0..series.len() - 2 * MOST_PAIRS);
        let null = method(&series[start..], 1.0, &mut rng)?;
        wrong += usize::from(null.first || null.second);
        let real = method(&series[start..], EFFECT, &mut rng)?;
        found += usize::from(real.second && !real.first);
        #[allow(clippy::cast_precision_loss)]
        runs.push(real.runs as f64);
    }
    println!(
        "    {name:<45} {:>6.1} %     {:>6.1} %     {:.0}, {:.0}",
        share(wrong, COMPARISONS) * 100.0,
        share(found, COMPARISONS) * 100.0,
        pgverse::stats::median(&runs),
        p95(&runs)
    );
    Ok(())
}

/// First all runs of one side, then all of the other; the first is slower by `effect`.
fn blocks<const N: usize>(series: &[f64], effect: f64) -> (Vec<f64>, &[f64]) {
    (series[..N].iter().map(|ms| ms * effect).collect(), &series[N..2 * N])
}

#[allow(clippy::cast_precision_loss)]
fn t_value(a: &[f64], b: &[f64]) -> f64 {
    let error = |x: &[f64]| deviation(x).powi(2) / (x.len() as f64 - 1.0);
    (mean(a) - mean(b)) / (error(a) + error(b)).sqrt().max(f64::MIN_POSITIVE)
}

/// Welch's t test of the two blocks, two-sided at 5 %.
#[allow(clippy::cast_precision_loss)]
fn welch<const N: usize>(series: &[f64], effect: f64, _: &mut ChaCha8Rng) -> Result<Finding> {
    let (a, b) = blocks::<N>(series, effect);
    let error = |x: &[f64]| deviation(x).powi(2) / (N as f64 - 1.0);
    let freedom = (error(&a) + error(b)).powi(2) * (N as f64 - 1.0) / (error(&a).powi(2) + error(b).powi(2));
    let student = StudentsT::new(0.0, 1.0, freedom)
        .map_err(|e| pgverse::Error::internal("no such t distribution").caused_by(e))?;
    let t = t_value(&a, b);
    let significant = 2.0 * (1.0 - student.cdf(t.abs())) < 0.05;
    Ok(Finding { first: significant && t < 0.0, second: significant && t > 0.0, runs: 2 * N })
}

/// What criterion.rs does: the t value against its distribution over resamples of both blocks together, at 5 %,
/// and a difference of means of more than 1 %.
fn bootstrap<const N: usize>(series: &[f64], effect: f64, rng: &mut ChaCha8Rng) -> Result<Finding> {
    let (a, b) = blocks::<N>(series, effect);
    let t = t_value(&a, b);
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let beyond = (0..RESAMPLES)
        .filter(|_| {
            let drawn: Vec<f64> = (0..2 * N).map(|_| all[rng.random_range(0..all.len())]).collect();
            t_value(&drawn[..N], &drawn[N..]).abs() >= t.abs()
        })
        .count();
    let significant = share(beyond, RESAMPLES) < 0.05 && (mean(&a) / mean(b) - 1.0).abs() > 0.01;
    Ok(Finding { first: significant && t < 0.0, second: significant && t > 0.0, runs: 2 * N })
}

/// What this engine does: neighbours in random order, a look after every pair, until the interval at 1 % excludes
/// equality.
fn pairs(series: &[f64], effect: f64, rng: &mut ChaCha8Rng) -> Result<Finding> {
    let (mut slower, mut faster) = (Vec::new(), Vec::new());
    for pair in series.chunks_exact(2).take(MOST_PAIRS) {
        let swap = rng.random::<bool>();
        slower.push(pair[usize::from(swap)] * effect);
        faster.push(pair[usize::from(!swap)]);
        if slower.len() < FEWEST_PAIRS {
            continue;
        }
        let ratio = ratio_interval(&log_ratios(slower.iter().zip(&faster)), 0.01);
        if ratio.high < 1.0 || ratio.low > 1.0 {
            return Ok(Finding { first: ratio.low > 1.0, second: ratio.high < 1.0, runs: 2 * slower.len() });
        }
    }
    Ok(Finding { first: false, second: false, runs: 2 * slower.len() })
}

/// Wall times of single runs one after the other, and the same without waits for a processor.
async fn record(arena: &Arena) -> Result<(Vec<f64>, Vec<f64>)> {
    let lab = arena.lab().await?;
    let round = Round {
        arms: vec![Arm { name: "recorded".to_owned(), enter: Vec::new() }],
        shots: vec![shot(PLAIN); 50],
    };
    let (mut wall, mut unqueued) = (Vec::with_capacity(RUNS), Vec::with_capacity(RUNS));
    while wall.len() < RUNS {
        let samples = TransactionBenchmarker.measure(&arena.cx, &lab, &round).await?;
        wall.extend(samples.iter().map(|s| s.wall_ms));
        unqueued.extend(samples.iter().map(|s| s.unqueued_ms.unwrap_or(s.wall_ms)));
    }
    Ok((wall, unqueued))
}
