//! Expressions and their values.

use std::rc::Rc;

use minijinja::machinery::ast;

use super::arguments::Arguments;
use super::filter;
use super::function::Function;
use super::interpreter::Interpreter;
use super::meter::{Cause, Fault, Meter, Outcome};
use super::method;
use super::operator::{binary, item, negative, slice};
use super::test;
use super::value::{Map, Seq, Turn, Value};

impl<'t> Interpreter<'t> {
    /// The value of an expression.
    pub(super) fn eval(&mut self, expr: &'t ast::Expr<'t>) -> Outcome<Value<'t>> {
        self.meter.enter().map_err(|fault| fault.at(expr.span()))?;
        let value = self.value(expr);
        self.meter.leave();
        value.map_err(|fault| fault.at(expr.span()))
    }

    fn value(&mut self, expr: &'t ast::Expr<'t>) -> Outcome<Value<'t>> {
        match expr {
            ast::Expr::Var(var) => self.variable(var.id),
            ast::Expr::Const(constant) => self.constant(&constant.value),
            ast::Expr::GetAttr(it) => {
                let value = self.eval(&it.expr)?;
                self.attribute(&value, it.name)
            }
            ast::Expr::GetItem(it) => {
                let value = self.eval(&it.expr)?;
                let key = self.eval(&it.subscript_expr)?;
                self.subscript(&value, &key)
            }
            ast::Expr::Slice(it) => self.slice(it),
            ast::Expr::UnaryOp(it) => {
                let value = self.eval(&it.expr)?;
                match it.op {
                    ast::UnaryOpKind::Not => Ok(Value::Bool(!value.is_true())),
                    ast::UnaryOpKind::Neg => negative(&value),
                }
            }
            ast::Expr::BinOp(it) => self.binary(it),
            ast::Expr::Compare(it) => self.compare(it),
            ast::Expr::IfExpr(it) => {
                if self.eval(&it.test_expr)?.is_true() {
                    self.eval(&it.true_expr)
                } else {
                    it.false_expr
                        .as_ref()
                        .map_or(Ok(Value::Undefined("if")), |expr| self.eval(expr))
                }
            }
            ast::Expr::Filter(it) => self.filter(it, None),
            ast::Expr::Test(it) => self.test(it),
            ast::Expr::Call(it) => self.call(it),
            ast::Expr::List(it) => Value::list(self.all(&it.items)?, &self.meter),
            ast::Expr::Tuple(it) => Value::tuple(self.all(&it.items)?, &self.meter),
            ast::Expr::Map(it) => {
                let (keys, values) = (self.all(&it.keys)?, self.all(&it.values)?);
                Ok(Value::Map(Rc::new(Map::new(keys.into_iter().zip(values), &self.meter)?)))
            }
        }
    }

    fn all(&mut self, exprs: &'t [ast::Expr<'t>]) -> Outcome<Vec<Value<'t>>> {
        exprs.iter().map(|expr| self.eval(expr)).collect()
    }

    fn variable(&self, name: &'t str) -> Outcome<Value<'t>> {
        let value = self.scopes.get(name, &self.meter)?;
        let function = || Function::named(name, self.date).map(Value::Function);
        Ok(value.or_else(function).unwrap_or(Value::Undefined(name)))
    }

    fn constant(&self, constant: &minijinja::Value) -> Outcome<Value<'t>> {
        use minijinja::value::ValueKind;
        match constant.kind() {
            ValueKind::String => Value::own(constant.as_str().unwrap_or_default(), &self.meter),
            ValueKind::Bool => Ok(Value::Bool(constant.is_true())),
            ValueKind::None => Ok(Value::None),
            ValueKind::Number if constant.is_integer() => i64::try_from(constant.clone())
                .map(Value::Int)
                .map_err(|_| Fault::unsupported("whole numbers beyond 64 bits")),
            ValueKind::Number => f64::try_from(constant.clone())
                .map(Value::Float)
                .map_err(|_| Fault::unsupported("this number")),
            _ => Err(Fault::unsupported("this constant")),
        }
    }

    /// `value.name`: a key of a map, an attribute of a namespace, what `loop` knows.
    fn attribute(&self, value: &Value<'t>, name: &'t str) -> Outcome<Value<'t>> {
        let found = match value {
            Value::Undefined(undefined) => {
                return Err(Fault::failed(format!("{undefined:?} is undefined")));
            }
            Value::Map(_) => value.get_named(name, &self.meter)?,
            Value::Namespace(space) => space.get(name, &self.meter)?,
            Value::Loop(turn) => turn.attribute(name),
            _ => None,
        };
        Ok(found.unwrap_or(Value::Undefined(name)))
    }

    fn subscript(&self, value: &Value<'t>, key: &Value<'t>) -> Outcome<Value<'t>> {
        match (value, key) {
            (Value::Undefined(name), _) => Err(Fault::failed(format!("{name:?} is undefined"))),
            (Value::Namespace(space), Value::Text(name)) => {
                let found = space.get(&name.plain(&self.meter)?, &self.meter)?;
                Ok(found.unwrap_or(Value::Undefined("item")))
            }
            _ => Ok(item(value, key, &self.meter)?.unwrap_or(Value::Undefined("item"))),
        }
    }

    fn slice(&mut self, it: &'t ast::Slice<'t>) -> Outcome<Value<'t>> {
        let value = self.eval(&it.expr)?;
        let mut bound = |expr: &'t Option<ast::Expr<'t>>| match expr {
            Some(expr) => self.eval(expr),
            None => Ok(Value::None),
        };
        let bounds = [bound(&it.start)?, bound(&it.stop)?, bound(&it.step)?];
        slice(&value, bounds.each_ref(), &self.meter)
    }

    fn binary(&mut self, it: &'t ast::BinOp<'t>) -> Outcome<Value<'t>> {
        let left = self.eval(&it.left)?;
        match it.op {
            ast::BinOpKind::ScAnd if !left.is_true() => return Ok(left),
            ast::BinOpKind::ScOr if left.is_true() => return Ok(left),
            ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => return self.eval(&it.right),
            _ => (),
        }
        let right = self.eval(&it.right)?;
        binary(it.op, &left, &right, &self.meter)
    }

    /// `a < b < c`.
    fn compare(&mut self, it: &'t ast::Compare<'t>) -> Outcome<Value<'t>> {
        let mut left = self.eval(&it.expr)?;
        for step in &it.ops {
            let right = self.eval(&step.expr)?;
            let (op, wanted) = match step.op {
                ast::CompareOpKind::Eq => (ast::BinOpKind::Eq, true),
                ast::CompareOpKind::Ne => (ast::BinOpKind::Ne, true),
                ast::CompareOpKind::Lt => (ast::BinOpKind::Lt, true),
                ast::CompareOpKind::Lte => (ast::BinOpKind::Lte, true),
                ast::CompareOpKind::Gt => (ast::BinOpKind::Gt, true),
                ast::CompareOpKind::Gte => (ast::BinOpKind::Gte, true),
                ast::CompareOpKind::In => (ast::BinOpKind::In, true),
                ast::CompareOpKind::NotIn => (ast::BinOpKind::In, false),
            };
            if binary(op, &left, &right, &self.meter)?.is_true() != wanted {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    /// `value|filter`; `block` is the value where a block of the template is filtered.
    fn filter(&mut self, it: &'t ast::Filter<'t>, block: Option<Value<'t>>) -> Outcome<Value<'t>> {
        let value = match (&it.expr, block) {
            (Some(ast::Expr::Filter(inner)), Some(block)) => self.filter(inner, Some(block))?,
            (Some(expr), _) => self.eval(expr)?,
            (None, Some(block)) => block,
            (None, None) => return Err(Fault::unsupported("a filter of nothing")),
        };
        let arguments = self.arguments(&it.args)?;
        filter::apply(it.name, value, arguments, &self.meter)
    }

    /// What a block of the template wrote, through its filters.
    pub(super) fn filtered(
        &mut self,
        filter: Option<&'t ast::Expr<'t>>,
        block: Value<'t>,
    ) -> Outcome<Value<'t>> {
        match filter {
            Some(ast::Expr::Filter(it)) => {
                self.filter(it, Some(block)).map_err(|fault| fault.at(it.span()))
            }
            _ => Ok(block),
        }
    }

    fn test(&mut self, it: &'t ast::Test<'t>) -> Outcome<Value<'t>> {
        let value = self.eval(&it.expr)?;
        let arguments = self.arguments(&it.args)?;
        test::holds(it.name, &value, arguments, &self.meter).map(Value::Bool)
    }

    fn arguments(&mut self, args: &'t [ast::CallArg<'t>]) -> Outcome<Arguments<'t>> {
        let mut arguments = Arguments::default();
        for arg in args {
            match arg {
                ast::CallArg::Pos(expr) => arguments.placed.push(self.eval(expr)?),
                ast::CallArg::Kwarg(name, expr) => arguments.named.push((name, self.eval(expr)?)),
                ast::CallArg::PosSplat(_) | ast::CallArg::KwargSplat(_) => {
                    return Err(Fault::unsupported("'*' before an argument"));
                }
            }
        }
        self.meter.values(arguments.placed.len() + arguments.named.len())?;
        Ok(arguments)
    }

    /// `callee(arguments)`: a method where the callee is an attribute, else a macro or a function.
    fn call(&mut self, it: &'t ast::Call<'t>) -> Outcome<Value<'t>> {
        let ast::Expr::GetAttr(attribute) = &it.expr else {
            let callee = self.eval(&it.expr)?;
            let arguments = self.arguments(&it.args)?;
            return self.apply(&callee, arguments);
        };
        let (value, name) = (self.eval(&attribute.expr)?, attribute.name);
        let arguments = self.arguments(&it.args)?;
        match &value {
            Value::Loop(turn) => turn.call(name, &arguments, &self.meter),
            Value::Map(_) if method::is_of_map(name) => {
                method::call(&value, name, arguments, &self.meter)
            }
            Value::Map(_) | Value::Namespace(_) => {
                let callee = self.attribute(&value, name)?;
                self.apply(&callee, arguments)
            }
            _ => method::call(&value, name, arguments, &self.meter),
        }
    }

    fn apply(&mut self, callee: &Value<'t>, arguments: Arguments<'t>) -> Outcome<Value<'t>> {
        match callee {
            Value::Macro(declared) => self.call_macro(declared, arguments),
            Value::Function(function) => function.call(arguments, &self.meter),
            Value::Undefined("strftime_now") => Err(Fault::new(Cause::NoDate)),
            Value::Undefined(name @ ("cycler" | "joiner" | "lipsum")) => {
                Err(Fault::unsupported(format!("function {name:?}")))
            }
            Value::Undefined(name) => Err(Fault::failed(format!("{name:?} is undefined"))),
            other => Err(Fault::failed(format!("{} cannot be called", other.kind()))),
        }
    }
}

impl<'t> Turn<'t> {
    fn attribute(&self, name: &str) -> Option<Value<'t>> {
        let Self { items, index } = self;
        let Seq { items, .. } = &**items;
        let neighbour = |at: Option<usize>, name| {
            let item = at.and_then(|at| items.get(at)).cloned();
            item.unwrap_or(Value::Undefined(name))
        };
        Some(match name {
            "index" => Value::count(index + 1),
            "index0" => Value::count(*index),
            "revindex" => Value::count(items.len() - index),
            "revindex0" => Value::count(items.len() - index - 1),
            "first" => Value::Bool(*index == 0),
            "last" => Value::Bool(index + 1 == items.len()),
            "length" => Value::count(items.len()),
            "depth" => Value::Int(1), // deeper only in recursive loops
            "depth0" => Value::Int(0),
            "previtem" => neighbour(index.checked_sub(1), "previtem"),
            "nextitem" => neighbour(Some(index + 1), "nextitem"),
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &Arguments<'t>, meter: &Meter) -> Outcome<Value<'t>> {
        let choices = &arguments.placed;
        if name != "cycle" || choices.is_empty() {
            return Err(Fault::unsupported(format!("method {name:?} of loop")));
        }
        meter.values(1)?;
        Ok(choices[self.index % choices.len()].clone())
    }
}
