//! Real values of statements: of those that run now (pg_stat_activity), and of the examples that pg_qualstats kept.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::error::Result;
use crate::pg::{SourceSession, quote};
use crate::types::{Origin, ParameterSet};
use crate::workload::normalize::fingerprint;
use crate::workload::scan::{Kind, Token, code};

/// At most this many different texts are kept for one shape.
const TEXTS: usize = 20;

/// Statements that were seen running, with their constants, by the fingerprint of their shape.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    texts: BTreeMap<String, BTreeMap<String, u32>>,
    /// Texts that the server had cut off (`track_activity_query_size`).
    pub truncated: usize,
}

/// Looks at pg_stat_activity.
#[derive(Debug)]
pub struct Observer<'a> {
    session: &'a SourceSession,
    most: usize,
    /// What was seen so far.
    pub seen: Observed,
}

impl<'a> Observer<'a> {
    /// An observer with a session on the source.
    ///
    /// # Errors
    /// If the source does not answer.
    pub async fn new(cx: &Context, session: &'a SourceSession) -> Result<Self> {
        let sql = "SELECT setting FROM pg_settings WHERE name = 'track_activity_query_size'";
        let rows = session.rows(cx, sql, &[]).await?;
        let most =
            rows.first().and_then(|row| row.try_get::<_, String>(0).ok()).and_then(|text| text.parse().ok());
        Ok(Self { session, most: most.unwrap_or(1024), seen: Observed::default() })
    }

    /// Looks once.
    ///
    /// # Errors
    /// If the source does not answer.
    pub async fn look(&mut self, cx: &Context) -> Result<()> {
        let sql = "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                   AND backend_type = 'client backend' AND application_name NOT LIKE 'pgverse%' AND query <> ''";
        for row in self.session.rows(cx, sql, &[]).await? {
            let Ok(text) = row.try_get::<_, String>(0) else { continue };
            if text.len() + 1 >= self.most {
                self.seen.truncated += 1;
                continue;
            }
            let texts = self.seen.texts.entry(fingerprint(&text)).or_default();
            if texts.len() < TEXTS || texts.contains_key(&text) {
                *texts.entry(text).or_default() += 1;
            }
        }
        Ok(())
    }
}

impl Observed {
    /// The values with which this statement was seen running.
    pub(super) fn sets(&self, normalized: &str) -> Vec<ParameterSet> {
        let texts = self.texts.get(&fingerprint(normalized));
        let mut sets: Vec<ParameterSet> = Vec::new();
        for (text, times) in texts.into_iter().flatten() {
            if let Some(values) = align(normalized, text)
                && !sets.iter().any(|set| set.values == values)
            {
                let id = format!("seen_{}", sets.len() + 1).into();
                sets.push(ParameterSet { id, values, weight: f64::from(*times), origin: Origin::Activity });
            }
        }
        sets
    }
}

/// The example that pg_qualstats kept of a statement, if it is installed.
///
/// # Errors
/// If the source does not answer.
pub(super) async fn qualstats(
    cx: &Context,
    session: &SourceSession,
    queryid: i64,
    normalized: &str,
) -> Result<Vec<ParameterSet>> {
    let sql = "SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
               WHERE e.extname = 'pg_qualstats'";
    let Some(row) = session.rows(cx, sql, &[]).await?.into_iter().next() else { return Ok(Vec::new()) };
    let Ok(schema) = row.try_get::<_, String>(0) else { return Ok(Vec::new()) };
    let sql = format!("SELECT {}($1::bigint)", quote::qualified(&schema, "pg_qualstats_example_query"));
    let rows = match session.rows(cx, &sql, &[Some(queryid.to_string())]).await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::debug!(%error, "pg_qualstats gives no example");
            return Ok(Vec::new());
        }
    };
    let text = rows.first().and_then(|row| row.try_get::<_, Option<String>>(0).ok().flatten());
    let values = text.and_then(|text| align(normalized, &text));
    let set = |values| ParameterSet { id: "example".into(), values, weight: 1.0, origin: Origin::Qualstats };
    Ok(values.map(set).into_iter().collect())
}

/// The constants of a text that stand where its normalized form has parameters, `$1` first.
pub(super) fn align(normalized: &str, text: &str) -> Option<Vec<Option<String>>> {
    let shape: Vec<Token<'_>> = code(normalized).filter(|t| !t.is_mark(";")).collect();
    let tokens: Vec<Token<'_>> = code(text).filter(|t| !t.is_mark(";")).collect();
    let mut values: BTreeMap<usize, Option<String>> = BTreeMap::new();
    let mut at = 0;
    for wanted in &shape {
        let mut token = tokens.get(at)?;
        at += 1;
        if wanted.kind != Kind::Parameter {
            if !token.text.eq_ignore_ascii_case(wanted.text) {
                return None;
            }
            continue;
        }
        let negative = token.text == "-";
        if negative {
            token = tokens.get(at)?;
            at += 1;
        }
        let value = match token.kind {
            Kind::Number => Some(format!("{}{}", if negative { "-" } else { "" }, token.text)),
            Kind::Text if !negative => Some(plain(token.text)?),
            Kind::Word if token.is_word("true") || token.is_word("false") => {
                Some(token.text.to_ascii_lowercase())
            }
            Kind::Word if token.is_word("null") => None,
            _ => return None,
        };
        values.insert(wanted.text[1..].parse().ok()?, value);
    }
    let complete = at == tokens.len() && values.keys().copied().eq(1..=values.len());
    (complete && !values.is_empty()).then(|| values.into_values().collect())
}

/// The content of a string in plain quotes.
fn plain(text: &str) -> Option<String> {
    Some(text.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_stand_where_the_parameters_are() {
        let normalized = "SELECT * FROM t WHERE a = $1 AND b = $2 LIMIT $3";
        let values = align(normalized, "select * from t where a = 'it''s' and b = -3 limit 5;").unwrap();
        assert_eq!(values, [Some("it's".to_owned()), Some("-3".to_owned()), Some("5".to_owned())]);
        assert_eq!(align(normalized, "select * from t where a = $1 and b = $2 limit $3"), None);
        assert_eq!(align(normalized, "select * from t where a = 'x' and c = 3 limit 5"), None);
    }
}
