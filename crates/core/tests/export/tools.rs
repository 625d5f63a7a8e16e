//! Each format is applied and reverted by the tool that it is for; the schema's dump is the same before and after.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pgverse_core::promote::export::{ExportOptions, Format, export, write};
use pgverse_testkit::{TestServer, require_tool};

use crate::report::{APPLIED, SCHEMA, report};

const DATABASE: &str = "app";
const PASSWORD: &str = "migrate";

/// A database and the folder of an export into it.
struct Project {
    server: TestServer,
    folder: tempfile::TempDir,
}

impl Project {
    /// With the tables, and the export of a format in `migrations`.
    async fn new(format: Format) -> Self {
        let project = Self::empty().await;
        project.server.sql(DATABASE, SCHEMA).await;
        project.export(format);
        project
    }

    async fn empty() -> Self {
        let server = TestServer::with_password(PASSWORD).await;
        server.sql("postgres", &format!("CREATE DATABASE {DATABASE}")).await;
        Self { server, folder: tempfile::tempdir().unwrap() }
    }

    fn export(&self, format: Format) {
        let folder = self.migrations();
        let made = export(&report(), format, ExportOptions { existing: Some(&folder), down_revision: None });
        write(&made.unwrap(), &folder).unwrap();
    }

    fn migrations(&self) -> PathBuf {
        self.folder.path().join("migrations")
    }

    fn url(&self) -> String {
        self.server.tcp_url(DATABASE).replace('@', &format!(":{PASSWORD}@"))
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs a program in the folder; it must succeed.
    fn run(&self, program: &Path, arguments: &[&str]) {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("DATABASE_URL", self.url());
        // Prisma's command would else ask for news and fetch engines that a driver adapter does not need.
        command.env("CHECKPOINT_DISABLE", "1").env("PRISMA_HIDE_UPDATE_MESSAGE", "1");
        command
            .env("PRISMA_QUERY_ENGINE_LIBRARY", "/bin/true")
            .env("PRISMA_SCHEMA_ENGINE_BINARY", "/bin/true");
        let output = command.output().unwrap_or_else(|e| panic!("{} does not run: {e}", program.display()));
        assert!(
            output.status.success(),
            "{} {arguments:?} failed\n{}\n{}",
            program.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// The schema without what the tools keep for themselves.
    fn dump(&self) -> String {
        let url = self.url();
        let own = ["alembic_version", "pgmigrations*", "_prisma_migrations", "_sqlx_migrations"];
        let mut command = Command::new(require_tool("pg_dump"));
        command.args(["--schema-only", "--no-owner", "--dbname", &url]);
        command.args(own.map(|table| format!("--exclude-table=public.{table}")));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let dump = String::from_utf8(output.stdout).unwrap();
        // Newer ones guard their dumps with a random key.
        dump.lines().filter(|l| !l.contains("restrict ")).map(|l| format!("{l}\n")).collect()
    }

    async fn is_applied(&self) -> bool {
        self.server.text(DATABASE, APPLIED).await == "true"
    }
}

/// A program of the tools that scripts/test.sh installs.
fn tool(path: &str) -> PathBuf {
    let home = std::env::var_os("PGVERSE_TEST_TOOLS").map(PathBuf::from).unwrap_or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
        cache.unwrap_or_else(home).join("pgverse-test-tools")
    });
    let tool = home.join(path);
    assert!(tool.exists(), "{} is missing: scripts/test.sh installs it", tool.display());
    tool
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_applies_and_reverts() {
    let project = Project::new(Format::Sql).await;
    let before = project.dump();
    let url = project.url();
    let run = |suffix: &str| {
        let files = std::fs::read_dir(project.migrations()).unwrap().map(|f| f.unwrap().path());
        let file = files.into_iter().find(|f| f.to_str().unwrap().ends_with(suffix)).unwrap();
        let file = file.to_str().unwrap();
        project.run(&require_tool("psql"), &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &url, "-f", file]);
    };
    for _ in 0..2 {
        run(".up.sql");
        assert!(project.is_applied().await);
        run(".down.sql");
        assert_eq!(project.dump(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alembic_applies_and_reverts() {
    let project = Project::empty().await;
    project.server.sql(DATABASE, SCHEMA).await;
    let alembic = tool("python/bin/alembic");
    project.run(&alembic, &["init", "alembic"]);
    let url = project.url().replace("postgresql://", "postgresql+psycopg://");
    project.file(
        "alembic.ini",
        &format!(
            "[alembic]\nscript_location = alembic\nversion_locations = migrations\nsqlalchemy.url = {url}\n"
        ),
    );
    project.file("alembic/env.py", include_str!("env.py"));
    project.file(
        "migrations/0a_first.py",
        "revision = '0a'\ndown_revision = None\n\ndef upgrade():\n    pass\n\ndef downgrade():\n    pass\n",
    );
    project.run(&alembic, &["upgrade", "head"]);
    project.export(Format::Alembic);
    let before = project.dump();
    project.run(&alembic, &["upgrade", "head"]);
    assert!(project.is_applied().await);
    project.run(&alembic, &["downgrade", "0a"]);
    assert_eq!(project.dump(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlx_applies_and_reverts() {
    let project = Project::new(Format::Sqlx).await;
    let before = project.dump();
    let sqlx = tool("sqlx/bin/sqlx");
    for _ in 0..2 {
        project.run(&sqlx, &["migrate", "run", "--source", "migrations"]);
        assert!(project.is_applied().await);
        project.run(&sqlx, &["migrate", "revert", "--source", "migrations", "--target-version", "0"]);
        assert_eq!(project.dump(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_pg_migrate_applies_and_reverts() {
    let project = Project::new(Format::NodePgMigrate).await;
    let before = project.dump();
    let tool = tool("node/node_modules/.bin/node-pg-migrate");
    project.run(&tool, &["up", "--migrations-dir", "migrations"]);
    assert!(project.is_applied().await);
    project.run(&tool, &["down", "100", "--migrations-dir", "migrations"]);
    assert_eq!(project.dump(), before);
}

/// Prisma's command with the schema engine that comes as WebAssembly, since the other one is not in a registry.
#[tokio::test(flavor = "multi_thread")]
async fn prisma_applies_and_its_files_revert() {
    let project = Project::empty().await;
    let adapter = tool("node/node_modules/@prisma/adapter-pg/dist/index.mjs");
    let config = tool("node/node_modules/prisma/config.js");
    project.file(
        "prisma/schema.prisma",
        "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n",
    );
    project.file("migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    project.file("migrations/0_first/migration.sql", SCHEMA);
    project.file(
        "prisma.config.mjs",
        &format!(
            "import config from {:?};\nimport {{ PrismaPg }} from {:?};\n{}",
            config,
            adapter,
            include_str!("prisma.config.mjs")
        ),
    );
    let prisma = tool("node/node_modules/.bin/prisma");
    project.run(&prisma, &["migrate", "deploy"]);
    project.export(Format::Prisma);
    let before = project.dump();
    project.run(&prisma, &["migrate", "deploy"]);
    assert!(project.is_applied().await);
    let mut names: Vec<String> = std::fs::read_dir(project.migrations())
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .filter(|name| project.migrations().join(name).join("down.sql").exists())
        .collect();
    names.sort();
    // One start of the command takes seconds; the last of them shows that it takes the files, psql sends the others.
    let url = project.url();
    for (number, name) in names.iter().rev().enumerate() {
        let file = format!("migrations/{name}/down.sql");
        if number == 0 {
            project.run(&prisma, &["db", "execute", "--schema", "prisma/schema.prisma", "--file", &file]);
        } else {
            let once = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &url, "-f", &file];
            project.run(&require_tool("psql"), &once);
        }
    }
    assert_eq!(project.dump(), before);
}
