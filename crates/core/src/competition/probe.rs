//! The probe that agents ask: read-only, under a time-out, on their own universe; and beside it their workbench.

use async_trait::async_trait;

use super::workbench::LabBench;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{Dsn, Session, explain};
use crate::traits::{Probe, Workbench};
use crate::types::Plan;

/// A read-only session of its own on the universe.
#[derive(Debug)]
pub(super) struct SessionProbe {
    session: Session,
    workbench: LabBench,
}

impl SessionProbe {
    /// Opens the session; each question takes at most `timeout_seconds`.
    pub(super) async fn open(
        cx: &Context,
        dsn: &Dsn,
        timeout_seconds: f64,
        workbench: LabBench,
    ) -> Result<Self> {
        let session = Session::connect(cx, dsn, "probe").await?;
        let milliseconds = (timeout_seconds * 1e3).ceil();
        session
            .batch(
                cx,
                &format!("SET default_transaction_read_only TO on; SET statement_timeout TO {milliseconds}"),
            )
            .await?;
        Ok(Self { session, workbench })
    }

    async fn begin(&self, cx: &Context) -> Result<()> {
        self.session.batch(cx, "BEGIN READ ONLY").await
    }

    async fn end(&self, cx: &Context) -> Result<()> {
        self.session.batch(cx, "ROLLBACK").await
    }
}

#[async_trait]
impl Probe for SessionProbe {
    async fn query(&self, cx: &Context, sql: &str) -> Result<Vec<serde_json::Value>> {
        if sql.trim().is_empty() {
            return Err(Error::invalid("a probe was asked nothing"));
        }
        self.begin(cx).await?;
        let wrapped = format!("SELECT to_json(probe) FROM ({sql}\n) AS probe");
        let rows = self.session.json(cx, &wrapped, &[]).await;
        self.end(cx).await?;
        rows
    }

    async fn explain(&self, cx: &Context, sql: &str, values: &[Option<String>]) -> Result<Plan> {
        self.begin(cx).await?;
        let plan = explain(&self.session, cx, sql, values).await;
        self.end(cx).await?;
        plan
    }

    fn workbench(&self) -> Option<&dyn Workbench> {
        Some(&self.workbench)
    }
}
