//! What a set is made of: indexes that are taken or left as a whole.

use std::collections::BTreeSet;

use pgverse_core::types::{Brief, Change, StatementId};

use crate::index::estimate::btree_bytes;
use crate::index::idea::{Action, Idea};
use crate::index::rank::equal;
use crate::index::spec::Spec;
use crate::shared::names::Names;

/// Share of the largest promise for a statement that makes an index a rival of the one that makes it.
const NEARLY: f64 = 0.5;

/// Share of the rows that is taken for what a partial index holds.
const PARTIAL_SHARE: f64 = 0.1;

/// One index, or several that only make sense together.
#[derive(Debug, Clone)]
pub(super) struct Atom<'a> {
    /// The idea behind it.
    pub idea: Idea<'a>,
    /// What would be built.
    pub change: Change,
    /// Bytes, once it is built.
    pub bytes: Option<u64>,
    /// Why it is in no set, if that is known.
    pub rejected: Option<String>,
}

impl<'a> Atom<'a> {
    /// Its indexes.
    pub(super) fn specs(&self) -> &[Spec<'a>] {
        match &self.idea.action {
            Action::Create(specs) => specs,
            Action::Drop { .. } => &[],
        }
    }

    /// Bytes by the statistics, before anything is built: good enough to tell large ones from small ones.
    fn expected_bytes(&self) -> f64 {
        let bytes =
            |spec: &Spec<'_>| btree_bytes(spec) * if spec.predicate.is_some() { PARTIAL_SHARE } else { 1.0 };
        self.specs().iter().map(bytes).sum()
    }

    /// Whether the other one serves whatever this one serves.
    pub(super) fn within(&self, other: &Atom<'_>) -> bool {
        self.specs().iter().all(|spec| other.specs().iter().any(|wide| spec.within(wide)))
    }
}

/// The ideas for new indexes, equal ones merged, with their narrower and united forms; at most `limit`, best estimate
/// first.
pub(super) fn atoms<'a>(brief: &Brief, ideas: Vec<Idea<'a>>, limit: usize) -> Vec<Atom<'a>> {
    let creates: Vec<Idea<'a>> =
        ideas.into_iter().filter(|i| matches!(i.action, Action::Create(_)) && i.saved() > 0.0).collect();
    let mut ideas = equal(creates);
    let narrow: Vec<Idea<'a>> = ideas.iter().filter_map(without_include).collect();
    ideas.extend(narrow);
    let united: Vec<Idea<'a>> = ideas
        .iter()
        .enumerate()
        .flat_map(|(at, a)| ideas.iter().skip(at + 1).filter_map(move |b| united(a, b)))
        .collect();
    ideas.extend(united);
    let mut ideas = equal(ideas);
    let total: f64 =
        brief.plans.iter().filter_map(|p| p.plan.execution_ms).sum::<f64>().max(f64::MIN_POSITIVE);
    let worth = |idea: &Idea<'_>| idea.gains.iter().map(|g| g.saved / total + g.share).sum::<f64>();
    ideas.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
    ideas.truncate(limit);
    let mut names = Names::of(&brief.catalog);
    let atom = |idea: Idea<'a>| {
        let operations = match &idea.action {
            Action::Create(specs) => specs.iter().map(|s| s.operation(names.next(&s.slug()))).collect(),
            Action::Drop { .. } => Vec::new(),
        };
        Atom { idea, change: Change { operations }, bytes: None, rejected: None }
    };
    ideas.into_iter().map(atom).collect()
}

/// For each statement the smallest of the atoms that promise the most for it, and the smallest of all.
pub(super) fn leaders(atoms: &[Atom<'_>]) -> Vec<usize> {
    let statements: BTreeSet<&StatementId> =
        atoms.iter().flat_map(|atom| &atom.idea.gains).map(|gain| gain.statement).collect();
    let mut leaders = BTreeSet::new();
    for statement in statements {
        let promise = |atom: &Atom<'_>| {
            let gains = atom.idea.gains.iter().filter(|gain| gain.statement == statement);
            gains.map(|gain| gain.share).fold(0.0, f64::max)
        };
        let most = atoms.iter().map(promise).fold(0.0, f64::max);
        for least in [most * NEARLY, f64::MIN_POSITIVE] {
            let rivals = (0..atoms.len()).filter(|&at| promise(&atoms[at]) >= least);
            let bytes = |at: &usize| atoms[*at].expected_bytes();
            leaders.extend(rivals.min_by(|a, b| bytes(a).total_cmp(&bytes(b))));
        }
    }
    leaders.into_iter().collect()
}

/// The same index without the columns that it only carries: smaller, and at times all that is needed.
fn without_include<'a>(idea: &Idea<'a>) -> Option<Idea<'a>> {
    let spec = idea.single().filter(|s| !s.include.is_empty())?;
    let narrow = Spec { include: Vec::new(), ..spec.clone() };
    (!narrow.exists()).then(|| Idea { action: Action::Create(vec![narrow]), ..idea.clone() })
}

/// One index for what two do, where the keys of one begin those of the other.
fn united<'a>(a: &Idea<'a>, b: &Idea<'a>) -> Option<Idea<'a>> {
    let (a_spec, b_spec) = (a.single()?, b.single()?);
    let (short, long) =
        if a_spec.keys.len() <= b_spec.keys.len() { (a_spec, b_spec) } else { (b_spec, a_spec) };
    let bare = Spec { include: Vec::new(), ..short.clone() };
    if short.method != "btree" || !bare.within(&Spec { include: Vec::new(), ..long.clone() }) {
        return None;
    }
    if short.within(long) || long.within(short) {
        return None;
    }
    let mut spec = long.clone();
    for column in &short.include {
        if !spec.include.contains(column) && !spec.columns().contains(&column.as_str()) {
            spec.include.push(column.clone());
        }
    }
    let gains = a.gains.iter().chain(&b.gains).cloned().collect();
    let reasons = a.reasons.iter().chain(&b.reasons).cloned().collect();
    Some(Idea { action: Action::Create(vec![spec]), gains, reasons })
}
