//! What the journal says.

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{Parameters, Session, Source};
use crate::types::PromotionPlan;

/// How far a promotion came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromotionState {
    /// Under way, or its promoter died.
    Promoting,
    /// All of it is in place.
    Promoted,
    /// Being undone, or who did that died.
    RollingBack,
    /// Nothing of it is left.
    RolledBack,
}

impl PromotionState {
    /// As the journal spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promoting => "promoting",
            Self::Promoted => "promoted",
            Self::RollingBack => "rolling_back",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Begun.
    Running,
    /// In place.
    Done,
    /// Being undone.
    Undoing,
    /// Undone.
    Undone,
}

impl StepState {
    /// As the journal spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }
}

/// One promotion in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PromotionRecord {
    /// Its number; what `rollback` wants.
    pub id: i64,
    /// Hash of its plan.
    pub hash: String,
    /// Candidate that it promotes.
    pub candidate: String,
    /// How far it came.
    pub state: PromotionState,
    /// When it began, as the server prints it.
    pub started: String,
    /// When its state last changed.
    pub changed: String,
    /// Role that promoted it.
    pub by_role: String,
    /// Why it was undone or interrupted, if it was.
    pub error: Option<String>,
    /// The plan.
    pub plan: PromotionPlan,
    /// Whether the plans of the judged statements use it.
    pub verification: Option<serde_json::Value>,
    /// What the statistics of statements say since.
    pub realized: Option<serde_json::Value>,
    /// Its steps.
    pub steps: Vec<StepRecord>,
}

/// One step in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StepRecord {
    /// From 1.
    pub number: usize,
    /// One line.
    pub title: String,
    /// How far it came.
    pub state: StepState,
    /// How many of its actions are done.
    pub actions_done: usize,
    /// What was there before it, where it replaces something.
    pub earlier: Option<serde_json::Value>,
}

const EXISTS: &str = "SELECT 1 WHERE to_regclass('pgverse.promotion') IS NOT NULL";

const RECORDS: &str = "SELECT json_build_object('id', p.id, 'hash', p.hash, 'candidate', p.candidate, 'state', p.state, \
    'started', p.started::timestamptz(0)::text, 'changed', p.changed::timestamptz(0)::text, 'by_role', p.by_role, \
    'error', p.error, 'plan', p.plan, 'verification', p.verification, 'realized', p.realized, \
    'steps', (SELECT coalesce(json_agg(json_build_object('number', s.number, 'title', s.title, 'state', s.state, \
        'actions_done', s.actions_done, 'earlier', s.earlier) ORDER BY s.number), '[]'::json) \
        FROM pgverse.step s WHERE s.promotion = p.id)) FROM pgverse.promotion p";

/// Every promotion that the source's journal knows, oldest first; none if there is no journal.
pub async fn promotions(cx: &Context, source: &Source) -> Result<Vec<PromotionRecord>> {
    let session = source.session(cx).await?;
    if session.rows(cx, EXISTS, &[]).await?.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.rows(cx, &format!("{RECORDS} ORDER BY p.id"), &[]).await?;
    rows.iter()
        .map(|row| {
            let value: serde_json::Value =
                row.try_get(0).map_err(|e| Error::internal("the journal cannot be read").caused_by(e))?;
            record(value)
        })
        .collect()
}

/// The promotions for which a condition holds, through a session that already works on them.
pub(in crate::promote) async fn records_where(
    cx: &Context,
    session: &Session,
    condition: &str,
    values: &Parameters,
) -> Result<Vec<PromotionRecord>> {
    let sql = format!("{RECORDS} WHERE {condition} ORDER BY p.id");
    session.json(cx, &sql, values).await?.into_iter().map(record).collect()
}

fn record(value: serde_json::Value) -> Result<PromotionRecord> {
    serde_json::from_value(value).map_err(|e| {
        Error::internal("the journal does not have the expected shape")
            .caused_by(e)
            .hint("it was written by another version of pgverse; use that one")
    })
}
