//! Workload intake: one figure for each claim, everything measured in this run on real PostgreSQL.
//!
//! `cargo run --release -p pgverse-benches --bin workload [-- FIGURE…]`

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod parameters;

use clap::{Parser, ValueEnum};
use pgverse::Result;

/// Measures what becomes of workloads.
#[derive(Debug, Parser)]
struct Options {
    /// Which figures; all if none is named.
    figures: Vec<Figure>,
    /// Size of the demo shop.
    #[arg(long, default_value_t = 0.1)]
    scale: f64,
}

/// One claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// Normalized statements that get values that run and find what they promise.
    Parameters,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let figures =
        if options.figures.is_empty() { Figure::value_variants() } else { options.figures.as_slice() };
    for figure in figures {
        match figure {
            Figure::Parameters => parameters::run(options.scale).await?,
        }
    }
    Ok(())
}
