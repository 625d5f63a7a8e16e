//! What a host asks for. Read from JSON; unknown fields are refused, absent ones have the library's defaults.

use std::path::PathBuf;
use std::time::Duration;

use pgverse_core::competition::RaceOptions;
use pgverse_core::pg::Dsn;
use pgverse_core::types::{CostModel, Problem, Report, Workload};
use pgverse_core::{Error, Result, workload};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::backends::Origin;
use crate::demo::Demo;

/// A request that can be read from a host's JSON.
pub trait Call: DeserializeOwned {
    /// Reads it.
    ///
    /// # Errors
    /// `InvalidInput`, with the field, for whatever does not fit.
    fn read(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|e| Error::invalid("the request cannot be read").caused_by(e))
    }
}

impl<T: DeserializeOwned> Call for T {}

/// A competition.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompeteRequest {
    /// Connection string of the database as libpq takes it; it is only read. The demo shop if absent.
    #[schemars(with = "Option<String>")]
    pub source: Option<SecretString>,
    /// Size of the demo shop, where there is no source: 1 is 100,000 users and 500,000 orders.
    pub demo_scale: f64,
    /// The statements; those of the demo if absent, which needs the demo shop.
    pub workload: Option<WorkloadInput>,
    /// What is to be made better, and within which bounds.
    pub problem: Option<Problem>,
    /// Agents by name; all that the library has if absent. Agents of the host's own are added to them.
    pub agents: Option<Vec<String>>,
    /// How forks are made: a backend's name or URL.
    pub backend: String,
    /// Bounds of each race.
    pub options: RaceOptions,
    /// Most universes alive at once; unlimited if absent.
    pub parallel: Option<usize>,
    /// Seed of every random order.
    pub seed: u64,
    /// Stop after so many seconds, and judge what was measured by then.
    pub deadline_seconds: Option<f64>,
    /// Prices, for the comparison of forks with full clones.
    pub cost_model: CostModel,
}

impl Default for CompeteRequest {
    fn default() -> Self {
        Self {
            source: None,
            demo_scale: 1.0,
            workload: None,
            problem: None,
            agents: None,
            backend: "local".to_owned(),
            options: RaceOptions::default(),
            parallel: None,
            seed: 0,
            deadline_seconds: None,
            cost_model: CostModel::default(),
        }
    }
}

/// The statements of a competition: exactly one of these.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadInput {
    /// A file of SQL, JSON or TOML.
    File(PathBuf),
    /// The text of such a file; it is taken for JSON where it begins with a bracket or brace.
    Text(String),
    /// What an earlier call returned.
    Parsed(Workload),
}

impl WorkloadInput {
    /// Reads the statements.
    ///
    /// # Errors
    /// As [`workload::load`].
    pub fn load(self) -> Result<Workload> {
        match self {
            Self::File(path) => workload::load(&path),
            Self::Text(text) => workload::parse(&text, "workload"),
            Self::Parsed(workload) => Ok(workload),
        }
    }
}

/// Do two queries give the same answers?
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SameRequest {
    /// Connection string of the database; it is only read.
    #[schemars(with = "String")]
    pub source: SecretString,
    /// The one query, with its parameters as in a workload of SQL.
    pub before: String,
    /// The other query; it is asked with the same parameters.
    pub after: String,
    /// How the fork is made.
    #[serde(default = "local")]
    pub backend: String,
    /// Tiny databases on which both are tried.
    #[serde(default = "databases")]
    pub databases: u32,
    /// Seed of the tiny databases.
    #[serde(default)]
    pub seed: u64,
}

fn local() -> String {
    "local".to_owned()
}

fn databases() -> u32 {
    pgverse_core::answers::falsify::Effort::default().databases
}

/// A fork that is made, destroyed or looked for by hand.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForkRequest {
    /// Connection string of the database; the demo shop if absent.
    #[schemars(with = "Option<String>")]
    pub source: Option<SecretString>,
    /// Size of the demo shop, where there is no source.
    pub demo_scale: f64,
    /// How it is made: a backend's name or URL.
    pub backend: String,
    /// How long it stays at the least, seconds; after that any sweep may destroy it.
    pub ttl_seconds: f64,
}

impl Default for ForkRequest {
    fn default() -> Self {
        Self { source: None, demo_scale: 1.0, backend: local(), ttl_seconds: 6.0 * 3600.0 }
    }
}

/// A database on a server, or none.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceRequest {
    /// Connection string.
    #[schemars(with = "Option<String>")]
    pub source: Option<SecretString>,
}

/// The winner of a report, carried out on the source or rehearsed.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromoteRequest {
    /// The report of a competition.
    pub report: Box<Report>,
    /// Connection string of the database.
    #[schemars(with = "String")]
    pub source: SecretString,
    /// Hash of the plan that is approved; a rehearsal needs none.
    #[serde(default)]
    pub approve: Option<String>,
    /// Watch the statistics of statements so many seconds afterwards.
    #[serde(default)]
    pub watch_seconds: Option<f64>,
    /// Undo it if no plan uses it or a statement becomes slower by more than `max_regression`.
    #[serde(default)]
    pub auto_rollback: bool,
    /// Part by which a statement may become slower; that of the report if absent.
    #[serde(default)]
    pub max_regression: Option<f64>,
}

/// A promotion that is undone.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// Number of the promotion.
    pub id: i64,
    /// Connection string of the database.
    #[schemars(with = "String")]
    pub source: SecretString,
}

pub(super) fn dsn(source: &SecretString) -> Result<Dsn> {
    Dsn::parse(source.expose_secret())
}

/// The database, or the demo shop where there is none.
pub(super) fn origin(source: Option<&SecretString>, scale: f64) -> Result<Origin> {
    match source {
        Some(source) => Ok(Origin::Live(dsn(source)?)),
        None => Ok(Origin::Demo(Demo::new(scale)?)),
    }
}

/// A number of seconds that a host gave.
pub(super) fn seconds(field: &'static str, value: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(value).map_err(|e| {
        Error::invalid("this is no length of time").with("field", field).with("value", value).caused_by(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_strictly_and_hides_its_secret() {
        let asked = CompeteRequest::read(r#"{"source": "postgresql://me:hunter2@h/d"}"#).unwrap();
        assert!(!format!("{asked:?}").contains("hunter2"));
        assert_eq!(asked.backend, "local");
        let error = CompeteRequest::read(r#"{"sauce": 1}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `sauce`"), "{error}");
        assert!(seconds("deadline_seconds", -1.0).unwrap_err().to_string().contains("deadline_seconds"));
    }
}
