//! The command under test, with a home of its own, and what it must not leave there.

#![allow(dead_code, reason = "each test program uses a part")]

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use pgverse::types::Report;

/// A folder of its own for golden images, forks and leases.
pub(crate) struct Home {
    directory: tempfile::TempDir,
}

/// What the command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("pgverse-cli-").tempdir().unwrap();
        // Servers run as another user when the tests run as root.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// A file next to the home.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file next to the home.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgverse"));
        command
            .args(args)
            .env("PGVERSE_HOME", self.path())
            .env_remove("PGVERSE_SOURCE")
            .env_remove("PGVERSE_LOG")
            .env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Said {
        said(self.command(args).output().unwrap())
    }

    /// Starts the command in a process group of its own, as a shell does.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Child {
        self.command(args).process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Names of golden images that are half-built or belong to one run.
    pub(crate) fn passing_images(&self) -> Vec<String> {
        let mut names = entries(&self.path().join("golden"));
        names.retain(|name| name.starts_with("build") || name.starts_with("run"));
        names
    }

    /// Fails if a fork, a lease or a server is left. Golden images stay; that is what they are for.
    pub(crate) fn assert_nothing_left(&self, when: &str) {
        for folder in ["forks", "leases"] {
            assert_eq!(entries(&self.path().join(folder)), [""; 0], "{when}: nothing is left in {folder}");
        }
        assert_eq!(servers_in(self.directory.path()), [""; 0], "{when}: no server is left");
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&*self.path().to_string_lossy()), "{when}: nothing is mounted: {mounts}");
    }
}

impl Said {
    /// Fails unless the command ended with this status.
    pub(crate) fn ended(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Fails unless the first error line has all of these words, and a line of help follows.
    pub(crate) fn explained(&self, words: &[&str]) -> &Self {
        let mut lines = self.stderr.lines().skip_while(|line| !line.starts_with("error: "));
        let error = lines.next().unwrap_or_else(|| panic!("there is an error line: {self:#?}"));
        for word in words {
            assert!(error.contains(word), "`{word}` in: {error}");
        }
        assert!(lines.next().is_some_and(|line| line.starts_with("help: ")), "a way out: {}", self.stderr);
        self
    }
}

/// A report file that is valid against the published schema.
pub(crate) fn valid_report(path: &Path) -> Report {
    let text = std::fs::read_to_string(path).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let errors = misfits(include_str!("../../../../schema/report.schema.json"), &value);
    assert_eq!(errors, [""; 0], "the report fits the schema");
    serde_json::from_value(value).unwrap()
}

/// Where a value does not fit a schema.
pub(crate) fn misfits(schema: &str, value: &serde_json::Value) -> Vec<String> {
    let validator = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    validator.iter_errors(value).map(|e| e.to_string()).collect()
}

pub(crate) fn said(output: Output) -> Said {
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Command lines of PostgreSQL servers whose data lies in this folder.
fn servers_in(folder: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| {
        let line = std::fs::read(process.path().join("cmdline")).ok()?;
        let cwd = std::fs::read_link(process.path().join("cwd")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let ours = line.contains(&*folder.to_string_lossy()) || cwd.starts_with(folder);
        (ours && line.contains("postgres")).then_some(line)
    });
    lines.collect()
}
