//! Statements as trees: parse, understand, edit, print. Whatever is not understood is left alone.

mod facts;
mod guard;
mod index;
mod keys;
mod names;
mod parse;
mod scope;
mod select;
mod walk;

#[cfg(test)]
pub(crate) mod testing;

pub(crate) use facts::{Facts, tables};
pub(crate) use guard::{Proven, plans, prove};
pub(crate) use index::IndexWish;
pub(crate) use keys::{has_key, points_at};
pub(crate) use names::{Fresh, fold, name_ast, output_name, short_name};
pub(crate) use parse::{expression, query};
pub(crate) use scope::{Scope, joinable};
pub(crate) use select::{
    all_of, bare, conjuncts, filters, from_text, group_keys, grouping, inner_on, item_expr, limit, nested,
    order_by, plain, plain_body, plain_mut, standard, where_text,
};
pub(crate) use walk::{
    any_expr, calls, each_expr, function_name, has_subquery, placeholders, replace, replace_whole, unwrapped,
};
