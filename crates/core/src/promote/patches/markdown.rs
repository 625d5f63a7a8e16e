//! Patches as a document for people.

use std::fmt::Write as _;

use super::Patch;
use super::place::shape;
use crate::promote::export::interval;
use crate::types::{Answers, Report};

/// The document.
pub fn markdown(report: &Report, patches: &[Patch]) -> String {
    let winner = report.verdict.winner.as_ref().map_or("", |id| id.as_str());
    let mut text = format!(
        "# Statements to replace in the application\n\nPart of {winner}, plan hash `{}`, pgverse {}. \
         No database can do this: the application sends the text.\n",
        report.promotion.hash, report.pgverse
    );
    for patch in patches {
        section(&mut text, patch);
    }
    text
}

/// Writing to a string cannot fail.
fn section(text: &mut String, patch: &Patch) {
    let _ = write!(text, "\n## {}\n\nRule `{}`.", patch.statement, patch.rule);
    if !patch.rationale.is_empty() {
        let _ = write!(text, " {}", patch.rationale);
    }
    text.push('\n');
    if !patch.after.is_empty() {
        let _ = writeln!(text, "\nFirst: {}.", patch.after.join("; "));
    }
    let _ = writeln!(text, "\n{}", fenced("diff", &patch.diff));
    let _ = writeln!(text, "New text:\n\n{}", fenced("sql", &patch.new));
    if patch.parameters.is_empty() {
        text.push_str("No parameters.\n");
    } else {
        text.push_str("Parameters keep their numbers, their types and their values:\n\n");
        for parameter in &patch.parameters {
            let number = parameter.number;
            let _ = writeln!(
                text,
                "- `${number}` stays `${number}`: {} in the old text, {} in the new one",
                times(parameter.old_uses),
                times(parameter.new_uses)
            );
        }
    }
    text.push_str("\nThe same answers:\n\n");
    for check in &patch.answers {
        let proof = if check.proof.is_empty() { String::new() } else { format!("; {}", check.proof) };
        let _ = writeln!(
            text,
            "- {}: {} on the fork's own data ({} rows){proof}",
            check.parameter_set,
            answers(check.answers),
            check.rows
        );
    }
    if patch.answers.is_empty() {
        text.push_str("- not recorded in this report\n");
    }
    text.push_str("\nMeasured side by side on a fork, new over old:\n\n");
    for measured in &patch.measured {
        let _ = writeln!(
            text,
            "- {}: {}, {}{:.3} ms became {:.3} ms, {} pairs",
            measured.parameter_set,
            interval(measured.ratio),
            if measured.old_cut_off { "more than " } else { "" },
            measured.old_ms,
            measured.new_ms,
            measured.pairs
        );
    }
    if patch.measured.is_empty() {
        text.push_str("- not measured by itself; the ratio of the whole workload is in the report\n");
    }
    text.push_str("\nTo find the place:\n\n");
    for (key, value) in &patch.place.tags {
        let _ = writeln!(text, "- its comment says `{key}` is `{value}`");
    }
    let _ = writeln!(text, "- its shape in logs and statistics is:\n\n{}", fenced("sql", &shape(&patch.old)));
    let _ = writeln!(
        text,
        "- its query id, where `pg_stat_statements` is installed:\n\n{}",
        fenced("sql", &patch.place.query_id)
    );
}

/// A block of code whose fence is longer than any run of backticks in it.
fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

fn times(uses: usize) -> String {
    if uses == 1 { "once".to_owned() } else { format!("{uses} times") }
}

fn answers(answers: Answers) -> &'static str {
    match answers {
        Answers::Same => "same",
        Answers::Unchanged => "unchanged",
        Answers::Differs => "different",
        Answers::Unverifiable => "cannot be told",
    }
}
