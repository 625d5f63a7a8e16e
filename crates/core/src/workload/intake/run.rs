//! The whole way, on a fork that is destroyed afterwards.

use std::time::Duration;

use super::observed::{Observed, qualstats};
use crate::bench::{Lab, on_fork};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{Session, SourceSession, read_catalog};
use crate::traits::ForkBackend;
use crate::types::{ParameterSet, Statement, StatementId, StatementKind, Workload};
use crate::workload::english::{Understood, rank, understand};
use crate::workload::parameters::{found, prove, synthesize, takes_part};
use crate::workload::review::{Review, review};
use crate::workload::stats::{Chosen, Filter, Snapshot, choose};
use crate::workload::{Note, Parsed};

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What pg_stat_statements held.
    pub snapshot: Snapshot,
    /// What was seen running.
    pub observed: Observed,
    /// What is left out.
    pub filter: Filter,
    /// The problem in plain words, to choose by.
    pub problem: Option<String>,
    /// Longest time of one run.
    pub limit: Duration,
    /// Whether the statements are explained too.
    pub explain: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Intake {
    /// The workload, and what should be known about it.
    pub parsed: Parsed,
    /// What the problem was understood to be.
    pub understood: Option<Understood>,
    /// Statements that are left out because nothing runs them.
    pub unrunnable: usize,
    /// Sets that found what their class promises, and sets that ran but found something else.
    pub kept: usize,
    /// See `kept`.
    pub missed: usize,
    /// Remarks on the whole.
    pub remarks: Vec<String>,
    /// Plan, cause and next step of each statement, if asked for.
    pub reviews: Vec<Review>,
}

/// Makes a workload out of pg_stat_statements. The fork is destroyed before this returns.
///
/// # Errors
/// `InvalidInput` when nothing is left, or nothing fits the problem, with what was looked for; whatever the source or the
/// fork backend say.
pub async fn intake(
    cx: &Context,
    source: &SourceSession,
    backend: &dyn ForkBackend,
    request: &Request,
) -> Result<Intake> {
    let (chosen, remarks) = choose(&request.snapshot, &Filter { most: 0, ..request.filter.clone() });
    if chosen.is_empty() {
        let mut error = Error::invalid("pg_stat_statements holds no statement that fits")
            .with("time", format!("{:.1} minutes", request.snapshot.minutes));
        for remark in remarks {
            error = error.with("remark", remark);
        }
        return Err(error.hint("run the application first, or loosen the filters"));
    }
    let made = |lab: Lab| async move { make(cx, source, lab.session(), request, chosen, remarks).await };
    on_fork(cx, backend, made).await
}

async fn make(
    cx: &Context,
    source: &SourceSession,
    session: &Session,
    request: &Request,
    mut chosen: Vec<Chosen>,
    remarks: Vec<String>,
) -> Result<Intake> {
    let mut intake = Intake {
        parsed: Parsed { workload: Workload::default(), origins: Default::default(), notes: Vec::new() },
        understood: None,
        unrunnable: 0,
        kept: 0,
        missed: 0,
        remarks,
        reviews: Vec::new(),
    };
    if let Some(problem) = &request.problem {
        let understood = understand(problem, &read_catalog(session, cx).await?);
        let ranked = rank(&understood, &chosen)?;
        let mut near = Vec::new();
        for fit in &ranked {
            if let Some(statement) = chosen.get(fit.index) {
                let message = format!("chosen for the problem, score {:.2}: {}", fit.score, fit.why);
                intake.parsed.notes.push(Note { statement: id(statement), message });
                near.push(statement.clone());
            }
        }
        chosen = near;
        intake.understood = Some(understood);
    }
    if request.filter.most > 0 && chosen.len() > request.filter.most {
        intake
            .remarks
            .push(format!("left out: {} that take less time in total", chosen.len() - request.filter.most));
        chosen.truncate(request.filter.most);
    }
    if request.observed.truncated > 0 {
        intake.remarks.push(format!(
            "{} texts in pg_stat_activity were cut off; raise track_activity_query_size to see their values",
            request.observed.truncated
        ));
    }
    for statement in &chosen {
        let name = id(statement);
        match fill(cx, source, session, request, statement, &mut intake).await {
            Ok(filled) => intake.parsed.workload.statements.push(filled),
            Err(error) if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Connection) => {
                return Err(error);
            }
            Err(error) => {
                intake.unrunnable += 1;
                let way_out = error.way_out().map(|hint| format!("; {hint}")).unwrap_or_default();
                let message = format!(
                    "left out, it cannot be run: {}{way_out}: {}",
                    error.message(),
                    statement.entry.query
                );
                intake.parsed.notes.push(Note { statement: name, message });
            }
        }
    }
    if intake.parsed.workload.statements.is_empty() {
        let why = intake.parsed.notes.last().map(|note| note.message.clone()).unwrap_or_default();
        return Err(Error::invalid("none of the statements can be run")
            .with("why", why)
            .hint("give them in a file with parameters"));
    }
    if request.explain {
        intake.reviews = review(cx, session, &intake.parsed.workload, request.limit).await?;
    }
    Ok(intake)
}

fn id(statement: &Chosen) -> StatementId {
    let short = statement.fingerprint.get(..8).unwrap_or(&statement.fingerprint);
    format!("s_{short}").into()
}

fn endless(limit: Duration) -> String {
    format!("it does not end within {} s", limit.as_secs_f64())
}

/// A statement with values from the best source that has any.
async fn fill(
    cx: &Context,
    source: &SourceSession,
    session: &Session,
    request: &Request,
    chosen: &Chosen,
    intake: &mut Intake,
) -> Result<Statement> {
    let name = id(chosen);
    let sql = &chosen.entry.query;
    let mut real = request.observed.sets(sql);
    if real.is_empty() {
        real = qualstats(cx, source, chosen.entry.queryid, sql).await?;
    }
    let mut note = |message: String| intake.parsed.notes.push(Note { statement: name.clone(), message });
    let mut sets: Vec<ParameterSet> = Vec::new();
    for set in real {
        match prove(cx, session, sql, &set.values, request.limit).await {
            Ok(plan) => {
                note(format!("set {}: {} value(s), found {} rows", set.id, set.origin, found(&plan)));
                sets.push(set);
            }
            Err(error) if takes_part(cx, chosen.kind, &error) => {
                note(format!("set {}: {} value(s), {}", set.id, set.origin, endless(request.limit)));
                sets.push(set);
            }
            Err(error) => note(format!("set {} dropped: {}", set.id, error.message())),
        }
    }
    let mut text = sql.clone();
    if sets.is_empty() {
        let made = synthesize(cx, session, sql, request.limit).await?;
        for message in made.notes {
            note(message);
        }
        for (set, rows) in made.sets.iter().zip(&made.found).filter(|(set, _)| !set.values.is_empty()) {
            note(format!("set {}: found {rows} rows", set.id));
        }
        intake.kept += made.sets.len();
        intake.missed += made.missed;
        (text, sets) = (made.sql, made.sets);
        if let Some(set) = made.endless {
            if chosen.kind == StatementKind::Write {
                return Err(Error::new(ErrorKind::Timeout, endless(request.limit)));
            }
            note(format!("set {} taken all the same: {}", set.id, endless(request.limit)));
            sets.push(set);
        }
    }
    Ok(Statement {
        id: name,
        sql: text.trim_end_matches([';', ' ', '\n']).to_owned(),
        fingerprint: chosen.fingerprint.clone(),
        kind: chosen.kind,
        parameter_sets: sets,
        weight: chosen.weight,
    })
}
