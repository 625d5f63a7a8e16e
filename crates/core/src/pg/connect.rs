//! Opens connections.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use super::Dsn;
use super::error::connect_error;
use crate::error::Result;

/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects and drives the connection on a task of its own, which ends when the client is dropped.
pub(super) async fn connect(dsn: &Dsn, purpose: &str, options: &str) -> Result<(Client, JoinHandle<()>)> {
    let mut config = dsn.config().clone();
    config.application_name(format!("pgverse {purpose}"));
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if !options.is_empty() {
        let all = config.get_options().map_or_else(|| options.to_owned(), |o| format!("{o} {options}"));
        config.options(all);
    }
    let (client, connection) = config.connect(NoTls).await.map_err(|e| connect_error(e, dsn))?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    });
    Ok((client, driver))
}
