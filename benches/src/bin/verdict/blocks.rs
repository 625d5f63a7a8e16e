//! Blocks against pairs, on the same recorded noise.

use pgverse::Result;
use pgverse::bench::{Arm, Round, TransactionBenchmarker};
use pgverse::traits::Benchmarker;

use crate::ground::Arena;
use crate::numbers::{autocorrelation, deviation};
use crate::power::shot;

const RUNS: usize = 4000;

pub(crate) async fn run(seed: u64) -> Result<()> {
    let arena = Arena::open(seed).await?;
    let series = record(&arena).await?;
    let logs: Vec<f64> = series.iter().map(|ms| ms.ln()).collect();
    println!(
        "blocks: {} runs recorded; one scatters by {:.0} %, neighbours agree by {:.2}; {}",
        series.len(),
        deviation(&logs) * 100.0,
        autocorrelation(&logs),
        arena.load.describe()
    );
    arena.close().await
}

async fn record(arena: &Arena) -> Result<Vec<f64>> {
    let lab = arena.lab().await?;
    let round = Round {
        arms: vec![Arm { name: "recorded".to_owned(), enter: Vec::new() }],
        shots: vec![shot("SELECT count(*), sum(amount) FROM things WHERE owner = 77"); 50],
    };
    let mut series = Vec::with_capacity(RUNS);
    while series.len() < RUNS {
        let samples = TransactionBenchmarker.measure(&arena.cx, &lab, &round).await?;
        series.extend(samples.iter().map(|s| s.wall_ms));
    }
    Ok(series)
}
