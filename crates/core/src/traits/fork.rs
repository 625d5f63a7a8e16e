//! Fork backends make and unmake universes.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Dsn;
use crate::types::{Capability, Universe, UniverseId};

/// Makes and unmakes universes from the one source it was built for.
///
/// # Contract
/// - What it cannot do it refuses with [`crate::ErrorKind::Unsupported`]; it never reports success for work
///   it did not do.
/// - The lease (owner, expiry) is recorded before anything is created, so that a universe shows up in `list`
///   from its first byte to its last, also if `fork` is aborted half-way.
/// - `fork` returns when the universe answers queries. A failed or cancelled `fork` leaves nothing behind.
/// - `prepare` and `fork` stop by themselves when the context is cancelled or its deadline passes; nobody drops
///   them half-way to stop them. What they had begun is ended and removed when they return.
/// - `destroy` of a universe that is gone succeeds.
/// - The source is never written to.
#[async_trait]
pub trait ForkBackend: Debug + Send + Sync + 'static {
    /// URL scheme, such as `local` or `template`.
    fn scheme(&self) -> &'static str;

    /// What it can do.
    fn capability(&self) -> Capability;

    /// Name of the source database, where a universe's database is called otherwise; what is proposed and
    /// reported names the source.
    fn source_database(&self) -> Option<&str> {
        None
    }

    /// Does what must be done once before the first fork (the golden image); idempotent, may be slow.
    async fn prepare(&self, cx: &Context) -> Result<()>;

    /// Makes a universe.
    async fn fork(&self, cx: &Context) -> Result<Universe>;

    /// Connection string of a universe: the only place where a secret comes out.
    async fn dsn(&self, cx: &Context, id: &UniverseId) -> Result<Dsn>;

    /// Starts the server of a universe anew, so that settings that need it are in force; its sessions end. The
    /// connection string stays the same.
    ///
    /// # Errors
    /// `Unsupported` where universes have no server of their own.
    async fn restart(&self, _: &Context, id: &UniverseId) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "this backend cannot start the server of a fork anew")
            .with("backend", self.scheme())
            .with("fork", id)
            .hint("use the backend local for settings that need a restart"))
    }

    /// Memory that the server of a universe takes at this moment, bytes: what processes share counts by parts. `None`
    /// where universes have no server of their own, or the system does not tell.
    async fn memory(&self, _: &UniverseId) -> Option<u64> {
        None
    }

    /// Unmakes a universe.
    async fn destroy(&self, cx: &Context, id: &UniverseId) -> Result<()>;

    /// Every universe that this backend still holds, also those of runs that died.
    async fn list(&self, cx: &Context) -> Result<Vec<Universe>>;

    /// Destroys the universes whose owner is dead or whose lease has ended, and removes what they left;
    /// never touches those of a live owner. Returns what was destroyed.
    async fn sweep(&self, cx: &Context) -> Result<Vec<UniverseId>>;
}
