//! A promotion plan as migration files, up and down, for the tool that a project already has.
//!
//! What must not run in a transaction is kept out of one in each tool's own way; what takes a strong lock gives up
//! soon where the tool lets it. Rewritten statements, which no migration can install, come beside as patches.

mod alembic;
mod flyway;
mod migration;
mod node_pg_migrate;
mod prisma;
mod psql;
mod sqlx;
mod text;
mod write;

use std::path::{Path, PathBuf};
use std::str::FromStr;

pub(in crate::promote) use text::interval;
pub use write::write;

use super::patches::{self, Patch};
use super::promotion_of;
use crate::error::{Error, Result};
use crate::types::Report;
use migration::Migration;

/// A tool that applies migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Two scripts for psql.
    Sql,
    /// sqlx, reversible.
    Sqlx,
    /// Flyway, with undo migrations.
    Flyway,
    /// Alembic, one revision.
    Alembic,
    /// Prisma Migrate.
    Prisma,
    /// node-pg-migrate.
    NodePgMigrate,
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Self] =
        &[Self::Sql, Self::Sqlx, Self::Flyway, Self::Alembic, Self::Prisma, Self::NodePgMigrate];

    /// The name by which it is chosen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Sqlx => "sqlx",
            Self::Flyway => "flyway",
            Self::Alembic => "alembic",
            Self::Prisma => "prisma",
            Self::NodePgMigrate => "node-pg-migrate",
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|f| f.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|f| f.as_str()).collect();
            Error::invalid("there is no such export format")
                .with("format", name)
                .with("known", known.join(", "))
        })
    }
}

/// The files of an export, not yet written.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// In order; migrations first.
    pub files: Vec<ExportFile>,
    /// The rewritten statements, which are among the files as Markdown and JSON.
    pub patches: Vec<Patch>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFile {
    /// Below the folder of the export.
    pub path: PathBuf,
    /// Content.
    pub text: String,
}

impl ExportFile {
    fn new(path: impl Into<PathBuf>, text: String) -> Self {
        Self { path: path.into(), text }
    }
}

/// What an export asks beside the report.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions<'a> {
    /// Folder with the migrations that are there already; Alembic's head is read from it.
    pub existing: Option<&'a Path>,
    /// Alembic's `down_revision`, instead of the head of the folder.
    pub down_revision: Option<&'a str>,
}

/// The plan of a report's winner as files.
///
/// # Errors
/// `NotFound` without a winner; `InvalidInput` if the report's plan and its hash do not belong together, if its start is
/// no time, or if Alembic's folder has several heads and no revision is given.
pub fn export(report: &Report, format: Format, options: ExportOptions<'_>) -> Result<Export> {
    let migration = Migration::of(report, &promotion_of(report)?)?;
    let mut files = if migration.units.is_empty() {
        Vec::new()
    } else {
        match format {
            Format::Sql => psql::files(&migration),
            Format::Sqlx => sqlx::files(&migration),
            Format::Flyway => flyway::files(&migration),
            Format::Alembic => alembic::files(&migration, options)?,
            Format::Prisma => prisma::files(&migration),
            Format::NodePgMigrate => node_pg_migrate::files(&migration),
        }
    };
    let patches = patches::of(report);
    if !patches.is_empty() {
        // node-pg-migrate takes every file of its folder for a migration; the others take every folder for one, or
        // skip what they do not know.
        let folder = if format == Format::NodePgMigrate { "pgverse_rewrites" } else { "" };
        let name = format!("{}_pgverse_rewrites", migration.version(0));
        let markdown = patches::markdown(report, &patches);
        let json = serde_json::to_string_pretty(&patches)
            .map_err(|e| Error::internal("patches cannot be written as JSON").caused_by(e))?;
        files.push(ExportFile::new(Path::new(folder).join(format!("{name}.md")), markdown));
        files.push(ExportFile::new(Path::new(folder).join(format!("{name}.json")), json + "\n"));
    }
    Ok(Export { files, patches })
}
