//! A leased fork and what its backend can do.

use serde::{Deserialize, Serialize};

use super::UniverseId;

/// A fork that exists. Holds no secret: the connection string comes from `ForkBackend::dsn` alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Universe {
    /// Unique over all runs.
    pub id: UniverseId,
    /// Scheme of its backend, such as `local`.
    pub backend: String,
    /// How it was made: `reflink`, `btrfs_snapshot`, `zfs_clone`, `overlayfs`, `copy`, `create_database_file_copy` …
    pub mechanism: String,
    /// What it cost.
    pub cost: ForkCost,
    /// Who made it: `host:pid:start`, as far as the backend can tell.
    pub owner: String,
    /// When its lease ends, RFC 3339; after that any sweep may destroy it.
    pub expires: String,
}

/// Measured cost of making a fork.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ForkCost {
    /// From the request to the first answered query.
    pub seconds: f64,
    /// Disk that it really took when it was made, bytes; shared blocks do not count.
    pub bytes: u64,
    /// What a full copy would have taken, bytes.
    pub full_bytes: u64,
}

/// What a backend can do; told before, so that nobody finds out the hard way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Capability {
    /// Most forks alive at once.
    pub parallel: usize,
    /// What forks share with each other and with the source.
    pub isolation: Isolation,
    /// Whether blocks are shared until they are written.
    pub copy_on_write: bool,
    /// Whether the role on the fork is a superuser.
    pub superuser: bool,
    /// Whether the fork's backends run on this machine, so that their CPU time can be read.
    pub same_machine: bool,
    /// How use is paid for.
    pub cost: CostModel,
}

/// What forks share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Each fork is a server of its own.
    OwnServer,
    /// Forks are databases of one server: roles, memory and write-ahead log are shared.
    SharedServer,
}

/// How use is paid for; all prices are the user's own and zero by default.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CostModel {
    /// Price of one GiB stored for one hour.
    pub per_gib_hour: f64,
    /// Price of one fork running for one hour.
    pub per_fork_hour: f64,
}
