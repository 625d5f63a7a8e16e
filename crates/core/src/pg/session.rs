//! A writable session on a fork: text parameters, streaming, timing, cancellation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, pin_mut};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, private::BytesMut};
use tokio_postgres::{Client, Row, Statement};
use tokio_util::task::AbortOnDropHandle;

use super::connect::{Link, connect};
use super::error::statement_error;
use super::tls::Connector;
use super::{Dsn, error};
use crate::context::{Context, Phase};
use crate::error::{Error, ErrorKind, Result};

/// A connection that may write: to a fork, to a server of our own, or, through promotion only, to a source.
#[derive(Debug)]
pub struct Session {
    client: Arc<Client>,
    driver: AbortHandle,
    connector: Connector,
    backend_pid: i32,
    /// The thread that drives this session alone, if it has one.
    thread: Option<Handle>,
}

/// How long a statement took, and what was read just before and after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timed<T> {
    pub(crate) wall: Duration,
    pub(crate) before: T,
    pub(crate) after: T,
}

/// Parameter values in the server's text format.
pub type Parameters = [Option<String>];

/// The values of a slice of texts.
pub fn parameters(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|v| Some((*v).to_owned())).collect()
}

/// A parameter sent as text, whatever its type, so that the server's own input function reads it.
#[derive(Debug)]
struct Text<'a>(Option<&'a str>);

impl ToSql for Text<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match self.0 {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}

/// A value as the server sent it.
pub(crate) struct RawValue<'a>(pub(crate) Option<&'a [u8]>);

impl<'a> FromSql<'a> for RawValue<'a> {
    fn from_sql(
        _: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Session {
    /// Opens a session; `purpose` shows up in `pg_stat_activity` as the application name.
    pub async fn connect(cx: &Context, dsn: &Dsn, purpose: &str) -> Result<Self> {
        Self::connect_with(cx, dsn, purpose, "").await
    }

    /// Opens a session with start-up options such as `-c default_transaction_read_only=on`.
    pub(super) async fn connect_with(cx: &Context, dsn: &Dsn, purpose: &str, options: &str) -> Result<Self> {
        Ok(Self::open(cx, dsn, purpose, options).await?.0)
    }

    /// Opens a session that a thread of its own drives, so that what is timed in it waits for nothing else in this
    /// process.
    pub(crate) async fn connect_on_own_thread(cx: &Context, dsn: &Dsn, purpose: &str) -> Result<Self> {
        let failed = "cannot start a thread for a session";
        let (tell, told) = oneshot::channel();
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::new(ErrorKind::Process, failed).caused_by(e))?;
        let (cx, dsn, purpose) = (cx.clone(), dsn.clone(), purpose.to_owned());
        let live = async move {
            match Self::open(&cx, &dsn, &purpose, "").await {
                Ok((mut session, driver)) => {
                    session.thread = Some(Handle::current());
                    // Dropped with the answer if nobody waits any more. The thread ends with its connection.
                    drop(tell.send(Ok(session)));
                    drop(driver.await);
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        };
        std::thread::Builder::new()
            .name("pgverse-session".to_owned())
            .spawn(move || runtime.block_on(live))
            .map_err(|e| Error::new(ErrorKind::Process, failed).caused_by(e))?;
        told.await.map_err(|e| Error::internal("the thread of a session ended").caused_by(e))?
    }

    async fn open(cx: &Context, dsn: &Dsn, purpose: &str, options: &str) -> Result<(Self, JoinHandle<()>)> {
        let Link { client, driver, connector } = cx.guard(Box::pin(connect(dsn, purpose, options))).await?;
        let (client, abort) = (Arc::new(client), driver.abort_handle());
        let mut session = Self { client, driver: abort, connector, backend_pid: 0, thread: None };
        let row = session.one(cx, "SELECT pg_backend_pid()", &[]).await?;
        session.backend_pid = row.try_get(0).map_err(|e| statement_error(e, "SELECT pg_backend_pid()"))?;
        Ok((session, driver))
    }

    /// Process id of the server process behind this session.
    pub fn backend_pid(&self) -> i32 {
        self.backend_pid
    }

    /// Runs statements that return nothing, separated by semicolons, in the simple protocol.
    pub async fn batch(&self, cx: &Context, sql: &str) -> Result<()> {
        self.guarded(cx, sql, self.client.batch_execute(sql)).await
    }

    /// Runs one statement and returns its rows.
    pub async fn rows(&self, cx: &Context, sql: &str, values: &Parameters) -> Result<Vec<Row>> {
        self.guarded(cx, sql, async {
            let statement = self.client.prepare(sql).await?;
            let stream = self.client.query_raw(&statement, texts(values)).await?;
            stream.try_collect().await
        })
        .await
    }

    /// Runs one statement that returns exactly one row.
    pub async fn one(&self, cx: &Context, sql: &str, values: &Parameters) -> Result<Row> {
        let mut rows = self.rows(cx, sql, values).await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => Ok(row),
            _ => Err(Error::internal("expected exactly one row").with("statement", error::shorten(sql))),
        }
    }

    /// Runs one statement that returns one text value.
    pub async fn text(&self, cx: &Context, sql: &str, values: &Parameters) -> Result<String> {
        let row = self.one(cx, sql, values).await?;
        row.try_get(0).map_err(|e| statement_error(e, sql))
    }

    /// Runs one statement whose rows are JSON values in the first column.
    pub async fn json(&self, cx: &Context, sql: &str, values: &Parameters) -> Result<Vec<serde_json::Value>> {
        let rows = self.rows(cx, sql, values).await?;
        rows.iter().map(|row| row.try_get(0).map_err(|e| statement_error(e, sql))).collect()
    }

    /// Lets the server parse and type a statement without running it.
    pub async fn prepare(&self, cx: &Context, sql: &str) -> Result<Statement> {
        self.guarded(cx, sql, self.client.prepare(sql)).await
    }

    /// Runs a prepared statement and hands each row to `each` as it arrives.
    pub(crate) async fn stream(
        &self,
        cx: &Context,
        statement: &Statement,
        sql: &str,
        values: &Parameters,
        mut each: impl FnMut(&Row) -> Result<()> + Send,
    ) -> Result<()> {
        let rows = self.guarded(cx, sql, self.client.query_raw(statement, texts(values))).await?;
        pin_mut!(rows);
        while let Some(row) = self.guarded(cx, sql, async { rows.next().await.transpose() }).await? {
            each(&row)?;
        }
        Ok(())
    }

    /// Runs a statement, receives and drops all its rows, and returns the time that took. With a prepared
    /// statement the values are bound to it; without one the text is sent as it is and planned anew, as an
    /// application without parameters does.
    pub(crate) async fn time(
        &self,
        cx: &Context,
        prepared: Option<&Statement>,
        sql: &str,
        values: &Parameters,
    ) -> Result<Duration> {
        Ok(self.timed(cx, prepared, sql, values, || ()).await?.wall)
    }

    /// The same; on the session's own thread, if it has one, which also calls `read` before and after.
    pub(crate) async fn timed<T: Send + 'static>(
        &self,
        cx: &Context,
        prepared: Option<&Statement>,
        sql: &str,
        values: &Parameters,
        read: impl Fn() -> T + Send + 'static,
    ) -> Result<Timed<T>> {
        let (client, prepared) = (Arc::clone(&self.client), prepared.cloned());
        let (text, values) = (sql.to_owned(), values.to_vec());
        let run = async move {
            let before = read();
            let begin = Instant::now();
            match &prepared {
                Some(statement) => {
                    let rows = client.query_raw(statement, texts(&values)).await?;
                    pin_mut!(rows);
                    while rows.next().await.transpose()?.is_some() {}
                }
                None => {
                    let messages = client.simple_query_raw(&text).await?;
                    pin_mut!(messages);
                    while messages.next().await.transpose()?.is_some() {}
                }
            }
            let wall = begin.elapsed();
            Ok(Timed { wall, before, after: read() })
        };
        self.watched(cx, async {
            let outcome: std::result::Result<Timed<T>, tokio_postgres::Error> = match &self.thread {
                Some(thread) => AbortOnDropHandle::new(thread.spawn(run))
                    .await
                    .map_err(|e| Error::internal("the thread of a session ended").caused_by(e))?,
                None => run.await,
            };
            outcome.map_err(|e| statement_error(e, sql))
        })
        .await
    }

    /// Awaits a request under the context; on cancellation or deadline the server is told to stop too.
    async fn guarded<T>(
        &self,
        cx: &Context,
        sql: &str,
        request: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        self.watched(cx, async { request.await.map_err(|e| statement_error(e, sql)) }).await
    }

    async fn watched<T>(&self, cx: &Context, request: impl Future<Output = Result<T>>) -> Result<T> {
        let _busy = cx.meter().enter(Phase::Postgres);
        let result = cx.guard(request).await;
        if let Err(error) = &result
            && matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Timeout)
            && cx.check().is_err()
        {
            let token = self.client.cancel_token();
            let connector = self.connector.clone();
            tokio::spawn(async move {
                if let Err(error) = connector.cancel(token).await {
                    tracing::debug!(%error, "cancel request failed");
                }
            });
        }
        result
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The client tells the server goodbye when it is dropped; the driver ends by itself then. A server
        // that no longer answers would keep it forever.
        if self.client.is_closed() {
            self.driver.abort();
        }
    }
}

fn texts(values: &Parameters) -> impl ExactSizeIterator<Item = Text<'_>> {
    values.iter().map(|v| Text(v.as_deref()))
}
