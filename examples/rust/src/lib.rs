//! Examples of pgverse in Rust: each is a program in `src/bin`, run by `cargo test -p pgverse-examples`.
