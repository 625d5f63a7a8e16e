//! `pgverse workload`: what is understood of a workload.

use std::path::Path;
use std::time::Duration;

use pgverse::backends::{Origin, Tenure, backend};
use pgverse::pg::{Dsn, Source, SourceSession};
use pgverse::traits::ForkBackend;
use pgverse::types::Statement;
use pgverse::workload::english::Understood;
use pgverse::workload::intake::{Intake, Observer, Request, intake};
use pgverse::workload::review::{self, Review};
use pgverse::workload::stats::{Filter, Snapshot, read};
use pgverse::workload::{Note, Parsed};
use pgverse::{Context, Error, ErrorKind, Result};
use serde::Serialize;

use crate::args::{self, Stats};
use crate::exit::Outcome;
use crate::output;
use crate::output::json::JsonTarget;

/// Time between two looks at the statements that run.
const LOOK: Duration = Duration::from_millis(100);

/// Looks at the statements that run where no interval is given.
const LOOKS: u32 = 5;

/// What is written as JSON.
#[derive(Serialize)]
struct Shown<'a> {
    statements: &'a [Statement],
    notes: &'a [Note],
    #[serde(skip_serializing_if = "Option::is_none")]
    understood: Option<&'a Understood>,
    remarks: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reviews: &'a [Review],
}

pub(crate) async fn run(cx: &Context, args: args::Workload) -> Result<Outcome> {
    let json = args.json.json.as_ref();
    json.map_or(Ok(()), JsonTarget::check)?;
    if !args.logs.log.is_empty() {
        return logged(cx, &args.logs, json);
    }
    let source = args.source.as_deref().map(Dsn::parse).transpose()?;
    let needed =
        || Error::invalid("this needs a database").hint("name it with --source URL, or set PGVERSE_SOURCE");
    if let Some(file) = &args.file {
        let parsed = pgverse::workload::load_with_origins(file)?;
        let mut reviews = Vec::new();
        if args.explain {
            let dsn = source.ok_or_else(needed)?;
            super::sweep(cx, Some(&dsn)).await?;
            let backend = backend(&args.backend, &Origin::Live(dsn), Tenure::Run)?;
            reviews = review::on_fork(cx, backend.as_ref(), &parsed.workload, args.statement_timeout).await?;
        }
        show(&parsed, None, &[], &reviews, json)?;
        return Ok(Outcome::Done);
    }
    let source = source.ok_or_else(needed)?;
    super::sweep(cx, Some(&source)).await?;
    let backend = backend(&args.backend, &Origin::Live(source.clone()), Tenure::Run)?;
    let asked = Asked {
        source,
        stats: &args.stats,
        problem: args.problem.as_deref(),
        backend: backend.as_ref(),
        limit: args.statement_timeout,
        explain: args.explain,
    };
    let intake = from_stats(cx, asked).await?;
    show(&intake.parsed, intake.understood.as_ref(), &intake.remarks, &intake.reviews, json)?;
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

/// What is asked of pg_stat_statements.
pub(super) struct Asked<'a> {
    pub(super) source: Dsn,
    pub(super) stats: &'a Stats,
    pub(super) problem: Option<&'a str>,
    pub(super) backend: &'a dyn ForkBackend,
    pub(super) limit: Duration,
    pub(super) explain: bool,
}

/// A workload out of pg_stat_statements.
pub(super) async fn from_stats(cx: &Context, asked: Asked<'_>) -> Result<Intake> {
    let Asked { source, stats, problem, backend, limit, explain } = asked;
    let earlier = stats.since.as_deref().map(read_snapshot).transpose()?;
    let session = Source::new(source).session(cx).await?;
    let (snapshot, observer) = watch(cx, &session, stats, earlier).await?;
    let request = Request {
        snapshot,
        observed: observer.seen,
        filter: Filter {
            user: stats.user.clone(),
            table: stats.table.clone(),
            min_mean_ms: stats.min_mean.map_or(0.0, |least| least.as_secs_f64() * 1e3),
            most: stats.top,
        },
        problem: problem.map(str::to_owned),
        limit,
        explain,
    };
    intake(cx, &session, backend, &request).await
}

/// Reads the counters, and looks at what runs meanwhile.
async fn watch<'a>(
    cx: &Context,
    session: &'a SourceSession,
    stats: &Stats,
    earlier: Option<Snapshot>,
) -> Result<(Snapshot, Observer<'a>)> {
    let before = read(cx, session).await?;
    let mut observer = Observer::new(cx, session).await?;
    let begin = std::time::Instant::now();
    let mut looks = 0;
    loop {
        observer.look(cx).await?;
        looks += 1;
        let done = stats.interval.map_or(looks >= LOOKS, |interval| begin.elapsed() >= interval);
        if done {
            break;
        }
        cx.guard(async {
            tokio::time::sleep(LOOK).await;
            Ok(())
        })
        .await?;
    }
    let now = read(cx, session).await?;
    if let Some(path) = &stats.save_snapshot {
        JsonTarget::File(path.clone()).write(&now)?;
    }
    let earlier = earlier.or_else(|| stats.interval.map(|_| before));
    let snapshot = earlier.map_or(Ok(now.clone()), |earlier| now.since(&earlier))?;
    Ok((snapshot, observer))
}

fn read_snapshot(path: &Path) -> Result<Snapshot> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Error::new(ErrorKind::NotFound, "cannot read the snapshot").with("path", path.display()).caused_by(e)
    })?;
    serde_json::from_str(&text).map_err(|e| {
        Error::invalid("this file is not a snapshot of pg_stat_statements")
            .with("path", path.display())
            .caused_by(e)
            .hint("give a file that --save-snapshot wrote")
    })
}

/// Shows a workload as a table, or writes it as JSON.
fn show(
    parsed: &Parsed,
    understood: Option<&Understood>,
    remarks: &[String],
    reviews: &[Review],
    json: Option<&JsonTarget>,
) -> Result<()> {
    if let Some(target) = json {
        let statements = &parsed.workload.statements;
        target.write(&Shown { statements, notes: &parsed.notes, understood, remarks, reviews })?;
    }
    if json.is_some_and(JsonTarget::is_stdout) {
        return Ok(());
    }
    let mut text = output::workload::render(&parsed.workload, output::width());
    if let Some(understood) = understood {
        text.push_str(&output::workload::words(understood));
    }
    for remark in remarks {
        text.push_str(&format!("{remark}\n"));
    }
    for Note { statement, message } in &parsed.notes {
        text.push_str(&format!("{statement}: {message}\n"));
    }
    for review in reviews {
        text.push_str(&output::workload::review(review));
    }
    output::print(&text)
}
