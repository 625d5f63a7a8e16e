//! Whether a source is still what the plan was made for, and whether this is a good moment.

mod compare;
mod server;

use serde::{Deserialize, Serialize};

use super::journal::PromotionRecord;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{Source, read_source_catalog};
use crate::types::PromotionPlan;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Check {
    /// What it is about.
    pub name: String,
    /// How it stands.
    pub finding: Finding,
    /// What was found.
    pub detail: String,
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// As it should be.
    Fine,
    /// Not refused, but worth knowing; also what could not be seen.
    Warning,
    /// The promotion is refused.
    Refused,
}

impl Check {
    fn fine(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), finding: Finding::Fine, detail: detail.into() }
    }

    fn warning(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), finding: Finding::Warning, detail: detail.into() }
    }

    fn refused(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), finding: Finding::Refused, detail: detail.into() }
    }
}

/// Looks at everything that a plan relies on. What an unfinished promotion of the same plan has already made is no
/// difference. Reads only.
pub async fn check(
    cx: &Context,
    source: &Source,
    plan: &PromotionPlan,
    unfinished: Option<&PromotionRecord>,
) -> Result<Vec<Check>> {
    let session = source.session(cx).await?;
    let mut checks = server::identity(cx, &session, plan).await?;
    let catalog = read_source_catalog(&session, cx, &plan.grounds.search_path).await?;
    checks.extend(compare::objects(&catalog, plan, unfinished));
    checks.extend(server::names(cx, &session, plan, unfinished).await?);
    checks.extend(server::foreign_partitions(cx, &session, plan).await?);
    checks.extend(server::rights(cx, &session, plan).await?);
    checks.extend(server::transactions(cx, &session).await?);
    checks.extend(server::disk(cx, &session, source.is_local(), plan).await?);
    Ok(checks)
}

/// An error that names everything for which the promotion is refused.
pub(super) fn admit(checks: &[Check]) -> Result<()> {
    let refused: Vec<String> = checks
        .iter()
        .filter(|c| c.finding == Finding::Refused)
        .map(|c| format!("{}: {}", c.name, c.detail))
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Error::invalid("the plan does not fit the source as it is now; nothing was changed")
        .with("refused", refused.join("; "))
        .hint("run the competition again and promote its plan; `pgverse promote REPORT.json --source URL --dry-run` shows every check"))
}
