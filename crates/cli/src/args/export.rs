//! `pgverse export`.

use std::path::PathBuf;

use clap::Args;
use pgverse::promote::export::Format;

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A report that --json wrote
    #[arg(value_name = "REPORT.json")]
    pub(crate) report: PathBuf,
    /// The tool that is to apply it: sql, sqlx, flyway, alembic, prisma or node-pg-migrate
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Format,
    /// Folder of the migrations; nothing in it is overwritten
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Alembic: the revision that this one follows, if it is not the head of the folder
    #[arg(long, value_name = "REVISION")]
    pub(crate) down_revision: Option<String>,
}
