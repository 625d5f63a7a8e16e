//! A workload in SQL.

use super::directive;
use super::draft::{Draft, Drafts};
use super::split::Splitter;
use crate::error::Result;
use crate::types::ParameterSet;

pub(super) fn read<'a>(text: &str, usual: &'a [ParameterSet]) -> Result<Drafts<'a>> {
    let mut drafts = Drafts::new(usual);
    let mut splitter = Splitter::new(text);
    for piece in splitter.by_ref() {
        let piece = piece?;
        let mut draft = Draft::new(piece.text, piece.position());
        directive::apply(&mut draft, &piece.comments)?;
        drafts.add(draft)?;
    }
    directive::refuse_left_over(&splitter.comments)?;
    Ok(drafts)
}
