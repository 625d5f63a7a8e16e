//! `pgverse load`: readers and writers together on a fork.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::{Json, Logs};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("statements").required(true).args(["workload", "log"]))]
pub(crate) struct Load {
    /// Connection string of the database; it is only read, the load is put on a fork
    #[arg(long, value_name = "URL", env = "PGVERSE_SOURCE", hide_env_values = true)]
    pub(crate) source: String,
    /// File with the statements, their weights and parameters
    #[arg(long, value_name = "FILE")]
    pub(crate) workload: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) logs: Logs,
    /// Sessions that send calls
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) clients: u32,
    /// Calls per second of all clients together; as fast as the answers come if not given
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<f64>,
    /// How long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) time: Duration,
    /// Longest time of one statement
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = humantime::parse_duration)]
    pub(crate) statement_timeout: Duration,
    /// How the fork is made: local or template
    #[arg(long, value_name = "NAME|URL", default_value = "local")]
    pub(crate) backend: String,
    /// Seed of the order of calls
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) json: Json,
}
