//! `pgverse workload`: what is understood of a workload.

use pgverse::workload::{Note, Parsed};
use pgverse::{Context, Error, Result};
use serde::Serialize;

use crate::args;
use crate::exit::Outcome;
use crate::output;
use crate::output::json::JsonTarget;

/// What is written as JSON.
#[derive(Serialize)]
struct Understood<'a> {
    statements: &'a [pgverse::types::Statement],
    notes: &'a [Note],
}

pub(crate) async fn run(cx: &Context, args: args::Workload) -> Result<Outcome> {
    let json = args.json.json.as_ref();
    json.map_or(Ok(()), JsonTarget::check)?;
    if !args.logs.log.is_empty() {
        return logged(cx, &args.logs, json);
    }
    let parsed = match &args.file {
        Some(file) => pgverse::workload::load_with_origins(file)?,
        None => return Err(Error::invalid("no workload is given").hint("name a file with --file")),
    };
    show(&parsed, json)?;
    Ok(Outcome::Done)
}

/// What server logs say.
fn logged(cx: &Context, logs: &args::Logs, json: Option<&JsonTarget>) -> Result<Outcome> {
    let reading = super::log::read(cx, &logs.options())?;
    if let Some(target) = json {
        target.write(&reading)?;
    }
    if !json.is_some_and(JsonTarget::is_stdout) {
        let mut text = output::workload::render(&reading.workload, output::width());
        text.push_str(&super::log::durations(&reading));
        text.push_str(&super::log::words(&reading));
        output::print(&text)?;
    }
    Ok(Outcome::Done)
}

/// Shows a workload as a table, or writes it as JSON.
fn show(parsed: &Parsed, json: Option<&JsonTarget>) -> Result<()> {
    if let Some(target) = json {
        target.write(&Understood { statements: &parsed.workload.statements, notes: &parsed.notes })?;
    }
    if json.is_some_and(JsonTarget::is_stdout) {
        return Ok(());
    }
    let mut text = output::workload::render(&parsed.workload, output::width());
    for Note { statement, message } in &parsed.notes {
        text.push_str(&format!("{statement}: {message}\n"));
    }
    output::print(&text)
}
