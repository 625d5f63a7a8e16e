//! Ways to fork a PostgreSQL database. One folder per backend, each with the same file names:
//! `backend.rs` (the trait), `config.rs` (options, also from a URL), `core.rs` (the work), `docs.md`.
//!
//! - [`local`]: a server of its own per fork, on a copy-on-write clone of a golden data directory.
//! - [`template`]: a database per fork on one server, by `CREATE DATABASE ... TEMPLATE`.
//!
//! What they have in common (finding PostgreSQL's programs, running servers, leases) is in [`shared`].

pub mod local;
pub mod shared;
pub mod template;
