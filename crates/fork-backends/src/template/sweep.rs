//! Sweeping by leases alone, for a command that was given no source.

use std::collections::BTreeMap;
use std::path::Path;

use pgverse_core::pg::Dsn;
use pgverse_core::types::UniverseId;
use pgverse_core::{Context, Error, Result};

use super::server::maintenance;
use super::{SCHEME, database};
use crate::shared::{Holding, Home, Lease, Leases};

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// Forks that are gone now.
    pub destroyed: Vec<UniverseId>,
    /// What could not be done, by server.
    pub errors: Vec<Error>,
}

/// A server and the role that the forks on it belong to.
type Address = (String, u16, String);

/// Destroys the forks of this home's leases whose owner is dead or whose time is over, on whatever server they
/// are. Passwords come from the environment and the password file, as for any connection; leases hold none.
///
/// # Errors
/// Only if the leases cannot be read; a server that cannot be reached is one of [`Swept::errors`].
pub async fn sweep_leases(cx: &Context, home: Option<&Path>) -> Result<Swept> {
    let leases = Leases::of(&Home::resolve(home)?);
    let mut servers: BTreeMap<Address, Vec<UniverseId>> = BTreeMap::new();
    for lease in leases.list(SCHEME)?.into_iter().filter(Lease::is_over) {
        if let Holding::Database { host, port, user, .. } = lease.holds {
            servers.entry((host, port, user)).or_default().push(lease.id);
        }
    }
    let mut swept = Swept::default();
    for (address, ids) in servers {
        cx.check()?;
        if let Err(error) = sweep_server(cx, &leases, &address, &ids, &mut swept.destroyed).await {
            let (host, port, _) = &address;
            swept.errors.push(
                error.with("forks left", ids.iter().filter(|id| !swept.destroyed.contains(id)).count()).hint(
                    format!("give a connection to {host}:{port} with: pgverse fork sweep --source URL"),
                ),
            );
        }
    }
    Ok(swept)
}

async fn sweep_server(
    cx: &Context,
    leases: &Leases,
    (host, port, user): &Address,
    ids: &[UniverseId],
    destroyed: &mut Vec<UniverseId>,
) -> Result<()> {
    let text = format!("host={} port={port} user={} dbname=postgres", value(host), value(user));
    // The database only keeps `maintenance` from a source, and there is none here.
    let session = maintenance(cx, &Dsn::parse(&text)?.with_database(""), "sweep").await?;
    for id in ids {
        database::remove(cx, &session, id).await?;
        leases.release(id)?;
        destroyed.push(id.clone());
    }
    Ok(())
}

/// A value of a `key=value` connection string.
fn value(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_connection_string() {
        let dsn = Dsn::parse(&format!("host={} user={}", value("/tmp/a b"), value(r"o'n\l"))).unwrap();
        assert_eq!((dsn.host().as_str(), dsn.user()), ("/tmp/a b", r"o'n\l"));
    }
}
