//! The journal: what was promoted, step by step, in a schema of its own in the target. Every state is written before
//! what it announces and after what it reports; what can run in a transaction shares it with its entry.

mod record;

pub(super) use record::records_where;
pub use record::{PromotionRecord, PromotionState, StepRecord, StepState, promotions};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{Parameters, Session};
use crate::types::PromotionPlan;

const SCHEMA: &str = include_str!("schema.sql");
const COMMENT: &str = "journal of pgverse, format 1";

/// The journal's page of one promotion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journal {
    pub(super) id: i64,
}

/// Makes the journal's tables, unless they are there.
pub(super) async fn prepare(cx: &Context, session: &Session) -> Result<()> {
    let sql = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'pgverse'";
    let rows = session.rows(cx, sql, &[]).await?;
    if let Some(row) = rows.first() {
        let comment: Option<String> = row.try_get(0).unwrap_or_default();
        if comment.as_deref() == Some(COMMENT) {
            return Ok(());
        }
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the schema pgverse is not a journal that this version knows",
        )
        .with("comment", comment.unwrap_or_default())
        .hint("rename or drop the schema pgverse, or use the version of pgverse that made it"));
    }
    let made = session.batch(cx, &format!("BEGIN; {SCHEMA} COMMIT")).await;
    if made.is_err() {
        let _ = session.batch(&cx.for_cleanup(), "ROLLBACK").await;
    }
    made.map_err(|error| error.hint("the role needs the right to create the schema pgverse in this database"))
}

impl Journal {
    /// Opens a page for a plan.
    pub(super) async fn begin(cx: &Context, session: &Session, plan: &PromotionPlan) -> Result<Self> {
        let json = serde_json::to_string(plan)
            .map_err(|e| Error::internal("the plan cannot be written as JSON").caused_by(e))?;
        let titles: Vec<&str> = plan.steps.iter().map(|s| s.title.as_str()).collect();
        let titles = serde_json::to_string(&titles)
            .map_err(|e| Error::internal("the plan cannot be written as JSON").caused_by(e))?;
        let sql = "WITH p AS (INSERT INTO pgverse.promotion (hash, candidate, state, plan, by_version) \
                     VALUES ($1, $2, 'promoting', $3::jsonb, $4) RETURNING id), \
                   s AS (INSERT INTO pgverse.step (promotion, number, title, state) \
                     SELECT p.id, t.number, t.title, 'pending' \
                     FROM p, jsonb_array_elements_text($5::jsonb) WITH ORDINALITY t(title, number)), \
                   h AS (INSERT INTO pgverse.history (promotion, state) SELECT id, 'promoting' FROM p) \
                   SELECT id::text FROM p";
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let values = [
            Some(plan.hash.clone()),
            Some(plan.candidate.to_string()),
            Some(json),
            Some(version),
            Some(titles),
        ];
        let id = session.text(cx, sql, &values).await?;
        let id = id.parse().map_err(|e| Error::internal("a promotion's id is no number").caused_by(e))?;
        Ok(Self { id })
    }

    /// The promotion is in another state.
    pub(super) async fn enter(
        self,
        cx: &Context,
        session: &Session,
        state: PromotionState,
        error: Option<&Error>,
    ) -> Result<()> {
        let sql = "WITH p AS (UPDATE pgverse.promotion SET state = $2, error = coalesce($3, error), \
                     changed = clock_timestamp() WHERE id = $1::bigint RETURNING id) \
                   INSERT INTO pgverse.history (promotion, state, detail) SELECT id, $2, $3 FROM p";
        let error = error.map(ToString::to_string);
        self.write(cx, session, sql, &[self.key(), Some(state.as_str().into()), error]).await
    }

    /// A step is in another state, with this many of its actions done.
    pub(super) async fn step(
        self,
        cx: &Context,
        session: &Session,
        number: usize,
        state: StepState,
        actions_done: usize,
    ) -> Result<()> {
        let sql = "WITH s AS (UPDATE pgverse.step SET state = $3, actions_done = $4::int, changed = clock_timestamp() \
                     WHERE promotion = $1::bigint AND number = $2::int RETURNING promotion, number) \
                   INSERT INTO pgverse.history (promotion, step, state, detail) \
                     SELECT promotion, number, $3, $4 || ' actions done' FROM s";
        let values = [
            self.key(),
            Some(number.to_string()),
            Some(state.as_str().into()),
            Some(actions_done.to_string()),
        ];
        self.write(cx, session, sql, &values).await
    }

    /// What was there before a step, for the way back.
    pub(super) async fn earlier(
        self,
        cx: &Context,
        session: &Session,
        number: usize,
        earlier: &serde_json::Value,
    ) -> Result<()> {
        let sql =
            "UPDATE pgverse.step SET earlier = $3::jsonb WHERE promotion = $1::bigint AND number = $2::int";
        let values = [self.key(), Some(number.to_string()), Some(earlier.to_string())];
        self.write(cx, session, sql, &values).await
    }

    /// Keeps what was found after the promotion: `verification` or `realized`.
    pub(super) async fn keep(
        self,
        cx: &Context,
        session: &Session,
        verification: Option<&impl serde::Serialize>,
        realized: Option<&impl serde::Serialize>,
    ) -> Result<()> {
        let sql = "UPDATE pgverse.promotion SET verification = coalesce($2::jsonb, verification), \
                   realized = coalesce($3::jsonb, realized) WHERE id = $1::bigint";
        let values = [self.key(), json(verification)?, json(realized)?];
        self.write(cx, session, sql, &values).await
    }

    fn key(self) -> Option<String> {
        Some(self.id.to_string())
    }

    async fn write(self, cx: &Context, session: &Session, sql: &str, values: &Parameters) -> Result<()> {
        session.rows(cx, sql, values).await.map(drop).map_err(|e| e.with("journal of promotion", self.id))
    }
}

fn json(value: Option<&impl serde::Serialize>) -> Result<Option<String>> {
    let text = value.map(serde_json::to_string).transpose();
    text.map_err(|e| Error::internal("a finding cannot be written as JSON").caused_by(e))
}
