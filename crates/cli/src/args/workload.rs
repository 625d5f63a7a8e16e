//! `pgverse workload`: where the statements come from.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{Json, Logs};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("from").required(true).args(["file", "log"]))]
pub(crate) struct Workload {
    /// File with the statements, their weights and parameters
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) logs: Logs,
    #[command(flatten)]
    pub(crate) json: Json,
}
