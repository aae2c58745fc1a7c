//! What a task asks of its host: to wait, and who it is. And `await`, which in a task that runs
//! alone is a call.

use super::Body;
use crate::ast::{Expr, ExprKind, Span};
use crate::diagnostics::Code;
use crate::ir::{Ex, St};
use crate::request::Captured;
use crate::ty::Ty;

/// What to say of other members of modules.
pub(super) const KNOWN_MODULES: &str =
    "the README says what the native engine knows of the standard library";

/// Whether this is an object of SPM's whose members are known, as a module's are.
pub(super) fn is_own(dotted: &str) -> bool {
    matches!(dotted, "spm.task" | "spm.hub" | "spm.team")
}

impl Body<'_, '_> {
    /// Reports a call of what is not known.
    pub(super) fn unknown_member(&mut self, dotted: &str, span: Span) -> Ex {
        if dotted == "asyncio.sleep" {
            let message = "`asyncio.sleep(...)` does nothing until it is awaited";
            return self.fail(Code::Expression, span, message, "write `await asyncio.sleep(...)`");
        }
        let help = if dotted.starts_with("asyncio.") {
            "a task runs alone: await its coroutines one after the other"
        } else {
            KNOWN_MODULES
        };
        self.fail(Code::Function, span, format!("`{dotted}` is not supported"), help)
    }

    /// `time.sleep(seconds)`.
    pub(super) fn sleep(&mut self, mut values: Vec<Ex>, named: usize, span: Span) -> Ex {
        let count = values.len();
        if named > 0 {
            let message = "time.sleep() takes no keyword arguments";
            return self.fail(Code::Arguments, span, message, "");
        }
        if count != 1 {
            let message = format!("time.sleep() takes exactly one argument ({count} given)");
            return self.fail(Code::Arguments, span, message, "");
        }
        self.sleep_for(values.remove(0), span)
    }

    fn sleep_for(&mut self, seconds: Ex, span: Span) -> Ex {
        match self.resolve(&seconds.ty) {
            Ty::Float => Self::call_runtime("sleep_float", vec![seconds], Ty::None, span),
            Ty::Union(_) => self.split(seconds, &mut |this, one| this.sleep_for(one, span)),
            _ => {
                let seconds = self.index_value(seconds, span);
                if matches!(seconds.ty, Ty::Error | Ty::Never) {
                    return seconds;
                }
                Self::call_runtime("sleep_int", vec![seconds], Ty::None, span)
            }
        }
    }

    /// `await call(...)`: runs the call to its end.
    pub(super) fn awaited(&mut self, awaited: &Expr, span: Span) -> Ex {
        if let ExprKind::Call { function, arguments, keywords } = &awaited.kind {
            if let Some(dotted) = self.member(function).filter(|name| name.starts_with("asyncio."))
            {
                if dotted == "asyncio.sleep" {
                    return self.async_sleep(arguments, keywords, span);
                }
                return self.unknown_member(&dotted, span);
            }
            if let ExprKind::Name(name) = &function.kind
                && self.variable(name).is_none()
                && let Some(Captured::Function(index)) = self.captured(name)
                && self.is_async(index)
            {
                return self.user_call(index, awaited, name, arguments, keywords);
            }
            let reported = self.program.diagnostics.len();
            let value = self.expr(awaited);
            if self.program.diagnostics.len() > reported || value.ty == Ty::Error {
                return Self::error(span);
            }
        }
        let message = "only calls of `async def` functions and `asyncio.sleep` can be awaited";
        self.fail(Code::Expression, span, message, "leave out `await`")
    }

    /// Whether a function is declared with `async def`.
    pub(super) fn is_async(&self, function: usize) -> bool {
        self.program.functions.get(function).is_some_and(|function| function.ast.is_async)
    }

    /// `asyncio.sleep(delay, result=None)`.
    fn async_sleep(&mut self, arguments: &[Expr], keywords: &[(String, Expr)], span: Span) -> Ex {
        let mut before = Vec::new();
        let mut found: [Option<Ex>; 2] = [None, None];
        let positional = arguments.iter().enumerate().map(|(index, value)| (Some(index), value));
        let named = keywords.iter().map(|(name, value)| {
            (["delay", "result"].iter().position(|known| known == name), value)
        });
        for (index, value) in positional.chain(named) {
            let evaluated = self.expr(value);
            match index.and_then(|index| found.get_mut(index)) {
                Some(place) if place.is_none() => {
                    let (first, evaluated) = self.temp(evaluated);
                    before.extend(first);
                    *place = Some(evaluated);
                }
                _ => {
                    let message = "asyncio.sleep() takes `delay` and `result`";
                    return self.fail(Code::Arguments, value.span, message, "");
                }
            }
        }
        let [delay, result] = found;
        let Some(delay) = delay else {
            let message = "asyncio.sleep() missing 1 required positional argument: 'delay'";
            return self.fail(Code::Arguments, span, message, "");
        };
        let delay = self.real(delay, span);
        let result = result.unwrap_or_else(|| Ex::none(span));
        if let Some(trivial) = self.trivial(&[&delay, &result], span) {
            return Self::seq(before, trivial);
        }
        let slept = Self::call_runtime("sleep_async", vec![delay], Ty::None, span);
        before.push(St::Eval(slept));
        Self::seq(before, result)
    }
}
