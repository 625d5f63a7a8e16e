//! `pgverse compete`: a competition on forks of the user's own database.

use std::collections::BTreeMap;
use std::sync::Arc;

use pgverse::backends::{Origin, Tenure, backend};
use pgverse::competition::{Competition, RaceOptions};
use pgverse::pg::Dsn;
use pgverse::traits::{Agent, ForkBackend};
use pgverse::types::{CostModel, Problem, Workload};
use pgverse::workload::Parsed;
use pgverse::{Context, Error, Result};

use super::workload::{Asked, from_stats};
use crate::args::{self, Rules};
use crate::exit::Outcome;
use crate::output;
use crate::output::json::JsonTarget;
use crate::output::progress;

pub(crate) async fn run(cx: &Context, args: args::Compete) -> Result<Outcome> {
    let source = Dsn::parse(&args.source)?;
    let backend = backend(&args.rules.backend, &Origin::Live(source.clone()), Tenure::Run)?;
    let parsed = parsed(cx, &args, &source, backend.as_ref()).await?;
    for note in &parsed.notes {
        output::note(&format!("note: {}: {}", note.statement, note.message));
    }
    let contest = Contest { problem: problem(&args), workload: parsed.workload.clone(), backend };
    let outcome = hold(cx, contest, &args.rules, args.json.json.as_ref()).await;
    outcome.map_err(|error| placed(error, &parsed))
}

/// The workload, from a file, from logs or from pg_stat_statements.
async fn parsed(
    cx: &Context,
    args: &args::Compete,
    source: &Dsn,
    backend: &dyn ForkBackend,
) -> Result<Parsed> {
    let written = args.workload.as_deref().map(pgverse::workload::load_with_origins).transpose()?;
    args.json.json.as_ref().map_or(Ok(()), JsonTarget::check)?;
    super::sweep(cx, Some(source)).await?;
    if let Some(parsed) = written {
        return Ok(parsed);
    }
    if !args.logs.log.is_empty() {
        let reading = super::log::runnable_on(cx, source, &args.logs).await?;
        let limit = args.rules.statement_timeout;
        let workload = super::log::runnable_on_fork(cx, backend, reading.workload, limit).await?;
        return Ok(Parsed { workload, origins: BTreeMap::new(), notes: reading.notes });
    }
    let asked = Asked {
        source: source.clone(),
        stats: &args.stats,
        problem: args.problem.as_deref(),
        backend,
        limit: args.rules.statement_timeout,
        explain: false,
    };
    let intake = from_stats(cx, asked).await?;
    for remark in &intake.remarks {
        output::note(&format!("note: {remark}"));
    }
    Ok(intake.parsed)
}

/// Adds the place in the file to an error that names a statement of the workload.
fn placed(error: Error, parsed: &Parsed) -> Error {
    let named = error.context().iter().find(|(key, _)| *key == "statement").map(|(_, id)| id.as_str().into());
    match named {
        Some(id) if parsed.workload.statement(&id).is_some() => parsed.place(&id, error),
        _ => error,
    }
}

fn problem(args: &args::Compete) -> Problem {
    let usual = Problem::default();
    Problem { description: args.problem.clone().unwrap_or(usual.description), ..usual }
}

/// What a competition is about.
pub(super) struct Contest {
    pub(super) problem: Problem,
    pub(super) workload: Workload,
    pub(super) backend: Arc<dyn ForkBackend>,
}

/// Holds a competition and presents its report. What earlier runs left is swept before.
pub(super) async fn hold(
    cx: &Context,
    contest: Contest,
    rules: &Rules,
    json: Option<&JsonTarget>,
) -> Result<Outcome> {
    json.map_or(Ok(()), JsonTarget::check)?;
    let options = RaceOptions {
        measuring_seconds: rules.measure.as_secs_f64(),
        statement_timeout_seconds: rules.statement_timeout.as_secs_f64(),
        ..RaceOptions::default()
    };
    let mut builder = Competition::builder()
        .problem(rules.bounds.of(contest.problem))
        .workload(contest.workload)
        .backend(contest.backend)
        .agents(agents(&rules.agents)?)
        .sequential(rules.sequential)
        .seed(rules.seed)
        .options(options)
        .cost_model(CostModel { per_gib_hour: rules.price_gib_hour, per_fork_hour: rules.price_fork_hour });
    if let Some(most) = rules.parallel {
        builder = builder.parallel(most.get());
    }
    if let Some(deadline) = rules.deadline {
        builder = builder.deadline(deadline);
    }
    let competition = builder.build()?;
    let watch = tokio::spawn(progress::show(competition.events()));
    let mut run = std::pin::pin!(competition.run());
    let report = tokio::select! {
        report = &mut run => report,
        () = cx.cancellation().cancelled() => {
            competition.cancel();
            run.await
        }
    };
    watch.await.map_err(|e| Error::internal("the progress view failed").caused_by(e))?;
    super::present(&report?, json)
}

/// The agents of these names; all of them if none is named.
fn agents(names: &[String]) -> Result<Vec<Arc<dyn Agent>>> {
    if names.is_empty() {
        return Ok(pgverse::agents::all());
    }
    names.iter().map(|name| pgverse::agents::by_name(name.trim())).collect()
}
