//! The index agent: new indexes, and old ones that are not needed.
