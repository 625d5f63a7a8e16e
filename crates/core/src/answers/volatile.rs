//! Functions whose answer may be another each time.

use std::collections::{BTreeMap, BTreeSet};

use super::TextFacts;
use crate::bench::Lab;
use crate::context::Context;
use crate::error::Result;

/// Which called functions are volatile, by the server's own word.
#[derive(Debug, Default)]
pub(crate) struct Volatile {
    by_text: BTreeMap<String, Vec<String>>,
}

impl Volatile {
    /// Looks up the functions of all these texts at once.
    pub(crate) async fn look_up(cx: &Context, lab: &Lab, texts: BTreeSet<&str>) -> Result<Self> {
        let called: BTreeMap<&str, Vec<String>> =
            texts.into_iter().map(|t| (t, called_functions(t))).collect();
        let names: BTreeSet<&String> = called.values().flatten().collect();
        let document = serde_json::json!(names).to_string();
        let sql = "SELECT to_json(proname) FROM pg_proc
                   WHERE provolatile = 'v' AND proname IN (SELECT json_array_elements_text($1::json))";
        let volatile: BTreeSet<String> = lab
            .session()
            .json(cx, sql, &[Some(document)])
            .await?
            .into_iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect();
        let by_text = called
            .into_iter()
            .map(|(t, names)| (t.to_owned(), names.into_iter().filter(|n| volatile.contains(n)).collect()))
            .collect();
        Ok(Self { by_text })
    }

    /// Volatile functions that any of these texts calls.
    pub(crate) fn of(&self, texts: &[&str]) -> Vec<String> {
        let mut names: Vec<String> =
            texts.iter().filter_map(|t| self.by_text.get(*t)).flatten().cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Names before an opening parenthesis where the parser cannot tell; too many names do no harm.
fn called_functions(sql: &str) -> Vec<String> {
    if let Some(facts) = TextFacts::read(sql) {
        return facts.functions;
    }
    sql.match_indices('(')
        .filter_map(|(at, _)| {
            let before = sql[..at].trim_end();
            let start = before.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |i| i + 1);
            before.get(start..).filter(|name| !name.is_empty()).map(str::to_lowercase)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_also_where_the_parser_gives_up() {
        assert_eq!(called_functions("SELECT now()"), ["now"]);
        assert_eq!(called_functions("SELEC random (1) + Foo(2)"), ["random", "foo"]);
    }
}
