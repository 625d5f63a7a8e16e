//! Which rows generated writes go to. Finding those that may be deleted reads the tables that refer to them, so each
//! choice is made once.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::{COUNTED_ROWS, within_time};
use crate::bench::Lab;
use crate::context::Context;
use crate::error::{Error, Result};

/// With more rows than this a table is sampled by blocks.
const MANY_ROWS: f64 = 40_000.0;
/// Rows that such a sample should see.
const SEEN_ROWS: f64 = 20_000.0;

/// Rows that were chosen already: by the fork's address in memory and the query; nothing where the time was up.
#[derive(Debug, Default)]
pub(super) struct Rows {
    known: BTreeMap<(usize, String), Option<Vec<String>>>,
}

impl Rows {
    /// Places on disk of rows chosen by their content, so that another fork gives the same rows; those that may be
    /// deleted if `free`. Nothing if they cannot be read in time.
    pub(super) async fn sample(
        &mut self,
        cx: &Context,
        lab: &Lab,
        table: &str,
        facts: &Facts,
        free: bool,
    ) -> Result<Option<Vec<String>>> {
        let key = (std::ptr::from_ref(lab).addr(), query(table, facts, free));
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let request = async {
            let places = lab.session().json(cx, &key.1, &[]).await?.into_iter().next().unwrap_or_default();
            serde_json::from_value::<Vec<String>>(places)
                .map_err(|e| Error::internal("the places of rows are no list").caused_by(e))
        };
        let rows = within_time(cx, lab, Box::pin(request)).await?;
        self.known.insert(key, rows.clone());
        Ok(rows)
    }
}

fn query(table: &str, facts: &Facts, free: bool) -> String {
    let sampled = if facts.rows > MANY_ROWS {
        format!(" TABLESAMPLE SYSTEM ({:.4}) REPEATABLE (1)", SEEN_ROWS / facts.rows * 100.0)
    } else {
        String::new()
    };
    let condition = if free { facts.free() } else { "true".to_owned() };
    format!(
        "SELECT coalesce(json_agg(place), '[]'::json) FROM (SELECT s.ctid::text AS place FROM ONLY {table} AS s{sampled} \
         WHERE {condition} ORDER BY md5(s::text) LIMIT {COUNTED_ROWS}) AS chosen"
    )
}
