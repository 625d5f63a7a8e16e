//! One file for each command.

pub(crate) mod compete;
pub(crate) mod demo;
pub(crate) mod export;
pub(crate) mod fork;
pub(crate) mod judge;
pub(crate) mod load;
mod log;
pub(crate) mod plan;
pub(crate) mod promote;
pub(crate) mod same;
pub(crate) mod workload;

use std::path::Path;

use pgverse::backends;
use pgverse::pg::Dsn;
use pgverse::types::Report;
use pgverse::{Context, Error, ErrorKind, Result};

use crate::exit::Outcome;
use crate::output;
use crate::output::json::JsonTarget;

/// Reads a report that `--json` wrote.
fn read_report(path: &Path) -> Result<Report> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        let kind = if e.kind() == std::io::ErrorKind::NotFound {
            ErrorKind::NotFound
        } else {
            ErrorKind::InvalidInput
        };
        Error::new(kind, "cannot read the report").with("path", path.display()).caused_by(e)
    })?;
    serde_json::from_str(&text).map_err(|e| {
        Error::invalid("this file is not a report of pgverse")
            .with("path", path.display())
            .caused_by(e)
            .hint("give a file that `pgverse demo --json FILE` or `pgverse compete --json FILE` wrote")
    })
}

/// Destroys what earlier runs that died left behind. A server that cannot be reached now does not stop a new
/// run.
async fn sweep(cx: &Context, source: Option<&Dsn>) -> Result<()> {
    let swept = backends::sweep(cx, source).await?;
    if !swept.destroyed.is_empty() {
        let forks = output::units::count(swept.destroyed.len(), "fork");
        output::note(&format!("swept {forks} that an earlier run left behind"));
    }
    for error in &swept.errors {
        output::note(&format!("warning: {error}"));
    }
    Ok(())
}

/// Shows a report and says how the competition ended.
fn present(report: &Report, json: Option<&JsonTarget>) -> Result<Outcome> {
    // What took minutes to measure is shown before anything else can fail.
    if json.is_some_and(JsonTarget::is_stdout) {
        output::note(&output::table::sentence(report));
    } else {
        output::print(&output::table::render(report, output::width()))?;
    }
    if let Some(target) = json {
        target.write(report)?;
    }
    Ok(if report.verdict.winner.is_some() { Outcome::Done } else { Outcome::NoWinner })
}
