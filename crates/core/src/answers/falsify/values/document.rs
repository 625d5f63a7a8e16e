//! JSON documents that have the paths and values that a query asks for, nearly have them, or do not.

use serde_json::{Map, Value, json};

/// A path that a query reads, such as `doc -> 'user' ->> 'age'`, and what it compares it with.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in super::super) struct Path {
    pub(in super::super) keys: Vec<String>,
    pub(in super::super) values: Vec<String>,
}

/// What a query knows of documents.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in super::super) struct Documents {
    pub(in super::super) paths: Vec<Path>,
    /// Documents written in the query, as for `@>`.
    pub(in super::super) constants: Vec<Value>,
}

/// Documents at the most.
const MOST: usize = 48;

impl Documents {
    /// Documents to fill columns with, each different, the most telling first.
    pub(in super::super) fn variants(&self) -> Vec<String> {
        let mut all: Vec<Value> = Vec::new();
        let choices: Vec<(&Path, Vec<Value>)> = self.paths.iter().map(|p| (p, p.choices())).collect();
        let longest = choices.iter().map(|(_, c)| c.len()).max().unwrap_or(0);
        for turn in 0..longest {
            // All paths at once, so that several conditions can hold together …
            let mut whole = json!({});
            for (path, values) in &choices {
                if let Some(value) = values.get(turn).or_else(|| values.first()) {
                    place(&mut whole, &path.keys, value.clone());
                }
            }
            all.push(whole);
            // … and each by itself.
            for (path, values) in &choices {
                if let Some(value) = values.get(turn) {
                    let mut one = json!({});
                    place(&mut one, &path.keys, value.clone());
                    all.push(one);
                }
            }
        }
        for constant in &self.constants {
            all.extend(around(constant));
        }
        all.extend([json!({}), json!([]), json!({"a": 1}), json!({"a": null}), Value::Null]);
        let mut texts: Vec<String> = Vec::new();
        for text in all.iter().map(ToString::to_string) {
            if !texts.contains(&text) && texts.len() < MOST {
                texts.push(text);
            }
        }
        texts
    }
}

impl Path {
    /// Values for the end of the path: as text, as number, beside it, null.
    fn choices(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for value in &self.values {
            if let Ok(number) = value.parse::<i64>() {
                all.extend([json!(number), json!(number.saturating_add(1)), json!(number.saturating_sub(1))]);
            } else if let Ok(number) = value.parse::<f64>() {
                all.push(json!(number));
            } else if let Ok(flag) = value.parse::<bool>() {
                all.extend([json!(flag), json!(!flag)]);
            }
            all.extend([json!(value), json!(format!("{value}a"))]);
        }
        all.extend([json!("a"), Value::Null, json!(1)]);
        all
    }
}

fn place(document: &mut Value, keys: &[String], value: Value) {
    let Some((key, rest)) = keys.split_first() else {
        *document = value;
        return;
    };
    if !document.is_object() {
        *document = json!({});
    }
    if let Some(object) = document.as_object_mut() {
        place(object.entry(key.clone()).or_insert(Value::Null), rest, value);
    }
}

/// The document, the same with more in it, with less, with another value, and inside a list.
fn around(document: &Value) -> Vec<Value> {
    let mut all = vec![document.clone()];
    match document {
        Value::Object(object) => {
            let mut more = object.clone();
            more.insert("more".to_owned(), json!(1));
            all.push(Value::Object(more));
            for key in object.keys() {
                let mut less: Map<String, Value> = object.clone();
                less.shift_remove(key);
                all.push(Value::Object(less));
                let mut other = object.clone();
                other.insert(key.clone(), json!("other"));
                all.push(Value::Object(other));
            }
        }
        Value::Array(items) => {
            let mut more = items.clone();
            more.push(json!("more"));
            all.extend([Value::Array(more), Value::Array(items.iter().skip(1).cloned().collect())]);
            all.push(Value::Array(items.iter().chain(items).cloned().collect()));
        }
        _ => {}
    }
    all.push(json!([document]));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_hold_what_is_asked_for() {
        let path = |keys: &[&str], values: &[&str]| Path {
            keys: keys.iter().map(|k| (*k).to_owned()).collect(),
            values: values.iter().map(|v| (*v).to_owned()).collect(),
        };
        let documents = Documents {
            paths: vec![path(&["status"], &["open"]), path(&["user", "age"], &["30"])],
            constants: vec![json!({"k": [1]})],
        };
        let variants = documents.variants();
        for want in [
            r#"{"status":"open","user":{"age":30}}"#,
            r#"{"status":"open"}"#,
            r#"{"user":{"age":31}}"#,
            r#"{"k":[1]}"#,
            r#"{"k":[1],"more":1}"#,
            "{}",
            "null",
        ] {
            assert!(variants.iter().any(|v| v == want), "{want} in {variants:#?}");
        }
    }
}
