//! What an entry says about a statement: its text, phase, duration, plan and parameters.

/// A message about a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Message<'a> {
    /// The statement was run, or begins to run where there is no duration.
    Ran { text: &'a [u8], ms: Option<f64> },
    /// Preparing or binding took time, which belongs to the execution that follows.
    Phase { ms: f64 },
    /// Further rows of an execution.
    Fetched { ms: f64 },
    /// The duration of the statement that was named before.
    Ended { ms: f64 },
    /// auto_explain: the text that was run, its parameters, and the plan.
    Planned { ms: f64, plan: &'a [u8] },
}

/// Reads the message of a LOG entry; none if it is not about a statement.
pub(super) fn read(message: &[u8]) -> Option<Message<'_>> {
    let Some(rest) = message.strip_prefix(b"duration: ") else {
        return ran(message, None);
    };
    let end = memchr::memchr(b' ', rest)?;
    let ms: f64 = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    let rest = rest[end..].strip_prefix(b" ms")?;
    let Some(rest) = rest.strip_prefix(b"  ") else {
        return rest.is_empty().then_some(Message::Ended { ms });
    };
    if let Some(plan) = rest.strip_prefix(b"plan:") {
        return Some(Message::Planned { ms, plan: plan.strip_prefix(b"\n").unwrap_or(plan) });
    }
    if rest.starts_with(b"parse ") || rest.starts_with(b"bind ") {
        return Some(Message::Phase { ms });
    }
    ran(rest, Some(ms))
}

fn ran(text: &[u8], ms: Option<f64>) -> Option<Message<'_>> {
    if let Some(text) = text.strip_prefix(b"statement: ") {
        return Some(Message::Ran { text, ms });
    }
    let rest = text.strip_prefix(b"execute ")?;
    let colon = memchr::memmem::find(rest, b": ")?;
    if rest[..colon].starts_with(b"fetch from ") {
        return ms.map(|ms| Message::Fetched { ms });
    }
    Some(Message::Ran { text: &rest[colon + 2..], ms })
}

/// The values of a `parameters: $1 = '…', $2 = NULL` (with a capital letter, and behind other words, in some
/// versions); none if there are none, or one of them was cut (`log_parameter_max_length`).
pub(super) fn parameters(detail: &str) -> Option<Vec<Option<String>>> {
    let begin = detail.find("arameters: ")? + "arameters: ".len();
    let mut rest = &detail[begin..];
    let mut values = Vec::new();
    loop {
        let name = format!("${} = ", values.len() + 1);
        rest = rest.strip_prefix(name.as_str())?;
        if let Some(behind) = rest.strip_prefix("NULL") {
            values.push(None);
            rest = behind;
        } else {
            let mut value = String::new();
            rest = rest.strip_prefix('\'')?;
            loop {
                let end = rest.find('\'')?;
                value.push_str(&rest[..end]);
                rest = &rest[end + 1..];
                match rest.strip_prefix('\'') {
                    Some(behind) => {
                        value.push('\'');
                        rest = behind;
                    }
                    None => break,
                }
            }
            if value.ends_with("...") {
                return None;
            }
            values.push(Some(value));
        }
        match rest.strip_prefix(", ") {
            Some(behind) => rest = behind,
            None => return Some(values),
        }
    }
}

/// The text and the parameters of an auto_explain entry, as text or as JSON.
pub(super) fn planned(plan: &str) -> Option<(String, Option<Vec<Option<String>>>)> {
    if plan.trim_start().starts_with('{') {
        let value: serde_json::Value = serde_json::from_str(plan).ok()?;
        let text = value.get("Query Text")?.as_str()?.to_owned();
        let given = value.get("Query Parameters").and_then(serde_json::Value::as_str);
        return Some((text, given.and_then(|given| parameters(&format!("parameters: {given}")))));
    }
    let text = plan.strip_prefix("Query Text: ")?;
    // The text may have several lines; the plan begins with the first line that tells a cost.
    let cost = text.find("  (cost=")?;
    let end = text[..cost].rfind('\n')?;
    let text = &text[..end];
    Some(match text.find("\nQuery Parameters: ") {
        Some(at) => {
            let given = &text[at + "\nQuery Parameters: ".len()..];
            (text[..at].to_owned(), parameters(&format!("parameters: {given}")))
        }
        None => (text.to_owned(), None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let of = |text: &'static str| read(text.as_bytes());
        assert_eq!(
            of("duration: 1.5 ms  statement: SELECT 1"),
            Some(Message::Ran { text: b"SELECT 1", ms: Some(1.5) })
        );
        assert_eq!(
            of("duration: 1.5 ms  execute a/b: SELECT ': '"),
            Some(Message::Ran { text: b"SELECT ': '", ms: Some(1.5) })
        );
        assert_eq!(of("execute <unnamed>: SELECT 1"), Some(Message::Ran { text: b"SELECT 1", ms: None }));
        assert_eq!(of("statement: SELECT 1"), Some(Message::Ran { text: b"SELECT 1", ms: None }));
        assert_eq!(of("duration: 0.019 ms"), Some(Message::Ended { ms: 0.019 }));
        assert_eq!(of("duration: 0.019 ms  bind P_0: SELECT 1"), Some(Message::Phase { ms: 0.019 }));
        assert_eq!(of("duration: 2 ms  execute fetch from c: SELECT 1"), Some(Message::Fetched { ms: 2.0 }));
        assert_eq!(
            of("duration: 2 ms  plan:\nQuery Text: x"),
            Some(Message::Planned { ms: 2.0, plan: b"Query Text: x" })
        );
        for other in
            ["checkpoint starting: time", "duration: x ms", "duration: 5 s", "", "duration: 1 ms  fastpath"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn values() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            parameters("parameters: $1 = 'it''s, $2 = ''x''', $2 = NULL, $3 = 'a\nb'"),
            Some(vec![some("it's, $2 = 'x'"), None, some("a\nb")])
        );
        assert_eq!(parameters("Parameters: $1 = ''"), Some(vec![some("")]));
        for none in
            ["", "parameters: ", "parameters: $2 = 'x'", "parameters: $1 = 'x", "parameters: $1 = 'cut...'"]
        {
            assert_eq!(parameters(none), None, "{none}");
        }
    }

    #[test]
    fn plans_name_their_statement() {
        let text = "Query Text: SELECT *\nFROM t WHERE a = $1\nQuery Parameters: $1 = '5'\nSeq Scan on t  (cost=0.00..1.00 rows=1 width=4)";
        assert_eq!(
            planned(text),
            Some(("SELECT *\nFROM t WHERE a = $1".into(), Some(vec![Some("5".into())])))
        );
        assert_eq!(planned("{\"Query Text\": \"SELECT 1\", \"Plan\": {}}"), Some(("SELECT 1".into(), None)));
        assert_eq!(planned("{\"Plan\": {}}"), None);
        assert_eq!(planned("nothing"), None);
    }
}
