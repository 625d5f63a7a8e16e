//! Statements that the server refuses inside a transaction block (PostgreSQL manual, the notes of each command).

/// Whether the server refuses this statement inside a transaction block.
pub(super) fn refuses_transactions(sql: &str) -> bool {
    let words = words(sql, 12);
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let concurrently = || words.iter().any(|w| w == "concurrently");
    match (word(0), word(1)) {
        ("vacuum", _) | ("alter", "system") => true,
        ("create" | "drop", "database" | "tablespace") => true,
        // Without a table it goes through all of them, each in a transaction of its own.
        ("cluster", "") => true,
        ("cluster", "verbose") => word(2).is_empty(),
        ("reindex", _) => {
            let what = words.iter().skip(1).find(|w| w.as_str() != "verbose").map_or("", String::as_str);
            matches!(what, "schema" | "database" | "system") || concurrently()
        }
        ("create" | "drop", _) => words.iter().any(|w| w == "index") && concurrently(),
        ("alter", "table") => words.iter().any(|w| w == "detach") && concurrently(),
        _ => false,
    }
}

/// Whether a statement changes the server's configuration file.
pub(super) fn alters_system(sql: &str) -> bool {
    let words = words(sql, 2);
    words.first().is_some_and(|w| w == "alter") && words.get(1).is_some_and(|w| w == "system")
}

/// The first bare words, in lower case, without comments and without what stands in parentheses or quotes.
fn words(sql: &str, most: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut rest = sql.chars().peekable();
    let mut depth = 0_u32;
    while let Some(c) = rest.next() {
        let next = rest.peek().copied();
        match c {
            '-' if next == Some('-') => while rest.next().is_some_and(|c| c != '\n') {},
            '/' if next == Some('*') => {
                let mut last = ' ';
                for c in rest.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            '"' | '\'' => {
                while rest.next().is_some_and(|other| other != c) {}
                word.push('?');
            }
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 && (c.is_alphanumeric() || c == '_' || c == '.') => {
                word.extend(c.to_lowercase());
                continue;
            }
            _ => {}
        }
        if depth == 0 && !word.is_empty() && !matches!(c, '"' | '\'') {
            words.push(std::mem::take(&mut word));
            if words.len() == most {
                return words;
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_run_in_a_transaction_is_known() {
        for sql in [
            "VACUUM FULL t",
            "vacuum (full, analyze) t",
            "-- first\n /* then */ Vacuum t",
            "ALTER SYSTEM SET shared_buffers = '1GB'",
            "CLUSTER",
            "CLUSTER VERBOSE;",
            "REINDEX INDEX CONCURRENTLY i",
            "REINDEX (VERBOSE) DATABASE d",
            "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
            "DROP INDEX CONCURRENTLY i",
            "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
        ] {
            assert!(refuses_transactions(sql), "{sql}");
        }
        for sql in [
            "CLUSTER t USING i",
            "CLUSTER VERBOSE t",
            "REINDEX TABLE t",
            "CREATE INDEX i ON t (concurrently)",
            "CREATE INDEX \"index concurrently\" ON t (a)",
            "ALTER TABLE t SET (fillfactor = 70)",
            "SELECT 'vacuum'",
            "",
        ] {
            assert!(!refuses_transactions(sql), "{sql}");
        }
        assert!(alters_system("alter system reset all") && !alters_system("ALTER TABLE system ADD a int"));
    }
}
