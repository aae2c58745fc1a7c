//! `with`: as Python defines it, by `try`, and by calls of `__enter__` and `__exit__`.
//!
//! The class that `__exit__` is told of is the exception itself here, so that its first parameter can only be used where
//! that makes no difference: compared with None, tested, in `issubclass`, and for its name.

use super::Body;
use super::attempt::Parts;
use super::convert::BuiltinCall;
use super::objects::Meaning;
use crate::ast::{
    Comparison, Expr, ExprKind, Function, Handler, NodeId, Span, Stmt, StmtKind, Takes,
};
use crate::diagnostics::Code;
use crate::ir::{Ex, St};
use crate::names;
use crate::request::Member;
use crate::ty::Ty;

/// Calls that stand for those of a manager's methods. No program can write such names.
pub(super) const ENTER: &str = "<enter>";
pub(super) const EXIT: &str = "<exit>";

/// Makes nodes of what a `with` stands for.
struct Nodes {
    next: NodeId,
    span: Span,
}

impl Nodes {
    fn id(&mut self) -> NodeId {
        self.next += 1;
        self.next
    }

    fn expr(&mut self, kind: ExprKind) -> Expr {
        Expr { kind, span: self.span, id: self.id() }
    }

    fn name(&mut self, name: &str) -> Expr {
        self.expr(ExprKind::Name(name.to_owned()))
    }

    fn call(&mut self, function: &str, arguments: Vec<Expr>) -> Expr {
        let function = Box::new(self.name(function));
        self.expr(ExprKind::Call { function, arguments, keywords: Vec::new() })
    }

    fn stmt(&mut self, kind: StmtKind) -> Stmt {
        Stmt { kind, span: self.span, id: self.id() }
    }

    fn assign(&mut self, target: Expr, value: Expr) -> Stmt {
        self.stmt(StmtKind::Assign { targets: vec![target], value })
    }
}

impl Body<'_, '_> {
    pub(super) fn with_statement(
        &mut self,
        manager: &Expr,
        target: Option<&Expr>,
        body: &[Stmt],
        first: NodeId,
    ) {
        let span = manager.span;
        let mut nodes = Nodes { next: first, span };
        if let ExprKind::Call { function, arguments, keywords } = &manager.kind
            && let Some(dotted) = self.library_member(function).filter(|_| keywords.is_empty())
        {
            match dotted.as_str() {
                "contextlib.suppress" => {
                    self.suppressed(&mut nodes, arguments, target, body);
                    return;
                }
                "contextlib.nullcontext" if arguments.len() < 2 => {
                    let mut all = Vec::new();
                    let value = arguments.first().cloned();
                    let value = value.unwrap_or_else(|| nodes.expr(ExprKind::None));
                    all.push(match target {
                        Some(target) => nodes.assign(target.clone(), value),
                        None => nodes.stmt(StmtKind::Expr(value)),
                    });
                    self.block(&all);
                    self.block(body);
                    return;
                }
                _ => {}
            }
        }
        let [held, entered, raised] = names::with_names(first);
        let held_name = nodes.name(&held);
        let mut all = vec![nodes.assign(held_name, manager.clone())];
        let held_name = nodes.name(&held);
        let value = nodes.call(ENTER, vec![held_name]);
        let entered_name = nodes.name(&entered);
        all.push(nodes.assign(entered_name, value));
        let raised_name = nodes.name(&raised);
        let no = nodes.expr(ExprKind::Bool(false));
        all.push(nodes.assign(raised_name, no));
        let attempt = self.guarded(&mut nodes, [&held, &entered, &raised], target, body);
        all.push(attempt);
        self.block(&all);
    }

    /// The body, and the calls of `__exit__` on the ways out of it.
    fn guarded(
        &self,
        nodes: &mut Nodes,
        [held, entered, raised]: [&str; 3],
        target: Option<&Expr>,
        body: &[Stmt],
    ) -> Stmt {
        let mut inner = Vec::new();
        if let Some(target) = target {
            let value = nodes.name(entered);
            inner.push(nodes.assign(target.clone(), value));
        }
        inner.extend_from_slice(body);
        let caught = format!("<caught {}>", nodes.next);
        let raised_name = nodes.name(raised);
        let yes = nodes.expr(ExprKind::Bool(true));
        let note = nodes.assign(raised_name, yes);
        let arguments = vec![nodes.name(held), nodes.name(&caught)];
        let exit = nodes.call(EXIT, arguments);
        let test = nodes.expr(ExprKind::Not(Box::new(exit)));
        let again = nodes.stmt(StmtKind::Raise { exception: None, cause: None });
        let unless = nodes.stmt(StmtKind::If { test, body: vec![again], orelse: Vec::new() });
        let handler = Handler {
            classes: None,
            name: Some(caught),
            body: vec![note, unless],
            span: nodes.span,
            id: nodes.id(),
        };
        let (orelse, finalbody) = (Vec::new(), Vec::new());
        let attempt = StmtKind::Try { body: inner, handlers: vec![handler], orelse, finalbody };
        let attempt = nodes.stmt(attempt);
        let argument = nodes.name(held);
        let exit = nodes.call(EXIT, vec![argument]);
        let exit = nodes.stmt(StmtKind::Expr(exit));
        let raised_name = nodes.name(raised);
        let test = nodes.expr(ExprKind::Not(Box::new(raised_name)));
        let last = nodes.stmt(StmtKind::If { test, body: vec![exit], orelse: Vec::new() });
        nodes.stmt(StmtKind::Try {
            body: vec![attempt],
            handlers: Vec::new(),
            orelse: Vec::new(),
            finalbody: vec![last],
        })
    }

    /// `with suppress(classes)`.
    fn suppressed(
        &mut self,
        nodes: &mut Nodes,
        classes: &[Expr],
        target: Option<&Expr>,
        body: &[Stmt],
    ) {
        let span = nodes.span;
        if let Some(target) = target {
            let none = nodes.expr(ExprKind::None);
            let assign = nodes.assign(target.clone(), none);
            self.statement(&assign);
        }
        let classes = nodes.expr(ExprKind::Tuple(classes.to_vec()));
        let pass = nodes.stmt(StmtKind::Pass);
        let id = nodes.id();
        let handler = Handler { classes: Some(classes), name: None, body: vec![pass], span, id };
        let node = nodes.id();
        let handlers = &[handler];
        self.try_statement(&Parts { node, span, body, handlers, orelse: &[], finalbody: &[] });
    }

    /// What `__enter__` gives.
    pub(super) fn entered(&mut self, manager: &Ex, span: Span) -> Ex {
        let ty = self.resolve(&manager.ty);
        let groups = match &ty {
            Ty::Object(family) => Some(self.meanings(family.root, "__exit__")),
            _ => None,
        };
        let has_exit = groups.is_some_and(|groups| {
            groups.iter().all(|(_, it)| matches!(it, Meaning::Member(Member::Method(_), _)))
        });
        if !has_exit || !self.has_special(&ty, "__enter__") {
            let shown = self.show(&ty);
            let message = format!("`{shown}` is no context manager that is known here");
            let help = "use an instance of a class of yours with `__enter__` and `__exit__`";
            return self.fail(Code::Statement, span, message, help);
        }
        self.method_of_object(manager.clone(), "__enter__", &[], &[], span)
    }

    /// What `__exit__` says of an exception, or when there is none.
    pub(super) fn exited(&mut self, values: &[Ex], span: Span) -> Ex {
        let manager = values[0].clone();
        let Ty::Object(family) = self.resolve(&manager.ty) else { return Self::error(span) };
        let mut takes_any = false;
        for (_, meaning) in self.meanings(family.root, "__exit__") {
            let Meaning::Member(Member::Method(index), _) = meaning else { continue };
            let function = &self.program.functions[index].ast;
            takes_any |= function.parameters.get(1).is_some_and(|it| it.takes == Takes::Positional);
            if let Some(place) = misused(function) {
                let message = "this use of what `__exit__` is told is not supported";
                let help =
                    "test the class by `is None` or `issubclass`, or ask the exception itself";
                let source = &self.program.functions[index].source;
                let problem =
                    source.diagnostic(Code::Expression, place, message, Some(help.to_owned()));
                self.program.diagnostics.push(problem);
                return Self::error(span);
            }
        }
        let none = || Ex::none(span);
        let told = match values.get(1) {
            // What is not looked at need not be there.
            Some(_) if takes_any => vec![none(), none(), none()],
            Some(exception) => vec![exception.clone(), exception.clone(), none()],
            None => vec![none(), none(), none()],
        };
        self.method_of_object(manager, "__exit__", &told, &[], span)
    }

    /// `issubclass(class, classes)` of the class that `__exit__` is told of.
    pub(super) fn issubclass(&mut self, call: &BuiltinCall<'_>) -> Ex {
        let span = call.span;
        let own = class_parameter(self.ast);
        let ([Expr { kind: ExprKind::Name(name), .. }, classes], true) =
            (call.arguments, call.keywords.is_empty())
        else {
            return self.no_issubclass(span);
        };
        if own != Some(name.as_str()) {
            return self.no_issubclass(span);
        }
        let value = self.expr(&call.arguments[0]);
        match self.resolve(&value.ty) {
            Ty::Exception(_) => match self.classes_of(classes) {
                Some(classes) => self.exception_is(value, &classes, span),
                None => Self::error(span),
            },
            Ty::None => {
                let class = self.exception("TypeError");
                let raise = Self::raise(class, "issubclass() arg 1 must be a class", span);
                Self::seq(vec![St::Eval(value)], raise)
            }
            Ty::Never | Ty::Error => value,
            _ => self.no_issubclass(span),
        }
    }

    fn no_issubclass(&mut self, span: Span) -> Ex {
        let message = "`issubclass` is supported in `__exit__` only, of the class that it is told";
        self.fail(Code::Function, span, message, "use `isinstance`")
    }

    /// Whether an expression is the class that `__exit__` is told of.
    pub(super) fn is_told_class(&self, expression: &Expr) -> bool {
        matches!(&expression.kind, ExprKind::Name(name)
            if class_parameter(self.ast) == Some(name.as_str()))
    }
}

/// The parameter of `__exit__` that is a class.
fn class_parameter(function: &Function) -> Option<&str> {
    let parameter = function.parameters.get(1).filter(|_| function.name == "__exit__")?;
    (parameter.takes == Takes::One).then_some(parameter.name.as_str())
}

/// Where `__exit__` uses its class or traceback otherwise than is known.
fn misused(function: &Function) -> Option<Span> {
    let class = class_parameter(function);
    let exception = function.parameters.get(2).map(|parameter| parameter.name.as_str());
    let rest = function.parameters.iter().skip(1).map(|parameter| parameter.name.as_str());
    let rest =
        rest.filter(|name| Some(*name) != class && (class.is_none() || Some(*name) != exception));
    let rest: Vec<&str> = rest.collect();
    let mut found = None;
    names::each(&function.body, &mut |expression| {
        in_expression(expression, class, &rest, &mut found);
    });
    found
}

fn in_expression(expression: &Expr, class: Option<&str>, rest: &[&str], found: &mut Option<Span>) {
    let is_class =
        |it: &Expr| matches!(&it.kind, ExprKind::Name(name) if Some(name.as_str()) == class);
    match &expression.kind {
        ExprKind::Name(name) if rest.contains(&name.as_str()) => *found = Some(expression.span),
        ExprKind::Name(_) if is_class(expression) => *found = Some(expression.span),
        ExprKind::Compare(left, compared) if is_class(left) => match compared.as_slice() {
            [(Comparison::Is | Comparison::IsNot, Expr { kind: ExprKind::None, .. })] => {}
            _ => *found = Some(expression.span),
        },
        ExprKind::Call { function, arguments, keywords } if keywords.is_empty() => {
            let is_known = matches!(&function.kind, ExprKind::Name(name) if name == "issubclass");
            let skipped = usize::from(is_known && arguments.first().is_some_and(is_class));
            in_expression(function, class, rest, found);
            for argument in arguments.iter().skip(skipped) {
                in_expression(argument, class, rest, found);
            }
        }
        ExprKind::Attribute(base, name) if name == "__name__" && is_class(base) => {}
        _ => names::each_child(expression, &mut |child| in_expression(child, class, rest, found)),
    }
}
