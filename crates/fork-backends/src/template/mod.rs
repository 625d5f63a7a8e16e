//! Forks as databases of one server, by `CREATE DATABASE ... TEMPLATE`.
