//! `pgverse workload`: where the statements come from.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::{Json, Logs};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("from").required(true).args(["file", "stats", "log"]))]
pub(crate) struct Workload {
    /// Connection string of the database; it is only read
    #[arg(long, value_name = "URL", env = "PGVERSE_SOURCE", hide_env_values = true)]
    pub(crate) source: Option<String>,
    /// File with the statements, their weights and parameters
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) logs: Logs,
    #[command(flatten)]
    pub(crate) stats: Stats,
    /// The problem in plain words: only the statements that it is about
    #[arg(long, value_name = "TEXT", requires = "stats", conflicts_with_all = ["file", "log"])]
    pub(crate) problem: Option<String>,
    /// Run each statement on a fork and show its plan, the cause of its time and the next step
    #[arg(long)]
    pub(crate) explain: bool,
    /// How the fork is made: local or template
    #[arg(long, value_name = "NAME|URL", default_value = "local")]
    pub(crate) backend: String,
    /// Longest time of one statement
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = humantime::parse_duration)]
    pub(crate) statement_timeout: Duration,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// Statements out of pg_stat_statements.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Take the statements from pg_stat_statements, with values found on a fork
    #[arg(long)]
    pub(crate) stats: bool,
    /// Only what happens from now on for this time, such as 60s
    #[arg(long, value_name = "TIME", requires = "stats", conflicts_with_all = ["file", "log"], conflicts_with = "since", value_parser = humantime::parse_duration)]
    pub(crate) interval: Option<Duration>,
    /// Only what happened since this snapshot, which --save-snapshot wrote
    #[arg(long, value_name = "SNAPSHOT.json", requires = "stats", conflicts_with_all = ["file", "log"])]
    pub(crate) since: Option<PathBuf>,
    /// Write what pg_stat_statements holds now, for --since
    #[arg(long, value_name = "SNAPSHOT.json", requires = "stats", conflicts_with_all = ["file", "log"])]
    pub(crate) save_snapshot: Option<PathBuf>,
    /// Only statements of this role
    #[arg(long, value_name = "ROLE", requires = "stats", conflicts_with_all = ["file", "log"])]
    pub(crate) user: Option<String>,
    /// Only statements that name this table
    #[arg(long, value_name = "NAME", requires = "stats", conflicts_with_all = ["file", "log"])]
    pub(crate) table: Option<String>,
    /// Only statements with at least this mean time, such as 200ms
    #[arg(long, value_name = "TIME", requires = "stats", conflicts_with_all = ["file", "log"], value_parser = humantime::parse_duration)]
    pub(crate) min_mean: Option<Duration>,
    /// At most this many, those that take longest in total
    #[arg(long, value_name = "N", requires = "stats", conflicts_with_all = ["file", "log"], default_value_t = 20)]
    pub(crate) top: usize,
}
