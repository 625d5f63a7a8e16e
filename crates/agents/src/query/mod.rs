//! The query agent: rewritten texts for statements.
