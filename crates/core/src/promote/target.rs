//! The one kind of session that may write to a source. It cannot be had without an approval.

use super::Approval;
use super::lock;
use crate::context::Context;
use crate::error::Result;
use crate::pg::{Session, Source};

/// Settings of a session that must outlive the defaults of a user's server, and survive its own client's death by
/// a second at most. Those that the server does not know are left out.
const SETTINGS: &str = "SELECT set_config(v.name, v.value, false) FROM (VALUES \
    ('default_transaction_read_only', 'off'), \
    ('default_transaction_isolation', 'read committed'), \
    ('default_transaction_deferrable', 'off'), \
    ('statement_timeout', '0'), \
    ('lock_timeout', '0'), \
    ('transaction_timeout', '0'), \
    ('idle_in_transaction_session_timeout', '0'), \
    ('idle_session_timeout', '0'), \
    ('synchronous_commit', 'on'), \
    ('client_min_messages', 'warning') \
    ) v(name, value) JOIN pg_settings s ON s.name = v.name";

/// Ends what runs for a client that is gone. Not every operating system can tell.
const CHECK_CLIENT: &str = "SET client_connection_check_interval = '1s'";

/// Two sessions on a source: one that works, and one that watches the first.
#[derive(Debug)]
pub(super) struct Target {
    /// Writes; holds the promoter's lock.
    pub(super) work: Session,
    /// Looks at what the first one waits for and who waits for it.
    pub(super) watch: Session,
}

impl Target {
    /// Opens both and takes the lock that keeps other promoters out of this database.
    ///
    /// # Errors
    /// `Busy` while another promoter is at work.
    pub(super) async fn open(
        cx: &Context,
        source: &Source,
        approval: &Approval,
        search_path: &[String],
    ) -> Result<Self> {
        let work = Session::connect(cx, source.dsn(approval), "promotion").await?;
        work.rows(cx, SETTINGS, &[]).await?;
        if let Err(error) = work.batch(cx, CHECK_CLIENT).await {
            tracing::debug!(%error, "the server cannot tell whether its client is gone");
        }
        let target =
            Self { work, watch: Session::connect(cx, source.dsn(approval), "promotion watchdog").await? };
        target.watch.rows(cx, SETTINGS, &[]).await?;
        target.look_up_names(cx, search_path).await?;
        lock::acquire(cx, &target).await?;
        Ok(target)
    }

    /// Lets unqualified names of the plan mean what they meant when it was measured.
    pub(super) async fn look_up_names(&self, cx: &Context, search_path: &[String]) -> Result<()> {
        if search_path.is_empty() {
            return Ok(());
        }
        let path: Vec<String> = search_path.iter().map(|schema| crate::pg::quote::ident(schema)).collect();
        let sql = "SELECT set_config('search_path', $1, false)";
        self.work.rows(cx, sql, &[Some(path.join(", "))]).await?;
        Ok(())
    }
}
