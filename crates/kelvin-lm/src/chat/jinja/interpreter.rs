//! Statements: what a template writes, and in which order.

use std::rc::Rc;

use minijinja::machinery::ast;

use super::arguments::Arguments;
use super::meter::{Cause, Fault, Meter, OUTPUT, Outcome};
use super::print::Printer;
use super::scope::Scopes;
use super::text::{Char, Text};
use super::value::{Seq, Turn, Value};
use crate::chat::date::Date;

/// A template that is being rendered.
#[derive(Debug)]
pub(super) struct Interpreter<'t> {
    pub(super) meter: Meter,
    pub(super) scopes: Scopes<'t>,
    pub(super) date: Option<Date>,
    /// What is written: the text, or what a block around captures.
    out: Vec<Char>,
}

/// How a block ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Through,
    Break,
    Continue,
}

impl<'t> Interpreter<'t> {
    pub(super) fn new(meter: Meter, scopes: Scopes<'t>, date: Option<Date>) -> Self {
        Self { meter, scopes, date, out: Vec::new() }
    }

    /// Renders a template.
    pub(super) fn render(mut self, template: &'t ast::Stmt<'t>) -> Outcome<Vec<Char>> {
        let ast::Stmt::Template(template) = template else {
            return Err(Fault::unsupported("a part of a template"));
        };
        self.block(&template.children)?;
        if self.out.len() > OUTPUT {
            return Err(too_long());
        }
        Ok(self.out)
    }

    fn block(&mut self, statements: &'t [ast::Stmt<'t>]) -> Outcome<Flow> {
        self.meter.enter()?;
        let flow = self.statements(statements);
        self.meter.leave();
        flow
    }

    fn statements(&mut self, statements: &'t [ast::Stmt<'t>]) -> Outcome<Flow> {
        for statement in statements {
            self.meter.chars(1)?;
            let flow = self.statement(statement)?;
            if flow != Flow::Through {
                return Ok(flow);
            }
        }
        Ok(Flow::Through)
    }

    fn statement(&mut self, statement: &'t ast::Stmt<'t>) -> Outcome<Flow> {
        match statement {
            ast::Stmt::EmitRaw(raw) => self.write(|printer| printer.own(raw.raw))?,
            ast::Stmt::EmitExpr(emit) => {
                let value = self.eval(&emit.expr)?;
                let span = emit.expr.span();
                self.write(|printer| printer.value(&value)).map_err(|fault| fault.at(span))?;
            }
            ast::Stmt::IfCond(condition) => {
                let is_true = self.eval(&condition.expr)?.is_true();
                let body = if is_true { &condition.true_body } else { &condition.false_body };
                return self.block(body);
            }
            ast::Stmt::ForLoop(it) => return self.for_loop(it),
            ast::Stmt::Set(set) => {
                let value = self.eval(&set.expr)?;
                self.assign(&set.target, value).map_err(|fault| fault.at(set.span()))?;
            }
            ast::Stmt::SetBlock(set) => {
                let captured = self.captured(&set.body)?;
                let value = self.filtered(set.filter.as_ref(), captured)?;
                self.assign(&set.target, value).map_err(|fault| fault.at(set.span()))?;
            }
            ast::Stmt::FilterBlock(block) => {
                let captured = self.captured(&block.body)?;
                let value = self.filtered(Some(&block.filter), captured)?;
                self.write(|printer| printer.value(&value))?;
            }
            ast::Stmt::WithBlock(with) => return self.with(with),
            // it would see the block's variables
            ast::Stmt::Macro(it) if !self.scopes.is_outermost() => {
                return Err(Fault::unsupported("a macro inside a block").at(it.span()));
            }
            ast::Stmt::Macro(declared) => {
                let value = Value::Macro(declared);
                self.scopes.set(declared.name, value, &self.meter)?;
            }
            ast::Stmt::Break(_) => return Ok(Flow::Break),
            ast::Stmt::Continue(_) => return Ok(Flow::Continue),
            ast::Stmt::Do(it) => return Err(Fault::unsupported("{% do %}").at(it.span())),
            ast::Stmt::CallBlock(it) => return Err(Fault::unsupported("{% call %}").at(it.span())),
            ast::Stmt::AutoEscape(it) => {
                return Err(Fault::unsupported("{% autoescape %}").at(it.span()));
            }
            ast::Stmt::Template(it) => return self.block(&it.children),
        }
        Ok(Flow::Through)
    }

    /// Writes to the text, or to the block that captures.
    fn write(&mut self, print: impl FnOnce(&mut Printer<'_>) -> Outcome<()>) -> Outcome<()> {
        let out = std::mem::take(&mut self.out);
        let mut printer = Printer { out, meter: &self.meter };
        let written = print(&mut printer);
        self.out = printer.out;
        written?;
        if self.out.len() > OUTPUT { Err(too_long()) } else { Ok(()) }
    }

    /// What a block writes.
    fn captured(&mut self, body: &'t [ast::Stmt<'t>]) -> Outcome<Value<'t>> {
        let outer = std::mem::take(&mut self.out);
        self.scopes.open();
        let flow = self.block(body);
        self.scopes.close();
        let captured = std::mem::replace(&mut self.out, outer);
        flow?;
        Ok(Value::Text(Text::paid(captured)))
    }

    fn with(&mut self, with: &'t ast::WithBlock<'t>) -> Outcome<Flow> {
        let values = with.assignments.iter().map(|(_, expr)| self.eval(expr));
        let values: Vec<_> = values.collect::<Outcome<_>>()?;
        self.scopes.open();
        let mut targets = with.assignments.iter().map(|(target, _)| target).zip(values);
        let assigned = targets.try_for_each(|(target, value)| self.assign(target, value));
        let flow = assigned.and_then(|()| self.block(&with.body));
        self.scopes.close();
        flow
    }

    fn for_loop(&mut self, it: &'t ast::ForLoop<'t>) -> Outcome<Flow> {
        if it.recursive {
            return Err(Fault::unsupported("a recursive loop").at(it.iter.span()));
        }
        let values = self.eval(&it.iter)?;
        let span = it.iter.span();
        let mut items = values.items(&self.meter).map_err(|fault| fault.at(span))?;
        if let Some(condition) = &it.filter_expr {
            items = self.selected(it, condition, &items)?;
        }
        if items.items.is_empty() {
            self.scopes.open();
            let flow = self.block(&it.else_body);
            self.scopes.close();
            return flow;
        }
        self.turns(it, &items).map(|()| Flow::Through)
    }

    fn turns(&mut self, it: &'t ast::ForLoop<'t>, items: &Rc<Seq<'t>>) -> Outcome<()> {
        for (index, item) in items.items.iter().enumerate() {
            let turn = Turn { items: Rc::clone(items), index };
            self.scopes.open();
            let flow = self
                .scopes
                .set("loop", Value::Loop(Rc::new(turn)), &self.meter)
                .and_then(|()| self.assign(&it.target, item.clone()))
                .and_then(|()| self.block(&it.body));
            self.scopes.close();
            if flow? == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    /// The items for which the condition of `for … if …` holds.
    fn selected(
        &mut self,
        it: &'t ast::ForLoop<'t>,
        condition: &'t ast::Expr<'t>,
        items: &Rc<Seq<'t>>,
    ) -> Outcome<Rc<Seq<'t>>> {
        let mut selected = Vec::new();
        for item in &items.items {
            self.scopes.open();
            let holds = self.assign(&it.target, item.clone()).and_then(|()| self.eval(condition));
            self.scopes.close();
            if holds?.is_true() {
                self.meter.values(1)?;
                selected.push(item.clone());
            }
        }
        Ok(Rc::new(Seq::new(selected, &self.meter)?))
    }

    /// Sets a variable, several of them, or an attribute of a namespace.
    fn assign(&mut self, target: &'t ast::Expr<'t>, value: Value<'t>) -> Outcome<()> {
        match target {
            ast::Expr::Var(var) => self.scopes.set(var.id, value, &self.meter),
            ast::Expr::List(targets) => {
                let values = value.items(&self.meter)?;
                let (wanted, given) = (targets.items.len(), values.items.len());
                if wanted != given {
                    let what = format!("{given} values for {wanted} variables");
                    return Err(Fault::failed(what));
                }
                let mut pairs = targets.items.iter().zip(&values.items);
                pairs.try_for_each(|(target, value)| self.assign(target, value.clone()))
            }
            ast::Expr::GetAttr(attribute) => match self.eval(&attribute.expr)? {
                Value::Namespace(space) => {
                    let name = Text::own(attribute.name, &self.meter)?;
                    space.set(name, value, &self.meter)
                }
                other => {
                    let what =
                        format!("attributes of a namespace can be set, not of {}", other.kind());
                    Err(Fault::failed(what))
                }
            },
            _ => Err(Fault::unsupported("this target of an assignment")),
        }
    }

    /// What a macro writes.
    pub(super) fn call_macro(
        &mut self,
        declared: &'t ast::Macro<'t>,
        arguments: Arguments<'t>,
    ) -> Outcome<Value<'t>> {
        let base = self.scopes.call();
        let outer = std::mem::take(&mut self.out);
        let flow = self.bind(declared, arguments).and_then(|()| self.block(&declared.body));
        let captured = std::mem::replace(&mut self.out, outer);
        self.scopes.return_from(base);
        flow?;
        Ok(Value::Text(Text::paid(captured)))
    }

    /// Sets a macro's parameters: what was given, then defaults, which may use those before.
    fn bind(&mut self, declared: &'t ast::Macro<'t>, arguments: Arguments<'t>) -> Outcome<()> {
        let Arguments { placed, mut named } = arguments;
        let (n, given) = (declared.args.len(), placed.len());
        if given > n {
            let what = format!("macro {:?} takes {n} arguments, not {given}", declared.name);
            return Err(Fault::failed(what));
        }
        let without_default = n - declared.defaults.len();
        let mut placed = placed.into_iter();
        for (at, parameter) in declared.args.iter().enumerate() {
            let ast::Expr::Var(parameter) = parameter else { continue };
            let by_name = named.iter().position(|(name, _)| *name == parameter.id);
            let by_name = by_name.map(|at| named.remove(at).1);
            let value = match placed.next().or(by_name) {
                Some(value) => value,
                None if at < without_default => Value::Undefined(parameter.id),
                None => self.eval(&declared.defaults[at - without_default])?,
            };
            self.scopes.set(parameter.id, value, &self.meter)?;
        }
        match named.first() {
            Some((name, _)) => {
                Err(Fault::failed(format!("macro {:?} has no argument {name:?}", declared.name)))
            }
            None => Ok(()),
        }
    }
}

fn too_long() -> Fault {
    Fault::new(Cause::Exhausted(format!("it writes more than {OUTPUT} characters")))
}
