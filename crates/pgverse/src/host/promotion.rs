//! The winner of a report, rehearsed, carried out and undone.

use pgverse_core::pg::Source;
use pgverse_core::promote::{self, Approval, Policy, Promoted, PromotionRecord, Rehearsal, promotion_of};
use pgverse_core::types::{PromotionPlan, Report};
use pgverse_core::{Context, Error, ErrorKind, Result};

use super::request::{PromoteRequest, RollbackRequest, SourceRequest, dsn, seconds};

/// What promoting the winner would do, and the hash that approves it.
///
/// # Errors
/// `NotFound` if the report has no winner.
pub fn plan(report: &Report) -> Result<PromotionPlan> {
    if report.verdict.winner.is_none() {
        return Err(Error::new(ErrorKind::NotFound, "there is nothing to promote")
            .with("verdict", &report.verdict.reason));
    }
    promotion_of(report)
}

/// Checks everything and tells exactly what would run; writes nothing.
///
/// # Errors
/// As [`plan`]; if the source cannot be reached.
pub async fn rehearse(cx: &Context, request: PromoteRequest) -> Result<Rehearsal> {
    let plan = plan(&request.report)?;
    promote::rehearse(cx, &source(&request)?, &plan, &policy(&request)?).await
}

/// Carries out the plan that is approved by its hash.
///
/// # Errors
/// `InvalidInput` without the plan's own hash; whatever makes the promoter refuse the plan or undo it.
pub async fn promote(cx: &Context, request: PromoteRequest) -> Result<Promoted> {
    let plan = plan(&request.report)?;
    let Some(hash) = &request.approve else {
        return Err(Error::invalid("no plan is approved")
            .with("hash of the plan", &plan.hash)
            .hint("read the plan and approve its hash"));
    };
    let approval = Approval::of(&plan, hash)?;
    let policy = policy(&request)?;
    promote::promote(cx, &source(&request)?, &plan, &request.report.workload, &approval, &policy).await
}

/// Undoes a promotion.
///
/// # Errors
/// `NotFound` where there is none of this number; whatever keeps a step from being undone.
pub async fn rollback(cx: &Context, request: RollbackRequest) -> Result<PromotionRecord> {
    let source = Source::new(dsn(&request.source)?);
    promote::rollback(cx, &source, request.id, &Approval::of_rollback(request.id), &Policy::default()).await
}

/// What was promoted, and how far it came.
///
/// # Errors
/// `InvalidInput` without a source; if it cannot be reached.
pub async fn promotions(cx: &Context, request: SourceRequest) -> Result<Vec<PromotionRecord>> {
    let Some(source) = &request.source else {
        return Err(Error::invalid("no source was given"));
    };
    promote::promotions(cx, &Source::new(dsn(source)?)).await
}

fn source(request: &PromoteRequest) -> Result<Source> {
    Ok(Source::new(dsn(&request.source)?))
}

fn policy(request: &PromoteRequest) -> Result<Policy> {
    Ok(Policy {
        watch: request.watch_seconds.map(|s| seconds("watch_seconds", s)).transpose()?,
        auto_rollback: request.auto_rollback,
        max_regression: request.max_regression.unwrap_or(request.report.problem.limits.max_regression),
        ..Policy::default()
    })
}
