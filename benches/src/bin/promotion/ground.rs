//! A server as in production, with crash safety, that can be killed and started again, and what the figures ask of it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use pgverse::fork_backends::shared::process;
use pgverse::fork_backends::shared::server::{PORT, SUPERUSER, initdb};
use pgverse::fork_backends::shared::{Account, Programs, Server, ServerSpec, Settings};
use pgverse::pg::{Dsn, Session, Source, read_catalog};
use pgverse::promote::{
    Approval, Policy, Promoted, PromotionRecord, PromotionState, StepState, plan, promote, promotions,
};
use pgverse::types::{Candidate, Change, ObjectFacts, Operation, PromotionPlan, SourceReport, Workload};
use pgverse::{Context, Error, Result};
use rustix::process::Signal;

pub(crate) const DATABASE: &str = "shop";

/// Ended, and its files removed, when this is dropped.
pub(crate) struct Ground {
    pub(crate) cx: Context,
    programs: Programs,
    account: Account,
    directory: tempfile::TempDir,
    server: Server,
}

impl Ground {
    /// A server with a database that this script fills.
    pub(crate) async fn new(script: &str) -> Result<Self> {
        let cx = Context::new();
        let (programs, account) = (Programs::find(None)?, Account::resolve()?);
        // Servers run as another user where we are root, who must be able to get there.
        let reachable = std::fs::Permissions::from_mode(0o755);
        let directory = tempfile::Builder::new()
            .prefix("promotion")
            .permissions(reachable)
            .tempdir()
            .map_err(|e| Error::internal("no directory can be made").caused_by(e))?;
        account.give(directory.path())?;
        let settings = Settings::default().with("shared_buffers", "128MB").with("listen_addresses", "");
        initdb(&cx, &programs, &account, &directory.path().join("data"), &settings).await?;
        let server = spawn(&programs, &account, directory.path())?;
        let this = Self { cx, programs, account, directory, server };
        let dsn = this.server.ready(&this.cx, SUPERUSER, "postgres").await?;
        let session = Session::connect(&this.cx, &dsn, "bench").await?;
        session.batch(&this.cx, &format!("CREATE DATABASE {DATABASE}")).await?;
        this.session().await?.batch(&this.cx, script).await?;
        Ok(this)
    }

    pub(crate) fn socket(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn dsn(&self) -> Dsn {
        dsn(self.socket())
    }

    pub(crate) fn source(&self) -> Source {
        Source::new(self.dsn())
    }

    pub(crate) fn program(&self, name: &str) -> Result<std::path::PathBuf> {
        self.programs.tool(name)
    }

    pub(crate) async fn session(&self) -> Result<Session> {
        Session::connect(&self.cx, &self.dsn(), "bench").await
    }

    pub(crate) async fn text(&self, sql: &str) -> Result<String> {
        self.session().await?.text(&self.cx, sql, &[]).await
    }

    /// Kill -9 of every process of the server.
    pub(crate) fn kill(&self) {
        let _ = self.server.process().signal(Signal::KILL);
        for left in process::working_in(self.server.data()) {
            let _ = left.signal(Signal::KILL);
        }
    }

    /// Starts it again, once all of its processes are gone.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        for left in process::working_in(self.server.data()) {
            left.gone_within(Duration::from_secs(10)).await;
        }
        self.server = spawn(&self.programs, &self.account, self.directory.path())?;
        self.server.ready(&self.cx, SUPERUSER, DATABASE).await.map(drop)
    }

    /// A plan of these operations, made for the database as it is now.
    pub(crate) async fn plan(&self, operations: Vec<Operation>) -> Result<PromotionPlan> {
        let catalog = read_catalog(&self.session().await?, &self.cx).await?;
        let mut candidate = Candidate::new("bench", Change { operations });
        candidate.change.see_catalog(&catalog);
        let mut report = SourceReport::of(&catalog);
        report.objects = catalog.tables.iter().map(|t| ObjectFacts::of(&catalog, t)).collect();
        report.objects.retain(|o| o.schema != "pgverse");
        Ok(plan(&candidate, &[], &report))
    }

    pub(crate) async fn promote(&self, plan: &PromotionPlan, policy: &Policy) -> Result<Promoted> {
        let approval = Approval::of(plan, &plan.hash)?;
        promote(&self.cx, &self.source(), plan, &Workload::default(), &approval, policy).await
    }

    pub(crate) async fn records(&self) -> Result<Vec<PromotionRecord>> {
        promotions(&self.cx, &self.source()).await
    }

    /// What is wrong: invalid indexes, and steps whose state does not fit that of their promotion.
    pub(crate) async fn unsound(&self) -> Result<Vec<String>> {
        let sql = "SELECT coalesce(string_agg(indexrelid::regclass::text, ' '), '') FROM pg_index \
                   WHERE NOT (indisvalid AND indisready)";
        let invalid = self.text(sql).await?;
        let mut wrong: Vec<String> = Vec::new();
        wrong.extend((!invalid.is_empty()).then(|| format!("invalid indexes: {invalid}")));
        for record in self.records().await? {
            let expected: &[StepState] = match record.state {
                PromotionState::Promoted => &[StepState::Done],
                PromotionState::RolledBack => &[StepState::Undone, StepState::Pending],
                state => {
                    wrong.push(format!("promotion {} is left {}", record.id, state.as_str()));
                    continue;
                }
            };
            let misfits = record.steps.iter().filter(|s| !expected.contains(&s.state));
            wrong.extend(
                misfits.map(|s| format!("promotion {}, step {}: {:?}", record.id, s.number, s.state)),
            );
        }
        Ok(wrong)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        pgverse_testkit::end(&self.server);
    }
}

fn spawn(programs: &Programs, account: &Account, directory: &Path) -> Result<Server> {
    Server::spawn(ServerSpec {
        programs,
        account,
        data: &directory.join("data"),
        socket: directory,
        log: &directory.join("log"),
        settings: &Settings::default(),
    })
}

/// How to reach the database of a server by its socket.
pub(crate) fn dsn(socket: &Path) -> Dsn {
    Dsn::socket(socket, PORT, SUPERUSER, DATABASE)
}

pub(crate) fn statistics(table: &str, columns: &[&str]) -> Operation {
    Operation::CreateStatistics {
        schema: "public".into(),
        table: table.into(),
        name: format!("{table}_bench_stats"),
        kinds: Vec::new(),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        expressions: Vec::new(),
    }
}

pub(crate) fn constraint(table: &str, definition: &str) -> Operation {
    Operation::AddConstraint {
        schema: "public".into(),
        table: table.into(),
        name: format!("{table}_bench_check"),
        definition: definition.into(),
    }
}

pub(crate) fn view(name: &str, query: &str, key: &str) -> Operation {
    Operation::CreateMaterializedView {
        schema: "public".into(),
        name: name.into(),
        query: query.into(),
        unique_key: vec![key.into()],
        refresh: pgverse::types::Refresh { every_seconds: 3600.0, concurrently: true },
    }
}
