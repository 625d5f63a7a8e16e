//! A directory for golden images, forks and leases of one test.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

/// An empty directory that servers can reach also where they run as another user, removed on drop.
pub fn home() -> TempDir {
    let reachable = std::fs::Permissions::from_mode(0o755);
    tempfile::Builder::new().permissions(reachable).tempdir().expect("a temporary directory can be made")
}
