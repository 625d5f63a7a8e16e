//! `pgverse promote`, `rollback` and `promotions`: a plan carried out on the source, undone, listed.

use pgverse::pg::{Dsn, Source};
use pgverse::promote::{
    Approval, Check, Finding, Notice, Policy, Promoted, PromotionRecord, PromotionState, Rehearsal, promote,
    promotion_of, promotions, rehearse, rollback,
};
use pgverse::types::{PromotionPlan, Report};
use pgverse::{Context, Result};

use crate::args::{Json, Promote, Promotions, Rollback};
use crate::exit::Outcome;
use crate::output;
use crate::output::json::JsonTarget;

pub(crate) async fn run(cx: &Context, args: Promote) -> Result<Outcome> {
    let json = args.json.json.as_ref();
    json.map_or(Ok(()), JsonTarget::check)?;
    let report = super::read_report(&args.report)?;
    if report.verdict.winner.is_none() {
        output::note(&format!("nothing to promote: {}", report.verdict.reason));
        return Ok(Outcome::NoWinner);
    }
    let plan = promotion_of(&report)?;
    let source = Source::new(Dsn::parse(&args.source)?);
    let policy = Policy {
        watch: args.watch,
        auto_rollback: args.auto_rollback,
        max_regression: args.max_regression.unwrap_or(report.problem.limits.max_regression),
        notice: Notice::new(output::note),
        ..args.patience.policy()
    };
    match &args.approve {
        None => dry_run(cx, &source, &plan, &policy, json).await,
        Some(hash) => {
            let approval = Approval::of(&plan, hash)?;
            let promoted = promote(cx, &source, &plan, &report.workload, &approval, &policy).await?;
            show(json, &promoted, || done(&promoted, &report))?;
            Ok(match promoted.state {
                PromotionState::Promoted => Outcome::Done,
                _ => Outcome::Different,
            })
        }
    }
}

async fn dry_run(
    cx: &Context,
    source: &Source,
    plan: &PromotionPlan,
    policy: &Policy,
    json: Option<&JsonTarget>,
) -> Result<Outcome> {
    let rehearsal = rehearse(cx, source, plan, policy).await?;
    show(json, &rehearsal, || script(plan, &rehearsal))?;
    let refused: Vec<&Check> = rehearsal.checks.iter().filter(|c| c.finding == Finding::Refused).collect();
    for check in &refused {
        output::note(&format!("would be refused: {}: {}", check.name, check.detail));
    }
    Ok(if refused.is_empty() { Outcome::Done } else { Outcome::Refused })
}

pub(crate) async fn undo(cx: &Context, args: Rollback) -> Result<Outcome> {
    let json = args.json.json.as_ref();
    json.map_or(Ok(()), JsonTarget::check)?;
    let source = Source::new(Dsn::parse(&args.target.source)?);
    let Some(id) = args.id else {
        let mut records = promotions(cx, &source).await?;
        records.retain(|r| r.state != PromotionState::RolledBack);
        show(json, &records, || listing(&records))?;
        return Ok(Outcome::Done);
    };
    let policy = Policy { notice: Notice::new(output::note), ..args.patience.policy() };
    let record = rollback(cx, &source, id, &Approval::of_rollback(id), &policy).await?;
    show(json, &record, || format!("promotion {id} is undone\n"))?;
    Ok(Outcome::Done)
}

pub(crate) async fn list(cx: &Context, args: Promotions) -> Result<Outcome> {
    let Json { json } = &args.json;
    json.as_ref().map_or(Ok(()), JsonTarget::check)?;
    let records = promotions(cx, &Source::new(Dsn::parse(&args.target.source)?)).await?;
    show(json.as_ref(), &records, || listing(&records))?;
    Ok(Outcome::Done)
}

/// Words for people, and JSON where it was asked for.
fn show(json: Option<&JsonTarget>, value: &impl serde::Serialize, words: impl Fn() -> String) -> Result<()> {
    if let Some(target) = json {
        target.write(value)?;
    }
    if json.is_some_and(JsonTarget::is_stdout) { Ok(()) } else { output::print(&words()) }
}

/// What would run, as a script that a person can read.
fn script(plan: &PromotionPlan, rehearsal: &Rehearsal) -> String {
    let mut text = format!("-- promotion of {}\n-- hash {}\n", plan.candidate, plan.hash);
    for check in &rehearsal.checks {
        let finding = match check.finding {
            Finding::Fine => "ok",
            Finding::Warning => "warning",
            Finding::Refused => "REFUSED",
        };
        text.push_str(&format!("-- {finding}: {}: {}\n", check.name, check.detail));
    }
    text.push_str("-- beside what follows, every state is written to the journal (schema pgverse), under an advisory lock\n");
    let steps = plan.steps.iter().zip(&rehearsal.steps).zip(&rehearsal.back);
    for (number, ((step, up), down)) in (1..).zip(steps) {
        text.push_str(&format!("\n-- step {number}: {}\n-- {}\n", step.title, super::plan::manner(step)));
        for sql in up {
            let end = if sql.starts_with("--") { "" } else { ";" };
            text.push_str(&format!("{sql}{end}\n"));
        }
        for sql in down {
            text.push_str(&format!("-- undo: {};\n", sql.replace('\n', "\n--       ")));
        }
    }
    text
}

fn done(promoted: &Promoted, report: &Report) -> String {
    let id = promoted.id;
    let mut text = match promoted.state {
        PromotionState::Promoted => format!("promotion {id} is in place\n"),
        _ => format!("promotion {id} was undone\n"),
    };
    for plans in &promoted.verification.statements {
        let uses = if plans.uses.is_empty() { "nothing of it".to_owned() } else { plans.uses.join(", ") };
        let cost = |cost: Option<f64>| cost.map_or_else(|| "?".to_owned(), |c| format!("{c:.0}"));
        text.push_str(&format!(
            "  {} {}: uses {uses}; planner's cost {} before, {} now\n",
            plans.statement,
            plans.parameter_set,
            cost(plans.cost_before),
            cost(plans.cost_after)
        ));
    }
    if let Some(watched) = &promoted.watched {
        let promised = report.verdict.ratio.map_or_else(String::new, |r| {
            format!("; promised for the whole workload: {:.3} ({:.3} to {:.3})", r.estimate, r.low, r.high)
        });
        match watched.ratio {
            Some(ratio) => text.push_str(&format!("  watched: ratio {ratio:.3}{promised}\n")),
            None => text.push_str("  watched: no statement of the workload was called often enough\n"),
        }
    }
    if promoted.state == PromotionState::Promoted {
        text.push_str(&format!("`pgverse rollback --source URL {id}` undoes it\n"));
    }
    text
}

fn listing(records: &[PromotionRecord]) -> String {
    if records.is_empty() {
        return "none\n".to_owned();
    }
    let mut text = String::new();
    for record in records {
        text.push_str(&format!(
            "{}  {}  {}  since {}  by {}  hash {}\n",
            record.id,
            record.state.as_str().replace('_', " "),
            record.candidate,
            record.changed,
            record.by_role,
            record.hash
        ));
        for step in &record.steps {
            text.push_str(&format!("     {}. {}: {}\n", step.number, step.state.as_str(), step.title));
        }
        if let Some(error) = &record.error {
            text.push_str(&format!("     {error}\n"));
        }
        if let Some(ratio) = record.realized.as_ref().and_then(|r| r["ratio"].as_f64()) {
            text.push_str(&format!("     watched: ratio {ratio:.3}\n"));
        }
    }
    text
}
