//! How a data directory is cloned. Each way is tried for real before it is chosen.

mod btrfs;
mod copy;
mod overlay;
mod reflink;
mod tree;
mod zfs;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pgverse_core::{Context, Error, Result};

use super::golden::Draft;
use crate::shared::{Account, Home, files, server};

/// A way to clone a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// A snapshot of a btrfs subvolume.
    BtrfsSnapshot,
    /// A clone of a ZFS dataset.
    ZfsClone,
    /// An overlay mount over the golden image; root only.
    Overlayfs,
    /// Each file shares its blocks with the golden image's (FICLONE); XFS, btrfs and others.
    Reflink,
    /// A full copy: works everywhere, takes time and disk in proportion.
    Copy,
}

/// What a clone took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cloned {
    /// Disk that is the clone's own, bytes.
    pub bytes: u64,
}

/// A mechanism that works here, and why better ones do not.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub mechanism: Mechanism,
    /// Whether the file system can share blocks between files.
    pub reflink: bool,
    /// Name and reason of each that was tried before.
    pub rejected: Vec<String>,
}

impl Mechanism {
    const ALL: [Self; 5] = [Self::BtrfsSnapshot, Self::ZfsClone, Self::Overlayfs, Self::Reflink, Self::Copy];

    /// The name in reports and options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BtrfsSnapshot => "btrfs_snapshot",
            Self::ZfsClone => "zfs_clone",
            Self::Overlayfs => "overlayfs",
            Self::Reflink => "reflink",
            Self::Copy => "copy",
        }
    }

    /// Whether the clone shares blocks with the golden image until they are written.
    pub fn is_copy_on_write(self) -> bool {
        self != Self::Copy
    }

    /// Tries the mechanism in this home; the error says why it does not work there.
    fn probe(self, home: &Home, account: &Account) -> Result<()> {
        let draft = Draft::create(home, account)?;
        let result = match self {
            Self::BtrfsSnapshot => btrfs::probe(draft.path()),
            Self::ZfsClone => zfs::probe(account, draft.path()),
            Self::Overlayfs => overlay::probe(draft.path()),
            Self::Reflink => reflink::probe(draft.path()),
            Self::Copy => Ok(()),
        };
        draft.remove()?;
        result
    }

    /// The mechanism that was asked for, if it works here; else the fastest that does. Measured: snapshot
    /// and overlay cost the same for any number of files, a reflink costs per file, a copy per byte. An
    /// overlay copies each file whole that PostgreSQL opens, which is cheap only where that copy is a reflink;
    /// elsewhere it has to be asked for by name.
    pub(super) fn choose(wanted: Option<Self>, home: &Home, account: &Account) -> Result<Choice> {
        let mut rejected = Vec::new();
        let mut works = |mechanism: Self| match mechanism.probe(home, account) {
            Ok(()) => true,
            Err(e) => {
                rejected.push(format!("{mechanism}: {}", e.message()));
                false
            }
        };
        let reflink = works(Self::Reflink);
        let mechanism = match wanted {
            Some(mechanism) => {
                mechanism.probe(home, account).map_err(|e| {
                    e.with("mechanism", mechanism).hint(
                    "leave the choice to pgverse, or choose a home on another file system with PGVERSE_HOME",
                )
                })?;
                mechanism
            }
            None if works(Self::BtrfsSnapshot) => Self::BtrfsSnapshot,
            None if works(Self::ZfsClone) => Self::ZfsClone,
            None if reflink && works(Self::Overlayfs) => Self::Overlayfs,
            None if reflink => Self::Reflink,
            None => Self::Copy,
        };
        Ok(Choice { mechanism, reflink, rejected })
    }

    /// Clones the golden data directory to `data` inside the fork's own, existing directory.
    pub(super) fn clone_data(
        self,
        cx: &Context,
        account: &Account,
        golden: &Path,
        data: &Path,
    ) -> Result<Cloned> {
        match self {
            Self::BtrfsSnapshot => btrfs::clone(golden, data),
            Self::ZfsClone => zfs::clone(golden, data),
            Self::Overlayfs => overlay::clone(account, golden, data),
            Self::Reflink => tree::clone(cx, account, golden, data, reflink::file),
            Self::Copy => tree::clone(cx, account, golden, data, copy::file),
        }
    }

    /// What a golden data directory must be; an image of one kind is not used as one of another.
    pub(super) fn golden_kind(self) -> &'static str {
        match self {
            Self::BtrfsSnapshot => "subvolume",
            Self::ZfsClone => "dataset",
            Self::Overlayfs | Self::Reflink | Self::Copy => "tree",
        }
    }

    /// Makes an empty data directory that this mechanism can clone later.
    pub(super) fn create_golden(self, account: &Account, data: &Path) -> Result<()> {
        match self {
            Self::BtrfsSnapshot => btrfs::create(account, data),
            Self::ZfsClone => zfs::create(account, data),
            _ => account.create_private(data),
        }
    }
}

impl Choice {
    /// Disk that is the fork's own once its server runs, bytes; shared blocks do not count.
    pub(super) fn own_bytes(&self, cloned: Cloned, golden: &Path, data: &Path) -> u64 {
        match self.mechanism {
            Mechanism::BtrfsSnapshot | Mechanism::ZfsClone => tree::added(golden, data),
            Mechanism::Overlayfs => overlay::own_bytes(self.reflink, golden, data),
            Mechanism::Reflink | Mechanism::Copy => cloned.bytes,
        }
    }
}

/// Does what a filled golden image needs before it is whole: the snapshot that ZFS clones.
pub(super) fn seal(directory: &Path) -> Result<()> {
    zfs::seal(directory)
}

/// Does what a golden image needs once it has its name.
pub(super) fn moved(directory: &Path) -> Result<()> {
    zfs::moved(directory)
}

/// Removes a fork's or a golden image's directory, whatever its data directory is: a mount, a subvolume, a dataset or
/// a plain tree. Gone already is fine.
pub(super) fn remove(directory: &Path) -> Result<()> {
    let data = directory.join(DATA);
    zfs::destroy(directory)?;
    overlay::unmount(&data)?;
    btrfs::delete(&data)?;
    let socket = socket_of(directory);
    if socket != directory {
        files::remove_tree(&socket)?;
    }
    files::remove_tree(directory)
}

/// Where the socket of a server in this directory is.
pub(super) fn socket_of(directory: &Path) -> PathBuf {
    server::socket_directory(directory, &directory.file_name().unwrap_or_default().to_string_lossy())
}

/// Name of the data directory within a fork's or a golden image's directory.
pub(super) const DATA: &str = "data";

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mechanism {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|m| m.as_str() == name).ok_or_else(|| {
            Error::invalid("there is no such fork mechanism")
                .with("mechanism", name)
                .hint(format!("choose one of {}", Self::ALL.map(Self::as_str).join(", ")))
        })
    }
}
