//! Methods of str and bytes.

use super::Body;
use crate::abi::{case, is, just, strip};
use crate::ast::{Expr, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Op};
use crate::ty::Ty;

impl Body<'_, '_> {
    /// `separator.join(iterable)`.
    pub(super) fn join_strings(&mut self, separator: Ex, iterable: &Expr, span: Span) -> Ex {
        let (statements, result) = self.capture(|this| {
            let separator = this.keep(separator);
            let list = this.collect_list(iterable, |this, add| {
                this.for_each(iterable, &mut |this, item| add(this, item));
            });
            let ty = this.resolve(&list.ty);
            match ty {
                Ty::Never => list,
                Ty::List(ref element) if matches!(**element, Ty::Str | Ty::Var(_) | Ty::Never) => {
                    Self::call_runtime("str_join", vec![separator, list], Ty::Str, span)
                }
                Ty::List(element) => {
                    let name = element.python_name();
                    let message = format!("sequence item 0: expected str instance, {name} found");
                    this.fail(Code::Operand, span, message, "convert the items with `str(...)`")
                }
                _ => Self::error(span),
            }
        });
        Self::seq(statements, result)
    }

    pub(super) fn str_method(
        &mut self,
        text: &Ex,
        method: &str,
        values: &[Ex],
        named: &[(&str, Ex)],
        span: Span,
    ) -> Option<Ex> {
        let this = || Argument::Ex(text.clone());
        let num = |name, ty: Ty, mode: u32| {
            Self::runtime(name, vec![this(), Argument::Num(mode)], ty, span)
        };
        if matches!(method, "split" | "rsplit" | "splitlines") {
            return self.split_str(text, method, values, named, span);
        }
        if !named.is_empty() {
            return None;
        }
        if let Some(mode) = case_mode(method) {
            return values.is_empty().then(|| num("str_case", Ty::Str, mode));
        }
        if let Some(test) = is_test(method) {
            return values.is_empty().then(|| num("str_is", Ty::Bool, test));
        }
        Some(match (method, values) {
            ("strip" | "lstrip" | "rstrip", [] | [_]) => {
                let mode = match method {
                    "strip" => strip::BOTH,
                    "lstrip" => strip::LEFT,
                    _ => strip::RIGHT,
                };
                let chars = self.optional_str(values.first())?;
                Self::runtime("str_strip", vec![this(), chars, Argument::Num(mode)], Ty::Str, span)
            }
            ("startswith" | "endswith", [part]) => self.affix(text, method, part, span)?,
            ("removeprefix" | "removesuffix", [part]) if part.ty == Ty::Str => {
                let name =
                    if method == "removeprefix" { "str_removeprefix" } else { "str_removesuffix" };
                Self::call_runtime(name, vec![text.clone(), part.clone()], Ty::Str, span)
            }
            ("find" | "rfind" | "index" | "rindex" | "count", [part, bounds @ ..])
                if part.ty == Ty::Str && bounds.len() < 3 =>
            {
                let (bounds, mask) = self.search_bounds(bounds, span);
                let mut arguments = vec![this(), Argument::Ex(part.clone())];
                arguments.extend(bounds.map(Argument::Ex));
                arguments.push(Argument::Num(mask));
                let name = match method {
                    "count" => "str_count",
                    "find" | "rfind" => "str_find",
                    _ => "str_index_of",
                };
                if method != "count" {
                    arguments.push(Argument::Num(u32::from(method.starts_with('r'))));
                }
                Self::runtime(name, arguments, Ty::Int, span)
            }
            ("replace", [old, new, rest @ ..])
                if old.ty == Ty::Str && new.ty == Ty::Str && rest.len() < 2 =>
            {
                let count = match rest.first() {
                    Some(count) => self.index_value(count.clone(), span),
                    None => Ex::int(-1, span),
                };
                let arguments = vec![text.clone(), old.clone(), new.clone(), count];
                Self::call_runtime("str_replace", arguments, Ty::Str, span)
            }
            ("partition" | "rpartition", [separator]) if separator.ty == Ty::Str => {
                let reverse = Argument::Num(u32::from(method == "rpartition"));
                let arguments = vec![this(), Argument::Ex(separator.clone()), reverse];
                Self::runtime("str_partition", arguments, Ty::Tuple(vec![Ty::Str; 3]), span)
            }
            ("zfill", [width]) => {
                let width = self.index_value(width.clone(), span);
                Self::call_runtime("str_zfill", vec![text.clone(), width], Ty::Str, span)
            }
            ("ljust" | "rjust" | "center", [width] | [width, _]) => {
                let mode = match method {
                    "ljust" => just::LEFT,
                    "rjust" => just::RIGHT,
                    _ => just::CENTER,
                };
                let width = self.index_value(width.clone(), span);
                let fill = self.optional_str(values.get(1))?;
                let arguments = vec![this(), Argument::Ex(width), fill, Argument::Num(mode)];
                Self::runtime("str_just", arguments, Ty::Str, span)
            }
            ("encode", []) => Self::call_runtime("str_encode", vec![text.clone()], Ty::Bytes, span),
            _ => return None,
        })
    }

    /// An optional str argument; 0 if it is left out or None.
    fn optional_str(&self, value: Option<&Ex>) -> Option<Argument> {
        match value {
            None => Some(Argument::Num(0)),
            Some(value) if value.ty == Ty::None => Some(Argument::Num(0)),
            Some(value) => (value.ty == Ty::Str).then(|| Argument::Ex(value.clone())),
        }
    }

    /// `startswith` and `endswith`, also of a tuple of alternatives.
    fn affix(&mut self, text: &Ex, method: &str, part: &Ex, span: Span) -> Option<Ex> {
        let name = if method == "startswith" { "str_startswith" } else { "str_endswith" };
        match self.resolve(&part.ty) {
            Ty::Str => {
                Some(Self::call_runtime(name, vec![text.clone(), part.clone()], Ty::Bool, span))
            }
            Ty::Tuple(items) if items.iter().all(|item| *item == Ty::Str) => {
                let (mut before, text) = self.temp(text.clone());
                let (more, tuple) = self.temp(part.clone());
                before.extend(more);
                let mut result = Ex::bool(false, span);
                for index in (0..items.len()).rev() {
                    let item = Ex::new(Op::TupleGet(Box::new(tuple.clone()), index), Ty::Str, span);
                    let test = Self::call_runtime(name, vec![text.clone(), item], Ty::Bool, span);
                    result = self.choose(test, Ex::bool(true, span), result, span);
                }
                Some(Self::seq(before, result))
            }
            _ => None,
        }
    }

    fn split_str(
        &mut self,
        text: &Ex,
        method: &str,
        values: &[Ex],
        named: &[(&str, Ex)],
        span: Span,
    ) -> Option<Ex> {
        let this = Argument::Ex(text.clone());
        let list = Ty::list(Ty::Str);
        let given = |at: usize, name: &str| {
            let keyword = named.iter().find(|(found, _)| *found == name).map(|(_, value)| value);
            values.get(at).or(keyword)
        };
        if values.len() + named.len() > 2 {
            return None;
        }
        if method == "splitlines" {
            let keep = given(0, "keepends").cloned().unwrap_or_else(|| Ex::bool(false, span));
            let keep = self.truth(keep);
            return Some(Self::runtime(
                "str_splitlines",
                vec![this, Argument::Ex(keep)],
                list,
                span,
            ));
        }
        let separator = self.optional_str(given(0, "sep"))?;
        let limit = match given(1, "maxsplit") {
            Some(limit) => self.index_value(limit.clone(), span),
            None => Ex::int(-1, span),
        };
        let name = if method == "split" { "str_split" } else { "str_rsplit" };
        Some(Self::runtime(name, vec![this, separator, Argument::Ex(limit)], list, span))
    }

    pub(super) fn bytes_method(
        &mut self,
        bytes: &Ex,
        method: &str,
        values: &[Ex],
        span: Span,
    ) -> Option<Ex> {
        Some(match (method, values) {
            ("decode", []) => {
                Self::call_runtime("bytes_decode", vec![bytes.clone()], Ty::Str, span)
            }
            ("hex", []) => Self::call_runtime("bytes_hex", vec![bytes.clone()], Ty::Str, span),
            ("startswith" | "endswith", [part]) if part.ty == Ty::Bytes => {
                let name = if method == "startswith" { "str_startswith" } else { "str_endswith" };
                Self::call_runtime(name, vec![bytes.clone(), part.clone()], Ty::Bool, span)
            }
            ("find" | "rfind", [part]) if part.ty == Ty::Bytes => {
                let reverse = Argument::Num(u32::from(method == "rfind"));
                let arguments =
                    vec![Argument::Ex(bytes.clone()), Argument::Ex(part.clone()), reverse];
                Self::runtime("bytes_find", arguments, Ty::Int, span)
            }
            _ => return None,
        })
    }
}

fn case_mode(method: &str) -> Option<u32> {
    Some(match method {
        "lower" => case::LOWER,
        "upper" => case::UPPER,
        "title" => case::TITLE,
        "capitalize" => case::CAPITALIZE,
        "swapcase" => case::SWAP,
        _ => return None,
    })
}

fn is_test(method: &str) -> Option<u32> {
    Some(match method {
        "isalpha" => is::ALPHA,
        "isdecimal" => is::DECIMAL,
        "isdigit" => is::DIGIT,
        "isnumeric" => is::NUMERIC,
        "isalnum" => is::ALNUM,
        "isspace" => is::SPACE,
        "isprintable" => is::PRINTABLE,
        "islower" => is::LOWER,
        "isupper" => is::UPPER,
        "istitle" => is::TITLE,
        "isascii" => is::ASCII,
        _ => return None,
    })
}
