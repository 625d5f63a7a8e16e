//! Arguments of `pgverse promote`, `rollback` and `promotions`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use pgverse::promote::Policy;

use super::{Json, share};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("mode").required(true).args(["dry_run", "approve"])))]
pub(crate) struct Promote {
    /// A report that --json wrote
    #[arg(value_name = "REPORT.json")]
    pub(crate) report: PathBuf,
    /// Connection string of the database; changed only with --approve
    #[arg(long, value_name = "URL", env = "PGVERSE_SOURCE", hide_env_values = true)]
    pub(crate) source: String,
    /// Check everything and print exactly what would run
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Carry out the plan with this hash
    #[arg(long, value_name = "HASH")]
    pub(crate) approve: Option<String>,
    /// Watch the statistics of statements this long afterwards, such as 5m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) watch: Option<Duration>,
    /// Undo it if no plan uses it or a statement becomes slower by more than --max-regression
    #[arg(long)]
    pub(crate) auto_rollback: bool,
    /// Part by which a statement may become slower; that of the report if not given
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) max_regression: Option<f64>,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// Number of the promotion; without it those that could be undone are listed
    #[arg(value_name = "ID")]
    pub(crate) id: Option<i64>,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Promotions {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Connection string of the database
    #[arg(long, value_name = "URL", env = "PGVERSE_SOURCE", hide_env_values = true)]
    pub(crate) source: String,
}

/// How long is waited for production.
#[derive(Debug, Args)]
pub(crate) struct Patience {
    /// Longest wait in the queue for a lock at one attempt
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = humantime::parse_duration)]
    pub(crate) lock_timeout: Duration,
    /// Longest wait of a concurrent build for older transactions; meanwhile it blocks nobody
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    pub(crate) max_wait: Duration,
    /// Longest time over all attempts at one action
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = humantime::parse_duration)]
    pub(crate) patience: Duration,
}

impl Patience {
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            lock_timeout: self.lock_timeout,
            max_wait: self.max_wait,
            patience: self.patience,
            ..Policy::default()
        }
    }
}
