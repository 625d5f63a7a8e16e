//! Reads `pairs.sql`. Also included by the bench of the same name.

/// Two texts and whether they mean the same.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    /// What it is about.
    pub(crate) name: String,
    /// Whether both mean the same on every database.
    pub(crate) same: bool,
    /// Parameter values.
    pub(crate) values: Vec<Option<String>>,
    /// The original text.
    pub(crate) original: String,
    /// The other text.
    pub(crate) rewritten: String,
}

/// The schema with its rows.
pub(crate) const SCHEMA: &str = include_str!("schema.sql");

/// Every pair, in the order of the file.
pub(crate) fn pairs() -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut second = false;
    for line in include_str!("pairs.sql").lines() {
        if let Some(directive) = line.strip_prefix("--! ") {
            if directive == "into" {
                second = true;
            } else if let Some(values) = directive.strip_prefix("with: ") {
                let pair = pairs.last_mut().expect("values belong to a pair");
                pair.values = serde_json::from_str(values).expect("values are a JSON list");
            } else {
                let (kind, name) = directive.split_once(": ").expect("a pair has a name");
                assert!(matches!(kind, "same" | "differs"), "{kind}");
                second = false;
                pairs.push(Pair {
                    name: name.to_owned(),
                    same: kind == "same",
                    values: Vec::new(),
                    original: String::new(),
                    rewritten: String::new(),
                });
            }
        } else if !line.starts_with("--") && !line.is_empty() {
            let pair = pairs.last_mut().expect("a text belongs to a pair");
            let text = if second { &mut pair.rewritten } else { &mut pair.original };
            text.push_str(line);
        }
    }
    pairs
}
