//! A copy of the source that only forks are made from, so that others can stay connected to the source.
//!
//! It is built beside, under the name and the lease of a fork that goes with this process, and then gets its
//! name and a lease that lasts: a process that is killed in between leaves what a sweep finds.

use std::time::Duration;

use pgverse_core::pg::{Session, quote};
use pgverse_core::types::{ForkCost, UniverseId};
use pgverse_core::{Context, Error, ErrorKind, Event, Result};
use serde::Deserialize;

use super::core::Place;
use super::database::{self, PREFIX, query};
use super::server::Facts;
use super::{SCHEME, create, settings};
use crate::shared::lease::{Terms, new_id};
use crate::shared::{Holding, Lease, Programs, run};

/// How long a copy stays after its last use.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The name of the copy; made if there is none, or anew if that is wished.
pub(super) async fn obtain(cx: &Context, place: &Place, facts: &Facts) -> Result<String> {
    let session = place.session(cx, "copy").await?;
    let source = place.source().database();
    let key = blake3::hash(format!("{source} {}", place.source().user()).as_bytes()).to_hex();
    let id = UniverseId::from(format!("{PREFIX}_copy{}", &key[..12]).as_str());
    // One builder at a time; the lock goes with the session.
    session.batch(cx, &format!("SELECT pg_advisory_lock(hashtext({}))", quote::literal(id.as_str()))).await?;
    if !place.config.refresh
        && let Some(mut kept) = database::marks(cx, &session).await?.into_iter().find(|mark| mark.id == id)
    {
        place.leases.renew(&mut kept)?;
        database::mark(cx, &session, &kept).await?;
        return Ok(id.as_str().to_owned());
    }
    let holds = |id: &UniverseId| Holding::Database {
        host: place.source().host(),
        port: place.source().port(),
        user: place.source().user().to_owned(),
        database: id.as_str().to_owned(),
    };
    let draft = new_id(PREFIX);
    let draft = place.leases.acquire(draft.clone(), SCHEME, Terms::default(), holds(&draft))?;
    let swap = async {
        let cost = fill(cx, place, facts, &session, &draft).await?;
        // Until the copy has its name, its lease too goes with this process.
        let mut lease = place.leases.acquire(id.clone(), SCHEME, Terms::default(), holds(&id))?;
        database::remove(cx, &session, &id).await?;
        let (old, new) = (quote::ident(draft.id.as_str()), quote::ident(id.as_str()));
        // Nobody, not even by accident, connects to it.
        session.batch(cx, &format!("ALTER DATABASE {old} ALLOW_CONNECTIONS false")).await?;
        session.batch(cx, &format!("ALTER DATABASE {old} RENAME TO {new}")).await?;
        lease.owner = None;
        lease.ttl_seconds = KEPT.as_secs();
        "dedicated_copy".clone_into(&mut lease.mechanism);
        lease.cost = cost;
        place.leases.renew(&mut lease)?;
        database::mark(cx, &session, &lease).await
    };
    match Box::pin(swap).await {
        Ok(()) => {
            place.leases.release(&draft.id)?;
            Ok(id.as_str().to_owned())
        }
        Err(error) => {
            place.give_up(cx, &draft.id).await;
            Err(error)
        }
    }
}

/// Copies by the server itself if nobody is connected to the source, else by dump and restore.
async fn fill(
    cx: &Context,
    place: &Place,
    facts: &Facts,
    session: &Session,
    draft: &Lease,
) -> Result<ForkCost> {
    let begin = std::time::Instant::now();
    let source = place.source().database();
    cx.emit(Event::Preparing { what: format!("copying database {source} on its own server") });
    let maker = place.session(cx, &database::purpose(&draft.id)).await?;
    let copied = create::create(cx, &maker, &place.config, source, facts, &draft.id).await;
    drop(maker);
    let cost = |bytes, full_bytes| ForkCost { seconds: begin.elapsed().as_secs_f64(), bytes, full_bytes };
    match copied {
        Ok(made) => {
            database::mark(cx, session, draft).await?;
            Ok(cost(made.bytes, made.full_bytes))
        }
        Err(error) if error.kind() == ErrorKind::Busy => {
            cx.emit(Event::Preparing {
                what: format!("others are connected to database {source}: copying it by pg_dump"),
            });
            restore(cx, place, facts, session, draft)
                .await
                .map_err(|e| e.with("because", error.message()))?;
            let bytes = create::size(cx, session, draft.id.as_str()).await?;
            Ok(cost(bytes, bytes))
        }
        Err(error) => Err(error),
    }
}

/// Dumps the source into a new database with its encoding and locale, and gathers statistics.
async fn restore(cx: &Context, place: &Place, facts: &Facts, session: &Session, draft: &Lease) -> Result<()> {
    #[derive(Deserialize)]
    struct Row {
        encoding: String,
        collate: String,
        ctype: String,
        provider: String,
    }
    let major = u32::try_from(facts.major).unwrap_or_default();
    let programs = Programs::find(Some(major))
        .and_then(|found| found.tool("pg_dump").map(|_| found))
        .or_else(|_| Programs::with_tools(major, &["pg_dump", "pg_restore"]))?;
    let name = draft.id.as_str();
    let provider = if major >= 15 { "datlocprovider::text" } else { "'c'" };
    let sql = format!(
        "SELECT pg_encoding_to_char(encoding) AS encoding, datcollate AS collate, datctype AS ctype, \
         {provider} AS provider FROM pg_database WHERE datname = $1"
    );
    let rows: Vec<Row> = query(cx, session, &sql, &[place.source().database()]).await?;
    let row = rows.first().ok_or_else(|| Error::internal("the source database is unknown"))?;
    if row.provider != "c" {
        return Err(Error::new(ErrorKind::Unsupported, "a database in use can be copied only if libc sorts its text")
            .with("database", place.source().database())
            .hint("end its sessions, wait for them with --backend template:?copy&wait=60s, or fork with --backend local"));
    }
    let sql = format!(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}",
        quote::ident(name),
        quote::literal(&row.encoding),
        quote::literal(&row.collate),
        quote::literal(&row.ctype)
    );
    session.batch(cx, &sql).await?;
    database::mark(cx, session, draft).await?;
    let target = place.source().with_database(name);
    let mut dump = run::client(&programs.tool("pg_dump")?, place.source());
    dump.args(["--format=custom", "--compress=0", "--lock-wait-timeout=60s", "--no-publications"]);
    dump.arg("--no-subscriptions");
    let mut load = run::client(&programs.tool("pg_restore")?, &target);
    load.args(["--exit-on-error", "--dbname"]).arg(name);
    if !facts.superuser {
        dump.args(["--no-owner", "--no-privileges"]);
        load.args(["--no-owner", "--no-privileges"]);
    }
    run::pipe(cx, dump, load).await.map_err(|e| e.with("source", place.source()))?;
    settings::copy(cx, session, place.source().database(), name).await?;
    let copy = Session::connect(cx, &target, "copy").await?;
    copy.batch(cx, "VACUUM (ANALYZE)").await
}
