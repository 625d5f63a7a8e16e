//! The command line.

pub(crate) mod export;
mod load;
mod log;
mod promote;
mod workload;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand};
use pgverse::types::{Limits, Objective, Problem};

use crate::output::json::JsonTarget;

pub(crate) use load::Load;
pub(crate) use log::Logs;
pub(crate) use promote::{Promote, Promotions, Rollback};
pub(crate) use workload::{Stats, Workload};

/// Make a slow PostgreSQL database faster, and prove it.
///
/// Forks the database, lets strategies compete on the forks, believes only paired measurements, and names a
/// winner, or none.
#[derive(Debug, Parser)]
#[command(name = "pgverse", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Exit status: 0 done (demo, compete: a winner; same: the same), 1 failed, 2 wrong usage or input, 3 no winner (same:
different), 4 cannot be told (same), 130 or 143 stopped by a signal. PGVERSE_LOG=debug shows what is done; progress and logs go to standard error.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build the demo shop and let the strategies compete on it
    Demo(Demo),
    /// Let the strategies compete on forks of your database
    Compete(Compete),
    /// Tell whether two queries give the same answers
    Same(Same),
    /// Print what is understood of a workload
    Workload(Workload),
    /// Put readers and writers on a fork and tell how long they wait
    Load(Load),
    /// Judge the trials that a report recorded again
    Judge(ReportFile),
    /// Print the promotion plan of a report and its hash
    Plan(ReportFile),
    /// Carry out the promotion plan of a report on the source, without blocking production
    Promote(Promote),
    /// Undo a promotion
    Rollback(Rollback),
    /// Show the promotions of a database
    Promotions(Promotions),
    /// Write the winner's change as migration files, and rewritten statements as patches
    Export(export::Export),
    /// Make, list and destroy forks by hand
    #[command(subcommand)]
    Fork(Fork),
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Size of the shop: 1 is 100,000 users and 500,000 orders; 0.02 is the smallest
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub(crate) scale: f64,
    #[command(flatten)]
    pub(crate) rules: Rules,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("statements").required(true).args(["file", "stats", "log"]))]
pub(crate) struct Compete {
    /// Connection string of the database; it is only read
    #[arg(long, value_name = "URL", env = "PGVERSE_SOURCE", hide_env_values = true)]
    pub(crate) source: String,
    /// File with the statements that matter, their weights and parameters
    #[arg(id = "file", long = "workload", value_name = "FILE")]
    pub(crate) workload: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) logs: Logs,
    #[command(flatten)]
    pub(crate) stats: Stats,
    /// The problem in plain words, for the report; with --stats only the statements that it is about take part
    #[arg(long, value_name = "TEXT")]
    pub(crate) problem: Option<String>,
    #[command(flatten)]
    pub(crate) rules: Rules,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Same {
    /// Connection string of the database; it is only read
    #[arg(long, value_name = "URL", env = "PGVERSE_SOURCE", hide_env_values = true)]
    pub(crate) source: String,
    /// File with the one query, and its parameters as in a workload
    #[arg(value_name = "BEFORE.sql")]
    pub(crate) before: PathBuf,
    /// File with the other query; it is asked with the same parameters
    #[arg(value_name = "AFTER.sql")]
    pub(crate) after: PathBuf,
    /// How the fork is made: local or template
    #[arg(long, value_name = "NAME|URL", default_value = "local")]
    pub(crate) backend: String,
    /// Tiny databases on which both are tried, made to find differences that your data does not show
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) databases: u32,
    /// Seed of the tiny databases
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// How a competition is run.
#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Agents that take part; all of them if not given
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) agents: Vec<String>,
    /// How forks are made: local or template
    #[arg(long, value_name = "NAME|URL", default_value = "local")]
    pub(crate) backend: String,
    /// Most universes alive at once
    #[arg(long, value_name = "N", conflicts_with = "sequential")]
    pub(crate) parallel: Option<NonZeroUsize>,
    /// One universe after the other
    #[arg(long)]
    pub(crate) sequential: bool,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// Longest time of measuring in one universe, such as 2m; more time makes smaller gains certain
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) measure: Duration,
    /// Longest time of one statement
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = humantime::parse_duration)]
    pub(crate) statement_timeout: Duration,
    /// Stop after this time, such as 10m, and judge what was measured by then
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) deadline: Option<Duration>,
    /// Seed of every random order
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Price of one GiB stored for one hour, for the comparison with full clones
    #[arg(long, value_name = "PRICE", default_value_t = 0.0, value_parser = price)]
    pub(crate) price_gib_hour: f64,
    /// Price of one fork running for one hour, for the comparison with full clones
    #[arg(long, value_name = "PRICE", default_value_t = 0.0, value_parser = price)]
    pub(crate) price_fork_hour: f64,
}

/// What is made faster, and what a winner may cost.
#[derive(Debug, Args)]
pub(crate) struct Bounds {
    /// Make the slowest part of all calls faster, such as 5%, instead of their total time
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) tail: Option<f64>,
    /// Make every statement count alike, however long it takes, instead of the total time
    #[arg(long, conflicts_with = "tail")]
    pub(crate) geometric_mean: bool,
    /// Smallest gain worth a change, such as 5%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) min_gain: Option<f64>,
    /// Part by which any single read may slow down, such as 10%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) max_regression: Option<f64>,
    /// Factor by which writes may slow down, such as 1.2
    #[arg(long, value_name = "FACTOR", value_parser = slowdown)]
    pub(crate) max_write_slowdown: Option<f64>,
    /// Extra storage that a winner may take, such as 200MB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) max_storage: Option<u64>,
    /// How old an answer may be, such as 5m; without it every answer must be current
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) max_staleness: Option<Duration>,
}

impl Bounds {
    /// The problem with these bounds instead of its own, where they are given.
    pub(crate) fn of(&self, problem: Problem) -> Problem {
        let usual = problem.limits;
        let limits = Limits {
            min_gain: self.min_gain.unwrap_or(usual.min_gain),
            max_regression: self.max_regression.unwrap_or(usual.max_regression),
            max_write_slowdown: self.max_write_slowdown.unwrap_or(usual.max_write_slowdown),
            max_storage_bytes: self.max_storage.or(usual.max_storage_bytes),
            max_staleness_seconds: self
                .max_staleness
                .map_or(usual.max_staleness_seconds, |age| Some(age.as_secs_f64())),
            ..usual
        };
        let objective = match self.tail {
            Some(share) => Objective::TailTime { share },
            None if self.geometric_mean => Objective::GeometricMean,
            None => problem.objective,
        };
        Problem { objective, limits, ..problem }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Json {
    /// Write JSON to this file; `-` prints it, and nothing else, on standard output
    #[arg(long, value_name = "FILE|-")]
    pub(crate) json: Option<JsonTarget>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportFile {
    /// A report that --json wrote
    #[arg(value_name = "REPORT.json")]
    pub(crate) report: PathBuf,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Fork {
    /// Make a fork that stays
    Create {
        #[command(flatten)]
        from: From,
        /// How long it stays at the least; after that any sweep may destroy it
        #[arg(long, value_name = "TIME", default_value = "6h", value_parser = humantime::parse_duration)]
        ttl: Duration,
        #[command(flatten)]
        json: Json,
    },
    /// Show the forks that exist, also those of runs that died
    List {
        #[command(flatten)]
        from: From,
        #[command(flatten)]
        json: Json,
    },
    /// Destroy one fork
    Destroy {
        /// The fork, as `fork list` names it
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        from: From,
    },
    /// Destroy the forks of runs that died
    Sweep {
        #[command(flatten)]
        from: From,
        #[command(flatten)]
        json: Json,
    },
}

/// What is forked, and how.
#[derive(Debug, Args)]
pub(crate) struct From {
    /// Connection string of the database; the demo shop if not given
    #[arg(long, value_name = "URL", env = "PGVERSE_SOURCE", hide_env_values = true)]
    pub(crate) source: Option<String>,
    /// How forks are made: local (taken for a new one if not given) or template
    #[arg(long, value_name = "NAME|URL")]
    pub(crate) backend: Option<String>,
}

/// A size as PostgreSQL's settings spell them: kB, MB, GB, TB are powers of 1024.
fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1024.0,
        "m" | "mb" => 1024.0 * 1024.0,
        "g" | "gb" => 1024.0 * 1024.0 * 1024.0,
        "t" | "tb" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err("the unit is B, kB, MB, GB or TB, such as 200MB".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| "a number with a unit, such as 200MB".to_owned())?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Not negative; a byte more or less.
    Ok((number * factor) as u64)
}

fn price(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(price) if price.is_finite() && price >= 0.0 => Ok(price),
        _ => Err("a price is a number of at least 0, such as 0.02".to_owned()),
    }
}

/// A share above 0 and up to 1, also in percent.
fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = text.trim().strip_suffix('%').map_or((text.trim(), 1.0), |number| (number, 100.0));
    match number.trim().parse::<f64>() {
        Ok(number) if number > 0.0 && number <= unit => Ok(number / unit),
        _ => Err("a share of all calls, such as 5%".to_owned()),
    }
}

fn slowdown(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor >= 1.0 => Ok(factor),
        _ => Err("a factor of at least 1, such as 1.2".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_and_shares_are_read_as_people_write_them() {
        assert_eq!(bytes("200MB"), Ok(200 * 1024 * 1024));
        assert_eq!(bytes("1.5 gb"), Ok(3 << 29));
        assert_eq!(bytes("7"), Ok(7));
        assert!(bytes("many").is_err());
        assert!(bytes("3 parsecs").is_err());
        assert!(slowdown("0.5").is_err());
        assert_eq!((share("5%"), share("0.25")), (Ok(0.05), Ok(0.25)));
        assert!(price("nan").is_err() && price("-1").is_err() && price("0.02").is_ok());
        assert!(share("0%").is_err() && share("101 %").is_err() && share("all").is_err());
    }
}
