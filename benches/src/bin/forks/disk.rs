//! File systems to measure on: our own in loop files for root, and the one that temporary files are on.

use std::path::{Path, PathBuf};
use std::process::Command;

use pgverse::fork_backends::local::Mechanism;

/// Size of a loop file, bytes; sparse.
const SIZE: u64 = 12 << 30;

/// A file system, unmounted and removed in the end.
pub(crate) struct Disk {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) mechanisms: &'static [Mechanism],
    mounted: bool,
    _parent: tempfile::TempDir,
}

/// What this machine allows.
pub(crate) fn all() -> impl Iterator<Item = Disk> {
    let loops = [
        ("xfs", &["-q", "-m", "reflink=1"][..], &[Mechanism::Overlayfs, Mechanism::Reflink][..]),
        ("btrfs", &["-q"][..], &[Mechanism::BtrfsSnapshot][..]),
    ];
    let loops = loops.into_iter().filter_map(|(kind, arguments, mechanisms)| {
        Disk::on(kind, arguments, mechanisms).map_err(|why| eprintln!("{kind}: not measured: {why}")).ok()
    });
    loops.chain(std::iter::once_with(Disk::here).flatten())
}

impl Disk {
    fn here() -> Option<Self> {
        let parent = parent()?;
        let path = parent.path().to_owned();
        let name = "temporary files".to_owned();
        Some(Self { name, path, mechanisms: &[Mechanism::Copy], mounted: false, _parent: parent })
    }

    fn on(kind: &str, arguments: &[&str], mechanisms: &'static [Mechanism]) -> Result<Self, String> {
        let parent = parent().ok_or("no temporary directory")?;
        let (image, path) = (parent.path().join("image"), parent.path().join("mount"));
        std::fs::File::create(&image).and_then(|f| f.set_len(SIZE)).map_err(|e| e.to_string())?;
        std::fs::create_dir(&path).map_err(|e| e.to_string())?;
        run(Command::new(format!("mkfs.{kind}")).args(arguments).arg(&image))?;
        run(Command::new("mount").args(["-o", "loop"]).args([&image, &path]))?;
        let name = format!("{kind} (loop)");
        Ok(Self { name, path, mechanisms, mounted: true, _parent: parent })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted
            && let Err(why) = run(Command::new("umount").arg(&self.path))
        {
            eprintln!("{} stays mounted: {why}", self.path.display());
        }
    }
}

fn parent() -> Option<tempfile::TempDir> {
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    tempfile::Builder::new().prefix("pgverse-bench-").permissions(open).tempdir().ok()
}

pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{:?}: {e}", Path::new(command.get_program())))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{:?}: {}", command.get_program(), String::from_utf8_lossy(&output.stderr).trim()))
}
