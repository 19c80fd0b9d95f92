//! A template's text, measured before it is parsed.

use minijinja::machinery::{Token, ast, parse, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::meter::{Cause, Fault, Outcome};

/// Bytes of a template; the longest published ones have some 40,000.
const BYTES: usize = 256 << 10;
/// Tokens of a template: a tree of it takes some hundred bytes for each.
const TOKENS: usize = 1 << 15;
/// Tokens of one tag: the parser goes as deep as there are operators in one.
const TOKENS_OF_TAG: usize = 1 << 11;
/// `elif`s of a template: the parser goes one deeper at each.
const BRANCHES: usize = 256;

/// A template that parses.
#[derive(Debug, Clone)]
pub(in crate::chat) struct Source(String);

impl Source {
    /// Takes a template: line ends become `\n`, as in Python; `{% generation %}`, which only marks what
    /// an assistant said, becomes a block that does nothing.
    pub(in crate::chat) fn new(template: &str) -> Outcome<Self> {
        if template.len() > BYTES {
            let what = format!("it has {} bytes, the most is {BYTES}", template.len());
            return Err(Fault::new(Cause::Exhausted(what)));
        }
        let source = Self(unmarked(&template.replace("\r\n", "\n").replace('\r', "\n")));
        source.measure()?;
        source.parse()?;
        Ok(source)
    }

    /// The template.
    pub(in crate::chat) fn text(&self) -> &str {
        &self.0
    }

    /// Whether the template names `word` outside its texts.
    pub(in crate::chat) fn names(&self, word: &str) -> bool {
        let mut tokens = tokenize(&self.0, false, syntax());
        tokens.any(|token| matches!(token, Ok((Token::Ident(name), _)) if name == word))
    }

    /// The tree of the template. Parsing is fast enough to be done for each rendering.
    pub(super) fn parse(&self) -> Outcome<ast::Stmt<'_>> {
        parse(&self.0, "", syntax()).map_err(|error| syntax_error(&error))
    }

    /// Holds the template to what the parser can take: it recurses for each operator and each branch.
    fn measure(&self) -> Outcome<()> {
        let (mut tokens, mut of_tag, mut branches) = (0, 0, 0);
        for token in tokenize(&self.0, false, syntax()) {
            let (token, span) = token.map_err(|error| syntax_error(&error))?;
            tokens += 1;
            of_tag += 1;
            match token {
                Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => of_tag = 0,
                Token::Ident("elif") => branches += 1,
                _ => (),
            }
            let limits = [
                (tokens, TOKENS, "tokens"),
                (of_tag, TOKENS_OF_TAG, "tokens in one tag"),
                (branches, BRANCHES, "branches (elif)"),
            ];
            if let Some((_, most, what)) = limits.iter().find(|(n, most, _)| n > most) {
                let what = format!("it has more than {most} {what}");
                return Err(Fault::new(Cause::Exhausted(what)).at(span));
            }
        }
        Ok(())
    }
}

/// How transformers sets Jinja up.
fn syntax() -> SyntaxConfig {
    let builder = &mut SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true).build().expect("nothing but flags is set")
}

fn syntax_error(error: &minijinja::Error) -> Fault {
    let what = error.detail().unwrap_or("it is not well-formed").to_owned();
    let fault = Fault::failed(what);
    match error.line() {
        Some(line) => fault.at_line(line),
        None => fault,
    }
}

/// The template with `{% with %}` for each `{% generation %}`, and likewise at the end: blocks with the
/// same white space and the same scope.
fn unmarked(template: &str) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at + 2);
        out.push_str(before);
        let inner = tag.trim_start_matches(['-', '+']).trim_start();
        out.push_str(&tag[..tag.len() - inner.len()]);
        rest = inner;
        for (mark, block) in [("generation", "with"), ("endgeneration", "endwith")] {
            if let Some(after) = inner.strip_prefix(mark)
                && after.trim_start().trim_start_matches(['-', '+']).starts_with("%}")
            {
                out.push_str(block);
                rest = after;
            }
        }
    }
    out + rest
}
