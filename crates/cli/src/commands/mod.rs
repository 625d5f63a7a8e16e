//! One file for each command.

pub(crate) mod compete;
pub(crate) mod demo;
pub(crate) mod fork;
pub(crate) mod judge;
pub(crate) mod plan;

use std::path::Path;

use pgverse::traits::ForkBackend;
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

/// Destroys what earlier runs that died left behind.
async fn sweep(cx: &Context, backend: &dyn ForkBackend) -> Result<()> {
    let gone = backend.sweep(cx).await?;
    if !gone.is_empty() {
        output::note(&format!(
            "swept {} that an earlier run left behind",
            output::units::count(gone.len(), "fork")
        ));
    }
    Ok(())
}

/// Shows a report and says how the competition ended.
fn present(report: &Report, json: Option<&JsonTarget>) -> Result<Outcome> {
    if let Some(target) = json {
        target.write(report)?;
    }
    if json.is_some_and(JsonTarget::is_stdout) {
        output::note(&output::table::sentence(report));
    } else {
        output::print(&output::table::render(report, output::width()))?;
    }
    Ok(if report.verdict.winner.is_some() { Outcome::Done } else { Outcome::NoWinner })
}
