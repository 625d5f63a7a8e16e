//! Homes for the tests of the local backend: a temporary directory, or a file system of our own in a loop file.

#![allow(clippy::unwrap_used, clippy::print_stderr, unreachable_pub, dead_code)]

pub mod source;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgverse_fork_backends::local::{GoldenSource, LocalBackend, LocalConfig, Mechanism};

/// A directory that servers can reach, removed in the end.
pub struct Place {
    path: PathBuf,
    parent: Option<tempfile::TempDir>,
}

/// What the emulator of the `zfs` command is made of.
const ZFS: &str = include_str!("zfs.sh");

impl Place {
    /// On whatever file system temporary files are.
    pub fn new() -> Self {
        let parent = tempfile::Builder::new().permissions(open()).tempdir().unwrap();
        Self { path: parent.path().join("home"), parent: Some(parent) }
    }

    /// On a file system made by `mkfs.<kind>` in a file. `None`, with a notice, where that is impossible; in
    /// CI that is a failure.
    pub fn on(kind: &str, arguments: &[&str], size: u64) -> Option<Self> {
        let parent = tempfile::Builder::new().permissions(open()).tempdir().unwrap();
        let (image, path) = (parent.path().join("image"), parent.path().join("mount"));
        std::fs::File::create(&image).unwrap().set_len(size).unwrap();
        std::fs::create_dir(&path).unwrap();
        let made = run(Command::new(format!("mkfs.{kind}")).args(arguments).arg(&image))
            .and_then(|()| run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&path)));
        match made {
            Ok(()) => Some(Self { path, parent: Some(parent) }),
            Err(why) if std::env::var_os("CI").is_none() => {
                // Not by a macro, whose output the test harness keeps to itself.
                let _ = writeln!(std::io::stderr(), "NOT TESTED on {kind}: {}", why.trim());
                None
            }
            Err(why) => panic!("CI must test on {kind}: {why}"),
        }
    }

    /// A home that is another process's, which also clears up.
    pub fn of_another(path: PathBuf) -> Self {
        Self { path, parent: None }
    }

    /// A home for which an emulator says that it lies on ZFS, and the folder of that emulator, to be put first into
    /// `PATH`. `None`, with a notice, for others than root, who may not mount; in CI that is a failure.
    pub fn on_emulated_zfs() -> Option<(Self, PathBuf)> {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "CI must test ZFS, as root");
            let _ = writeln!(std::io::stderr(), "NOT TESTED on ZFS: only root may mount");
            return None;
        }
        let place = Self::new();
        std::fs::create_dir(&place.path).unwrap();
        let tank = place.path.with_file_name("tank");
        std::fs::create_dir(&tank).unwrap();
        std::fs::write(tank.join("zfs"), ZFS).unwrap();
        let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(tank.join("zfs"), runs).unwrap();
        Some((place, tank))
    }

    /// The datasets of forks on the emulated ZFS.
    pub fn datasets_of_forks(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path.with_file_name("tank")).into_iter().flatten();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("pgverse_pgverse_fork")).collect()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn config(&self, mechanism: Option<Mechanism>) -> LocalConfig {
        LocalConfig { home: Some(self.path.clone()), mechanism, ..LocalConfig::new(script()) }
    }

    pub fn backend(&self, mechanism: Option<Mechanism>) -> LocalBackend {
        LocalBackend::new(self.config(mechanism)).unwrap()
    }

    /// What lies in one of the home's directories.
    pub fn entries(&self, part: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path.join(part)).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// No fork, no lease, no half-built image, no process.
    pub fn assert_clean(&self) {
        assert_eq!(self.entries("forks"), [""; 0]);
        assert_eq!(self.entries("leases"), [""; 0]);
        let images = self.entries("golden");
        assert!(!images.iter().any(|name| name.starts_with("build")), "{images:?}");
        let processes = pgverse_fork_backends::shared::process::working_in(&self.path);
        assert!(processes.is_empty(), "{processes:?}");
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        assert!(!mounts.contains(&format!("{}/", self.path.display())), "{mounts}");
    }
}

impl Drop for Place {
    /// Also after a failed test nothing stays: processes, mounts inside, the mount itself.
    fn drop(&mut self) {
        if self.parent.is_none() {
            return;
        }
        for process in pgverse_fork_backends::shared::process::working_in(&self.path) {
            let _ = process.signal(rustix::process::Signal::KILL);
        }
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        let inside = mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(1))
            .filter(|m| Path::new(m).starts_with(&self.path));
        for mount in inside.collect::<Vec<_>>().into_iter().rev() {
            if let Err(why) = run(Command::new("umount").arg(mount))
                .or_else(|_| run(Command::new("umount").args(["-l", mount])))
            {
                eprintln!("left behind: {why}");
            }
        }
    }
}

/// A database of two tables.
pub fn script() -> GoldenSource {
    let sql = [
        "CREATE TABLE t (id int PRIMARY KEY, word text NOT NULL)",
        "INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 20000) n",
        "CREATE TABLE \"Mixed Case\" AS SELECT 1 AS one",
    ];
    GoldenSource::Script { name: "shop".into(), sql: sql.map(str::to_owned).to_vec() }
}

fn open() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}
