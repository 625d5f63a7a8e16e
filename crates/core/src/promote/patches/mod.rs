//! Rewritten statements of a winner. No database can install them; each is a patch for the application: both texts,
//! what stands behind "same answers", what was measured, and what helps to find the place.

mod markdown;
mod place;

use serde::Serialize;

pub use markdown::markdown;
pub use place::Place;

use crate::types::{
    Answers, CandidateReport, Interval, Operation, ParameterSetId, Report, StatementId, Trial,
};
use crate::workload::uses;

/// A statement whose text the application is to replace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Patch {
    /// Statement of the workload.
    pub statement: StatementId,
    /// The rule that made the new text.
    pub rule: String,
    /// Why the rule applies, with its preconditions, in the words of the agent.
    pub rationale: String,
    /// Text until now.
    pub old: String,
    /// New text.
    pub new: String,
    /// Both as a unified diff.
    pub diff: String,
    /// Each parameter of either text; the numbers mean the same in both.
    pub parameters: Vec<ParameterUse>,
    /// What was compared, for each parameter set.
    pub answers: Vec<PatchAnswers>,
    /// What was measured, for each parameter set.
    pub measured: Vec<PatchRatio>,
    /// What must be in the database first: titles of the plan's steps.
    pub after: Vec<String>,
    /// What helps to find it in the application.
    pub place: Place,
}

/// A parameter in both texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParameterUse {
    /// Its number: 1 is `$1`.
    pub number: u32,
    /// How often the old text uses it.
    pub old_uses: usize,
    /// How often the new text uses it.
    pub new_uses: usize,
}

/// The comparison of the answers with one parameter set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PatchAnswers {
    /// Parameter set.
    pub parameter_set: ParameterSetId,
    /// Outcome on the fork's data.
    pub answers: Answers,
    /// Rows that were compared.
    pub rows: u64,
    /// What stands behind it beyond the fork's data; empty where nothing more was tried.
    pub proof: String,
}

/// The measurement of one parameter set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PatchRatio {
    /// Parameter set.
    pub parameter_set: ParameterSetId,
    /// Pairs measured.
    pub pairs: usize,
    /// Median of the old text, milliseconds.
    pub old_ms: f64,
    /// Whether the old text was stopped then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub old_cut_off: bool,
    /// Median of the new text, milliseconds.
    pub new_ms: f64,
    /// New over old.
    pub ratio: Interval,
}

/// The patches of a report's winner, in the order of its operations; none without a winner.
pub fn of(report: &Report) -> Vec<Patch> {
    let winner = report.verdict.winner.as_ref();
    let candidates = || report.universes.iter().flat_map(|u| &u.candidates);
    let Some(winner) = winner.and_then(|id| candidates().find(|c| &c.id == id)) else { return Vec::new() };
    let trial = report.trials.iter().find(|t| t.candidate == winner.id);
    let rewrites = winner.change.iter().filter_map(|change| match &change.operation {
        Operation::RewriteStatement { statement, sql, rule } => Some((statement, sql, rule)),
        _ => None,
    });
    rewrites.map(|(statement, sql, rule)| patch(report, winner, trial, statement, sql, rule)).collect()
}

fn patch(
    report: &Report,
    winner: &CandidateReport,
    trial: Option<&Trial>,
    id: &StatementId,
    new: &str,
    rule: &str,
) -> Patch {
    let statement = report.workload.statement(id);
    let old = statement.map(|s| s.sql.clone()).unwrap_or_default();
    let checks = trial.map(|t| t.checks.as_slice()).unwrap_or_default();
    let answers = checks.iter().filter(|c| &c.statement == id).map(|c| PatchAnswers {
        parameter_set: c.parameter_set.clone(),
        answers: c.answers,
        rows: c.baseline_rows,
        proof: c.proof.clone(),
    });
    let measured = winner.statements.iter().filter(|s| &s.id == id && s.pairs > 0).map(|s| PatchRatio {
        parameter_set: s.parameter_set.clone(),
        pairs: s.pairs,
        old_ms: s.baseline_ms,
        old_cut_off: s.baseline_cut_off,
        new_ms: s.candidate_ms,
        ratio: s.ratio,
    });
    let installed = report.promotion.steps.iter().filter(|step| !step.up.is_empty());
    Patch {
        statement: id.clone(),
        rule: rule.to_owned(),
        rationale: winner.rationale.clone(),
        diff: diff(id, &old, new),
        parameters: parameters(&old, new),
        answers: answers.collect(),
        measured: measured.collect(),
        after: installed.map(|step| step.title.clone()).collect(),
        place: Place::of(&old, statement.map(|s| s.fingerprint.as_str()).unwrap_or_default()),
        old,
        new: new.to_owned(),
    }
}

fn parameters(old: &str, new: &str) -> Vec<ParameterUse> {
    let (old, new) = (uses::parameters(old), uses::parameters(new));
    let mut numbers: Vec<u32> = old.keys().chain(new.keys()).copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    let uses = |of: &std::collections::BTreeMap<u32, usize>, number| of.get(&number).copied().unwrap_or(0);
    numbers
        .into_iter()
        .map(|number| ParameterUse { number, old_uses: uses(&old, number), new_uses: uses(&new, number) })
        .collect()
}

fn diff(id: &StatementId, old: &str, new: &str) -> String {
    // Every text as lines that end, so that the diff is not about a missing line break.
    let (old, new) = (format!("{}\n", old.trim_end()), format!("{}\n", new.trim_end()));
    let diff = similar::TextDiff::from_lines(&old, &new);
    diff.unified_diff().header(&format!("a/{id}.sql"), &format!("b/{id}.sql")).to_string()
}
