//! Server logs, wherever a workload can be given.

use std::path::PathBuf;

use clap::Args;
use pgverse::workload::log::{Filter, Options};

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Server logs (stderr, csvlog or jsonlog; also .gz, a folder, or - for standard input), oldest first
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) log: Vec<PathBuf>,
    /// The server's log_line_prefix, for stderr logs; detected if not given
    #[arg(long, value_name = "PREFIX", requires = "log")]
    pub(crate) log_prefix: Option<String>,
    /// Count only the statements of this database
    #[arg(long, value_name = "NAME", requires = "log")]
    pub(crate) log_database: Option<String>,
    /// Count only the statements of this user
    #[arg(long, value_name = "NAME", requires = "log")]
    pub(crate) log_user: Option<String>,
    /// Statements to keep at the most, those that took most time first
    #[arg(long, value_name = "N", default_value_t = 100, requires = "log")]
    pub(crate) log_statements: usize,
}

impl Logs {
    /// What is read.
    pub(crate) fn options(&self) -> Options {
        Options {
            prefix: self.log_prefix.clone(),
            filter: Filter { database: self.log_database.clone(), user: self.log_user.clone() },
            most_statements: self.log_statements,
            ..Options::of(self.log.clone())
        }
    }
}
