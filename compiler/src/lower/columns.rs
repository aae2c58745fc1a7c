//! `zip(*rows)`: iteration over columns.

use super::Body;
use super::iterate::{Item, Plan};
use crate::ast::{Expr, Span};
use crate::diagnostics::Code;
use crate::ir::{Argument, Ex, Label, Op, St};
use crate::ty::Ty;

impl Body<'_, '_> {
    /// How to iterate over `zip(*rows)`.
    pub(super) fn plan_columns(&mut self, rows: &Expr, exit: Label, span: Span) -> Option<Plan> {
        let value = self.expr(rows);
        let ty = self.resolve(&value.ty);
        match &ty {
            Ty::List(row) | Ty::VTuple(row) => {
                let row = self.resolve(row);
                if let Ty::List(element) | Ty::VTuple(element) = &row {
                    return Some(self.plan_column(value, &row, element, exit, span));
                }
            }
            Ty::Tuple(items) if !items.is_empty() => {
                let (setup, tuple) = self.temp(value);
                let mut plans = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    let item = Ex::new(
                        Op::TupleGet(Box::new(tuple.clone()), index),
                        item.clone(),
                        rows.span,
                    );
                    plans.push(self.plan_value(item, exit)?);
                }
                let mut plan = self.plan_together(plans, span);
                plan.setup.splice(0..0, setup);
                return Some(plan);
            }
            Ty::Error => return None,
            Ty::Never => return self.plan_value(value, exit),
            _ => {}
        }
        let shown = self.show(&ty);
        let message = format!("`zip(*...)` needs a list of lists or tuples, not `{shown}`");
        self.report(Code::Operand, rows.span, message, "name the iterables one by one");
        None
    }

    fn plan_column(&mut self, rows: Ex, row: &Ty, element: &Ty, exit: Label, span: Span) -> Plan {
        // The rows are those of now; what is in them is looked up when it is needed. A tuple of any
        // length is laid out as a list.
        let ty = Ty::list(row.clone());
        let copied = vec![Argument::Ex(rows), Argument::Desc(ty.clone())];
        let copied = Self::runtime("list_copy", copied, ty.clone(), span);
        let (list, counter) = (self.fresh(&ty), self.fresh(&Ty::Int));
        let setup = vec![St::Set(list, copied), St::Set(counter, Ex::int(0, span))];
        let rows = Ex::local(list, ty.clone(), span);
        let now = Ex::local(counter, Ty::Int, span);
        let arguments = vec![rows.clone(), now.clone()];
        let condition = Self::call_runtime("list_has_column", arguments, Ty::Bool, span);
        let column = vec![Argument::Ex(rows), Argument::Desc(ty), Argument::Ex(now)];
        let item_ty = Ty::VTuple(Box::new(self.element(element)));
        let item = Self::runtime("list_column", column, item_ty, span);
        let step = vec![St::Step { local: counter, by: Ex::int(1, span), exit }];
        let (first, owned) = (Vec::new(), vec![list]);
        Plan { setup, condition, first, item: Item::One(item), step, exit, owned, never: false }
    }
}
