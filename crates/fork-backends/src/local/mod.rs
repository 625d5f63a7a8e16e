//! Forks as servers of their own on copy-on-write clones of a golden data directory.
