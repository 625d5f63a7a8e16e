//! Where pgverse keeps golden images, forks and leases.

use std::path::{Path, PathBuf};

use pgverse_core::{Error, ErrorKind, Result};

use super::files;

/// Names the home directory explicitly.
pub const HOME: &str = "PGVERSE_HOME";

/// The directory that holds everything that outlives a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// The explicit directory, else `PGVERSE_HOME`, else `/var/lib/pgverse` for root, else
    /// `$XDG_CACHE_HOME/pgverse` or `~/.cache/pgverse`. Creates nothing.
    pub fn resolve(explicit: Option<&Path>) -> Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let path = if let Some(path) = explicit {
            path.to_owned()
        } else if let Some(path) = set(HOME) {
            path
        } else if rustix::process::geteuid().is_root() {
            PathBuf::from("/var/lib/pgverse")
        } else if let Some(cache) = set("XDG_CACHE_HOME").filter(|p| p.is_absolute()) {
            cache.join("pgverse")
        } else {
            set("HOME")
                .map(|home| home.join(".cache/pgverse"))
                .ok_or_else(|| Error::invalid("there is no home directory").hint(format!("set {HOME}")))?
        };
        let path = std::path::absolute(&path).map_err(|e| files::failed("cannot resolve", &path, e))?;
        if path.to_str().is_none() {
            return Err(Error::invalid("the home directory's name is not UTF-8").with("path", path.display()));
        }
        Ok(Self { path })
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lease files.
    pub fn leases(&self) -> PathBuf {
        self.path.join("leases")
    }

    /// Forks: one directory each, named by its id.
    pub fn forks(&self) -> PathBuf {
        self.path.join("forks")
    }

    /// Golden images: one directory each.
    pub fn golden(&self) -> PathBuf {
        self.path.join("golden")
    }

    /// Makes the directories, passable for the account that servers run as.
    pub fn create(&self) -> Result<()> {
        for directory in [self.path.clone(), self.leases(), self.forks(), self.golden()] {
            std::fs::create_dir_all(&directory).map_err(|e| {
                let kind = match e.kind() {
                    std::io::ErrorKind::PermissionDenied => ErrorKind::Permission,
                    _ => ErrorKind::Disk,
                };
                Error::new(kind, "cannot create a directory")
                    .with("path", directory.display())
                    .caused_by(e)
                    .hint(format!("choose another home with {HOME}"))
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explicit_home_wins_and_is_made_with_its_parts() {
        let parent = tempfile::tempdir().unwrap();
        let home = Home::resolve(Some(&parent.path().join("a/b"))).unwrap();
        home.create().unwrap();
        assert!(home.leases().is_dir() && home.forks().is_dir() && home.golden().is_dir());
    }
}
