//! How true the verdict is: one line a figure, everything measured in this run on real PostgreSQL.
//!
//! `cargo run --release -p pgverse-benches --bin verdict [-- FIGURE…]`

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod aa;
mod blocks;
mod cases;
mod demo;
mod ground;
mod load;
mod numbers;
mod power;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use pgverse::Result;

/// Measures how true the verdict is.
#[derive(Debug, Parser)]
struct Options {
    /// Which figures; all if none is named.
    figures: Vec<Figure>,
    /// Competitions of `aa` and of each part of `power`, instead of 300 and 60.
    #[arg(long)]
    trials: Option<usize>,
    /// Seed of every random order and of the load.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// `demo`: size of the shop.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// `demo`: a report of `pgverse demo --json`, instead of running it.
    #[arg(long)]
    report: Option<PathBuf>,
}

/// One claim about the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// Competitions between equals: how many are crowned.
    Aa,
    /// Planted effects: how many are found, and within how many pairs.
    Power,
    /// Fixed-size blocks against interleaved pairs on the same recorded noise.
    Blocks,
    /// An index that is best for one parameter set and bad for another.
    Parameters,
    /// Indexes that win reads and slow writes down.
    Writes,
    /// Winners of two universes that help each other, and such as collide.
    Final,
    /// Time spent measuring the demo against the naive design.
    Demo,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let figures =
        if options.figures.is_empty() { Figure::value_variants() } else { options.figures.as_slice() };
    for figure in figures {
        match figure {
            Figure::Aa => aa::run(options.trials.unwrap_or(300), options.seed).await?,
            Figure::Power => power::run(options.trials.unwrap_or(60), options.seed).await?,
            Figure::Blocks => blocks::run(options.seed).await?,
            Figure::Parameters => cases::parameters().await?,
            Figure::Writes => cases::writes().await?,
            Figure::Final => cases::finals().await?,
            Figure::Demo => demo::run(options.report.as_deref(), options.scale).await?,
        }
    }
    Ok(())
}
