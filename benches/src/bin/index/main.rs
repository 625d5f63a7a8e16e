//! Index advice side by side: every set of indexes, ours and those that others recommend, built and measured on one
//! fork in one run, interleaved.
//!
//! `cargo run --release -p pgverse-benches --bin index [-- --rounds 3]`

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

mod advisor;
mod by_hand;
mod measure;
mod sets;
mod table;
mod whole;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use clap::Parser;
use pgverse::competition::{Competition, RaceOptions};
use pgverse::fork_backends::local::{GoldenSource, LocalBackend, LocalConfig};
use pgverse::traits::{Agent, ForkBackend, Probe};
use pgverse::types::{Brief, Candidate, Change, Limits, Problem};
use pgverse::{Context, Error, Result};

use advisor::Budget;
use sets::{Data, Set};

/// Compares sets of indexes by the clock.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Options {
    /// The database.
    #[arg(long, value_enum, default_value = "shop")]
    data: Data,
    /// Rounds; each runs every distinct plan of every statement once, in random order.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Its folder, if it is not one of the repository.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Statements that are left out.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Budgets of our own sets: percent of the tables' size, or megabytes, as in `250MB`. The default is 10, 25, 50
    /// and 100; whole competitions know megabytes only, and no bound unless one is given.
    #[arg(long, value_delimiter = ',')]
    budgets: Vec<Budget>,
    /// Seconds that our agent may take for each budget; the engine's own default is the same.
    #[arg(long, default_value_t = 240.0)]
    advisor_seconds: f64,
    /// How many times its time a write may take with our own sets. The default is what the sets made by hand take;
    /// those of others know no bound.
    #[arg(long, default_value_t = by_hand::WRITES)]
    writes: f64,
    /// Only the sets whose names contain one of these, beside the baseline and our own.
    #[arg(long, value_delimiter = ',')]
    sets: Vec<String>,
    /// Seed of the random order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead: the winners of whole competitions, with rewrites and views, beside those made by hand.
    #[arg(long)]
    whole: bool,
    /// Of these only those whose answers are current.
    #[arg(long, requires = "whole")]
    current: bool,
    /// Of these only those whose answers may be a minute old.
    #[arg(long, requires = "whole", conflicts_with = "current")]
    old: bool,
    /// Print each statement's time with each set, and why our sets are as they are.
    #[arg(long)]
    verbose: bool,
}

/// Takes a universe and its workbench for the whole comparison; proposes nothing.
#[derive(Debug)]
struct Comparison {
    options: Options,
    sets: Vec<Set>,
}

#[async_trait]
impl Agent for Comparison {
    fn name(&self) -> &str {
        "comparison"
    }

    async fn propose(&self, cx: &Context, probe: &dyn Probe, brief: &Brief) -> Result<Vec<Candidate>> {
        let bench = probe.workbench().ok_or_else(|| Error::internal("there is no workbench"))?;
        let mut sets = Vec::new();
        let budgets = match self.options.budgets.as_slice() {
            _ if self.options.whole => Vec::new(),
            [] => [10, 25, 50, 100].map(Budget::Percent).to_vec(),
            given => given.to_vec(),
        };
        for budget in budgets {
            sets.push(advisor::ours(cx, probe, brief, budget, &self.options).await?);
        }
        sets.extend(self.sets.iter().cloned());
        let rows = measure::measure(cx, bench, brief, &sets, &self.options).await?;
        table::print(brief, &sets, &rows, self.options.verbose);
        Ok(Vec::new())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let ours = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data").join(options.data.name());
    let folder = options.folder.clone().unwrap_or_else(ours);
    let golden = GoldenSource::Script {
        name: options.data.name().to_owned(),
        sql: sets::script(&folder.join("schema.sql"))?,
    };
    let home = tempfile::Builder::new()
        .prefix("index")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .map_err(|e| Error::internal("no directory can be made").caused_by(e))?;
    let config = LocalConfig { home: Some(home.path().to_owned()), ..LocalConfig::new(golden) };
    let backend: Arc<dyn ForkBackend> = Arc::new(LocalBackend::new(config)?);
    let workload = sets::workload(&folder.join("workload.sql"), &options.without)?;
    let sets = if options.whole {
        let mut sets = vec![Set::new("none", Change::default())];
        sets.extend(by_hand::by_hand(&folder, options.data.best_by_hand(), &mut Vec::new())?);
        sets.extend(whole::winners(&workload, &backend, &options).await?);
        sets
    } else {
        sets::read(options.data, &folder, &options.sets)?
    };
    let limits = Limits { max_write_slowdown: options.writes, ..Limits::default() };
    let report = Competition::builder()
        .workload(workload)
        .problem(Problem { limits, ..Problem::default() })
        .backend(backend)
        .agent(Arc::new(Comparison { options, sets }))
        .options(RaceOptions { agent_timeout_seconds: 86_400.0, ..RaceOptions::default() })
        .build()?
        .run()
        .await?;
    match report.universes.into_iter().find_map(|u| u.error) {
        Some(error) => Err(Error::internal(error)),
        None => Ok(()),
    }
}
