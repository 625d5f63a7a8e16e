//! What is easier on the text than on a tree.

/// Splits a condition at its top-level `AND`s, outer parentheses removed. So one conjunct that cannot be
/// parsed, such as `(SubPlan 1)`, does not spoil the others.
pub fn conjuncts(text: &str) -> Vec<&str> {
    split(text, " AND ")
}

/// The same for `OR`.
pub(super) fn disjuncts(text: &str) -> Vec<&str> {
    split(text, " OR ")
}

fn split<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let text = peel(text);
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(separator) {
        if depth_at(text, at) == Some(0) {
            parts.push(peel(&text[start..at]));
            start = at + separator.len();
        }
    }
    parts.push(peel(&text[start..]));
    parts
}

/// Removes parentheses that enclose the whole text.
pub(super) fn peel(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        // `(a) = (b)` starts and ends with parentheses that are not a pair.
        if closes_at(text) != Some(text.len() - 1) {
            break;
        }
        text = inner.trim();
    }
    text
}

/// Where the parenthesis closes that the text begins with.
fn closes_at(text: &str) -> Option<usize> {
    let mut depth = 0i32;
    for (at, c) in outside_quotes(text) {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Depth of parentheses at a place; none inside quotes.
fn depth_at(text: &str, place: usize) -> Option<i32> {
    let mut depth = 0;
    for (at, c) in outside_quotes(text) {
        if at == place {
            return Some(depth);
        }
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Characters that are not part of a string literal or a quoted identifier.
fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote: Option<char> = None;
    // A doubled quote closes and reopens, which comes to the same.
    let mut escapes = false;
    let mut skip = false;
    let mut before = ' ';
    text.char_indices().filter(move |&(_, c)| {
        let inside = quote.is_some();
        match quote {
            Some(_) if skip => skip = false,
            Some(_) if escapes && c == '\\' => skip = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                escapes = c == '\'' && matches!(before, 'E' | 'e');
            }
            None => {}
        }
        before = c;
        !inside && quote.is_none()
    })
}

/// The elements of a one-dimensional array in the server's output format (PostgreSQL manual, "Array Input
/// and Output Syntax"); none if it is nested or malformed.
pub fn array_elements(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = Vec::new();
    if inner.is_empty() {
        return Some(elements);
    }
    let mut current = String::new();
    let mut quoted = false;
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => current.push(characters.next()?),
            ',' if !quoted => elements.push(std::mem::take(&mut current)),
            '{' | '}' if !quoted => return None,
            c => current.push(c),
        }
    }
    elements.push(current);
    (!quoted).then_some(elements)
}

/// SQL without the casts to text that the server writes out and nobody else does: `(email)::TEXT` is `email`,
/// `'x'::TEXT` is `'x'`.
pub fn readable(sql: &str) -> String {
    let mut parts = sql.split("::TEXT");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let name = text.strip_suffix(')').and_then(|t| t.rsplit_once('('));
        if let Some((before, name)) = name
            && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '"')
        {
            text = format!("{before}{name}");
        }
        text.push_str(part);
    }
    text
}
