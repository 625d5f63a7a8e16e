//! `pgverse plan`: what promoting the winner would do, and the hash that approves it.

use pgverse::Result;
use pgverse::promote::patches;
use pgverse::types::{PromotionStep, Report};

use crate::args::ReportFile;
use crate::exit::Outcome;
use crate::output;
use crate::output::units::{megabytes, significant};

pub(crate) fn run(args: &ReportFile) -> Result<Outcome> {
    let report = super::read_report(&args.report)?;
    if let Some(target) = &args.json.json {
        target.check()?;
        target.write(&report.promotion)?;
        if target.is_stdout() {
            return Ok(outcome(&report));
        }
    }
    output::print(&text(&report))?;
    Ok(outcome(&report))
}

fn outcome(report: &Report) -> Outcome {
    if report.verdict.winner.is_some() { Outcome::Done } else { Outcome::NoWinner }
}

/// The plan as a script that a person can read and run.
fn text(report: &Report) -> String {
    let Some(winner) = &report.verdict.winner else {
        return format!("-- nothing to promote: {}\n", report.verdict.reason);
    };
    let mut text = format!("-- promotion of {winner}\n-- hash {}\n", report.promotion.hash);
    for (number, step) in (1..).zip(&report.promotion.steps) {
        text.push_str(&format!("\n-- step {number}: {}\n-- {}\n", step.title, manner(step)));
        for sql in &step.up {
            text.push_str(&format!("{sql};\n"));
        }
        for sql in &step.down {
            text.push_str(&format!("-- undo: {};\n", sql.replace('\n', "\n--       ")));
        }
    }
    let patches = patches::of(report);
    if !patches.is_empty() {
        text.push('\n');
        for line in patches::markdown(report, &patches).lines() {
            text.push_str(format!("-- {line}").trim_end());
            text.push('\n');
        }
    }
    text
}

pub(super) fn manner(step: &PromotionStep) -> String {
    let lock = serde_json::to_value(step.lock).ok();
    let lock = lock.as_ref().and_then(serde_json::Value::as_str).unwrap_or("unknown").replace('_', " ");
    let where_it_runs =
        if step.transactional { "may run in a transaction" } else { "runs outside a transaction" };
    let cost = step.cost.map_or_else(String::new, |cost| {
        format!("; on the fork: {} s, {} MB", significant(cost.seconds), megabytes(cost.bytes))
    });
    format!("lock: {lock}; {where_it_runs}{cost}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table::fixture;

    #[test]
    fn a_plan_reads_as_a_script() {
        insta::assert_snapshot!(text(&fixture::report()));
        assert!(text(&fixture::undecided()).starts_with("-- nothing to promote: no candidate is certified"));
    }
}
