//! Promotion under fire: one line a figure, everything done by the real promoter on real PostgreSQL servers.
//!
//! `cargo run --release -p pgverse-benches --bin promotion [-- FIGURE…]`

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod ground;
mod kills;
mod load;
mod locks;
mod realized;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use pgverse::Result;

/// Shows what promotion does to a server in production.
#[derive(Debug, Parser)]
struct Options {
    /// Which figures; all if none is named.
    figures: Vec<Figure>,
    /// `kills`: how often the promoter is killed.
    #[arg(long, default_value_t = 30)]
    kills: u32,
    /// `kills`: how often the server is killed.
    #[arg(long, default_value_t = 5)]
    server_kills: u32,
    /// `load`: pgbench's scale factor.
    #[arg(long, default_value_t = 10)]
    bench_scale: u32,
    /// `realized`: size of the demo shop.
    #[arg(long, default_value_t = 0.2)]
    scale: f64,
    /// Seed of the random moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Promote a plan on the server at this socket and end: what `kills` starts and kills.
    #[arg(long, hide = true, num_args = 2, value_names = ["SOCKET", "PLAN"])]
    child: Option<Vec<PathBuf>>,
}

/// One claim about promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// pgbench beside a promotion of an index, a view, statistics and a constraint.
    Load,
    /// The lock situations that leave invalid indexes behind elsewhere.
    Locks,
    /// Kill -9 of the promoter and of the server at random moments.
    Kills,
    /// The ratio after promotion against the verdict's interval.
    Realized,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    if let Some([socket, plan]) = options.child.as_deref() {
        return kills::child(socket, plan).await;
    }
    let figures =
        if options.figures.is_empty() { Figure::value_variants() } else { options.figures.as_slice() };
    for figure in figures {
        match figure {
            Figure::Load => Box::pin(load::run(options.bench_scale)).await?,
            Figure::Locks => Box::pin(locks::run()).await?,
            Figure::Kills => Box::pin(kills::run(options.kills, options.server_kills, options.seed)).await?,
            Figure::Realized => Box::pin(realized::run(options.scale, options.seed)).await?,
        }
    }
    Ok(())
}
