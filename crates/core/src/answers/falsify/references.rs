//! Which relations two texts read. The server is asked: parsing a statement takes a lock on each of them.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::Session;
use crate::pg::quote::qualified;

const REFERENCES: &str = include_str!("references.sql");

/// The locks of this session. A function, not the view, so that asking takes no lock itself.
const LOCKS: &str = "SELECT DISTINCT relation::int8 FROM pg_lock_status()
     WHERE locktype = 'relation' AND pid = pg_backend_pid()";

/// What two texts read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct References {
    /// Tables, as schema and name.
    pub(super) tables: Vec<(String, String)>,
    /// Materialized views, quoted, in the order in which they must be refreshed.
    pub(super) views: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Relation {
    schema: String,
    name: String,
    kind: char,
    system: bool,
}

/// Finds out what both texts read, and what `steps` read that are run before the rewritten one. Runs in the
/// current transaction and leaves nothing behind. The inner error says why the texts cannot be tried on other
/// data.
pub(super) async fn references(
    cx: &Context,
    session: &Session,
    original: &str,
    rewritten: &str,
    steps: &[String],
) -> Result<std::result::Result<References, String>> {
    session.batch(cx, "SAVEPOINT reading").await?;
    let (mut texts, mut others) = (BTreeSet::new(), BTreeSet::new());
    // The first time around the driver looks up types that it meets for the first time, which takes locks too.
    for _ in 0..2 {
        session.batch(cx, "ROLLBACK TO SAVEPOINT reading").await?;
        session.prepare(cx, original).await?;
        texts = locks(cx, session).await?;
        for step in steps {
            session.batch(cx, step).await?;
        }
        let before = locks(cx, session).await?;
        session.prepare(cx, rewritten).await?;
        let after = locks(cx, session).await?;
        others = before.difference(&texts).copied().collect();
        texts.extend(after.difference(&before));
    }
    session.batch(cx, "ROLLBACK TO SAVEPOINT reading; RELEASE SAVEPOINT reading").await?;
    let mut found = References::default();
    for relation in relations(cx, session, &texts).await? {
        if let Some(reason) = found.add(relation) {
            return Ok(Err(reason));
        }
    }
    for relation in relations(cx, session, &others).await?.into_iter().filter(|r| !r.system) {
        found.add(relation);
    }
    Ok(Ok(found))
}

impl References {
    /// Adds a relation; tells why it stands in the way, if it does.
    fn add(&mut self, relation: Relation) -> Option<String> {
        let Relation { schema, name, kind, system } = relation;
        let shown = qualified(&schema, &name);
        match kind {
            _ if system => return Some(format!("{shown} belongs to the server")),
            'r' | 'p' if !self.tables.contains(&(schema.clone(), name.clone())) => {
                self.tables.push((schema, name));
            }
            'm' if !self.views.contains(&shown) => self.views.push(shown),
            'f' => return Some(format!("{shown} is a foreign table")),
            'S' => return Some(format!("{shown} is a sequence")),
            _ => {}
        }
        None
    }
}

async fn locks(cx: &Context, session: &Session) -> Result<BTreeSet<i64>> {
    let rows = session.rows(cx, LOCKS, &[]).await?;
    rows.iter()
        .map(|row| row.try_get(0).map_err(|e| Error::internal("a lock cannot be read").caused_by(e)))
        .collect()
}

async fn relations(cx: &Context, session: &Session, oids: &BTreeSet<i64>) -> Result<Vec<Relation>> {
    let list: Vec<String> = oids.iter().map(ToString::to_string).collect();
    let rows = session.json(cx, REFERENCES, &[Some(format!("{{{}}}", list.join(",")))]).await?;
    rows.into_iter()
        .map(|row| {
            serde_json::from_value(row)
                .map_err(|e| Error::internal("a relation does not have the expected shape").caused_by(e))
        })
        .collect()
}
