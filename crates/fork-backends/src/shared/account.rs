//! Whom servers run as: ourselves, or, because PostgreSQL refuses root, an unprivileged user.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use pgverse_core::{Error, ErrorKind, Result};
use rustix::fs::{Gid, Uid};

use super::files;

/// Names the user explicitly.
pub const OS_USER: &str = "PGVERSE_OS_USER";

/// A user of the operating system that runs servers and owns their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    name: String,
    uid: u32,
    gid: u32,
    switch: bool,
}

impl Account {
    /// Ourselves unless we are root; for root `PGVERSE_OS_USER`, else the user behind sudo, else
    /// `postgres` if there is one, else `nobody`.
    pub fn resolve() -> Result<Self> {
        let uid = rustix::process::geteuid();
        if !uid.is_root() {
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self { name: format!("uid {}", uid.as_raw()), uid: uid.as_raw(), gid, switch: false });
        }
        let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        if let Some(name) = set(OS_USER) {
            return Self::named(&name).map_err(|e| e.with("setting", OS_USER));
        }
        if let (Some(uid), Some(gid)) = (number(set("SUDO_UID")), number(set("SUDO_GID")))
            && uid != 0
        {
            return Ok(Self { name: set("SUDO_USER").unwrap_or_default(), uid, gid, switch: true });
        }
        Self::named("postgres").or_else(|_| Self::named("nobody")).map_err(|e| {
            e.hint(format!("PostgreSQL does not run as root: name an unprivileged user in {OS_USER}"))
        })
    }

    /// The user of this name; the switch works for root only.
    pub fn named(name: &str) -> Result<Self> {
        let missing =
            || Error::new(ErrorKind::NotFound, "there is no such operating system user").with("user", name);
        // `id` asks whatever directory service the machine uses, not /etc/passwd alone.
        let ask = |what: &str| {
            let output = Command::new("id").args([what, "--", name]).output().ok()?;
            number(Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()))
        };
        let (uid, gid) = ask("-u").zip(ask("-g")).ok_or_else(missing)?;
        if uid == 0 {
            return Err(Error::invalid("PostgreSQL does not run as root").with("user", name));
        }
        Ok(Self { name: name.to_owned(), uid, gid, switch: rustix::process::geteuid().is_root() })
    }

    /// Name for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Numeric user id.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// A command that runs as this user, in a process group of its own, so that Ctrl-C on the terminal
    /// reaches us and not the server. Messages of the programs are in English so that we can read them.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.process_group(0).env("LC_MESSAGES", "C").env("LC_ALL", "C").current_dir("/");
        if self.switch {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Owner to set on files, `None` if what we make is owned by this user anyway.
    pub fn owner(&self) -> Option<(Uid, Gid)> {
        self.switch.then(|| (Uid::from_raw(self.uid), Gid::from_raw(self.gid)))
    }

    /// Makes a file or directory this user's own.
    pub fn give(&self, path: &Path) -> Result<()> {
        let Some((uid, gid)) = self.owner() else { return Ok(()) };
        rustix::fs::chown(path, Some(uid), Some(gid)).map_err(|e| files::failed("cannot give away", path, e))
    }

    /// The same for a whole tree; links are not followed.
    pub fn give_tree(&self, root: &Path) -> Result<()> {
        let Some((uid, gid)) = self.owner() else { return Ok(()) };
        let mut open = vec![root.to_owned()];
        while let Some(path) = open.pop() {
            std::os::unix::fs::lchown(&path, Some(uid.as_raw()), Some(gid.as_raw()))
                .map_err(|e| files::failed("cannot give away", &path, e))?;
            if path.symlink_metadata().is_ok_and(|m| m.is_dir()) {
                let entries = std::fs::read_dir(&path).map_err(|e| files::failed("cannot read", &path, e))?;
                open.extend(entries.flatten().map(|entry| entry.path()));
            }
        }
        Ok(())
    }

    /// Makes a private directory of this user's own. Fails if it exists.
    pub fn create_private(&self, path: &Path) -> Result<()> {
        files::create_private(path)?;
        self.give(path)
    }

    /// An error if this user cannot pass through to what lies at `path`.
    pub fn require_reach(&self, path: &Path) -> Result<()> {
        if !self.switch {
            return Ok(());
        }
        for directory in path.ancestors().skip(1) {
            let Ok(meta) = directory.metadata() else { continue };
            let bit = if meta.uid() == self.uid {
                0o100
            } else if meta.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if meta.mode() & bit == 0 {
                return Err(Error::new(
                    ErrorKind::Permission,
                    "the user that runs the server cannot reach a directory",
                )
                .with("user", &self.name)
                .with("directory", directory.display())
                .with("path", path.display())
                .hint(
                    "choose a home outside of it with PGVERSE_HOME, or another user with PGVERSE_OS_USER",
                ));
            }
        }
        Ok(())
    }
}

fn number(text: Option<String>) -> Option<u32> {
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn servers_never_run_as_root() {
        let account = Account::resolve().unwrap();
        assert_ne!(account.uid(), 0);
        assert_eq!(Account::named("root").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(Account::named("no such user").unwrap_err().kind(), ErrorKind::NotFound);
        let output = account.command(Path::new("id")).arg("-u").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), account.uid().to_string());
    }

    #[test]
    fn a_closed_directory_is_named() {
        let account = Account::resolve().unwrap();
        let closed = tempfile::tempdir().unwrap();
        std::fs::set_permissions(closed.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let inner = closed.path().join("data");
        match account.owner() {
            Some(_) => {
                let error = account.require_reach(&inner).unwrap_err();
                assert!(error.to_string().contains(&closed.path().display().to_string()), "{error}");
            }
            None => account.require_reach(&inner).unwrap(),
        }
    }
}
