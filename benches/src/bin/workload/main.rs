//! How well workloads are read: one figure at a time, measured in this run beside the programs of others.
//!
//! `cargo run --release -p pgverse-benches --bin workload -- FIGURE… [--regress PATH] [--megabytes N]`

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints and may panic")]

mod logs;
mod parameters;
mod regress;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures how well workloads are read.
#[derive(Debug, Parser)]
struct Options {
    /// Which figures; `logs` if none is named.
    figures: Vec<Figure>,
    /// `regress`: folder of SQL files, such as src/test/regress/sql of PostgreSQL's source.
    #[arg(long)]
    regress: Option<PathBuf>,
    /// `logs`: size of each generated log.
    #[arg(long, default_value_t = 1000)]
    megabytes: u64,
    /// `logs`: processes of pgbadger, each number in a run of its own.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    jobs: Vec<u32>,
}

/// One claim about workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// Server logs beside pgbadger.
    Logs,
    /// SQL files cut as psql cuts them.
    Regress,
    /// Normalized statements that get values that run and find what they promise.
    Parameters,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let figures = if options.figures.is_empty() { vec![Figure::Logs] } else { options.figures.clone() };
    for figure in figures {
        match figure {
            Figure::Parameters => parameters::run(0.1).await.expect("the figure can be measured"),
            Figure::Logs => logs::run(options.megabytes, &options.jobs).await,
            Figure::Regress => {
                regress::run(options.regress.as_deref().expect("--regress names a folder of SQL files"))
                    .await;
            }
        }
    }
}
