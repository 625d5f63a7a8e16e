//! The cache agent: stored results.
