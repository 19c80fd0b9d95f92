//! What a sequence holds so far: its prompt, its output, and how often each token occurs in a window.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::TokenId;

/// Which part of a sequence a penalty looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The prompt alone, template tokens included.
    Prompt,
    /// What was generated.
    Output,
    /// Both.
    All,
}

impl Part {
    /// The names that the text form knows.
    pub const NAMES: &'static [&'static str] = &["prompt", "output", "all"];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "prompt" => Ok(Self::Prompt),
            "output" => Ok(Self::Output),
            "all" => Ok(Self::All),
            _ => Err(text.into()),
        }
    }
}

/// The tokens a penalty counts: a part of the sequence, and of that the last few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Which part.
    pub part: Part,
    /// How many of its last tokens; `None` for all.
    pub last: Option<usize>,
}

/// The tokens of one sequence. Prompt first, then what was accepted.
#[derive(Debug, Clone, Default)]
pub struct History {
    tokens: Vec<TokenId>,
    prompt_len: usize,
    windows: Vec<Window>,
}

/// How often each token occurs in a scope; kept up to date as tokens arrive.
#[derive(Debug, Clone)]
struct Window {
    scope: Scope,
    /// The counted tokens are `tokens[start..end]`.
    start: usize,
    end: usize,
    /// In id order, counts above 0.
    counts: Vec<(TokenId, u32)>,
}

impl History {
    pub(crate) fn new(scopes: impl Iterator<Item = Scope>) -> Self {
        let mut windows: Vec<Window> = Vec::new();
        for scope in scopes {
            if !windows.iter().any(|window| window.scope == scope) {
                windows.push(Window { scope, start: 0, end: 0, counts: Vec::new() });
            }
        }
        Self { tokens: Vec::new(), prompt_len: 0, windows }
    }

    /// Every token so far, prompt first.
    pub fn tokens(&self) -> &[TokenId] {
        &self.tokens
    }

    /// The prompt.
    pub fn prompt(&self) -> &[TokenId] {
        &self.tokens[..self.prompt_len]
    }

    /// What was accepted after the prompt.
    pub fn output(&self) -> &[TokenId] {
        &self.tokens[self.prompt_len..]
    }

    /// The tokens of a scope with their number of occurrences, in id order.
    pub fn counts(&self, scope: Scope) -> &[(TokenId, u32)] {
        let window = self.windows.iter().find(|window| window.scope == scope);
        window.map_or(&[], |window| &window.counts)
    }

    pub(crate) fn start(&mut self, prompt: &[TokenId]) {
        self.tokens.clear();
        self.tokens.extend_from_slice(prompt);
        self.prompt_len = prompt.len();
        for window in &mut self.windows {
            (window.start, window.end) = (0, 0);
            window.counts.clear();
        }
        self.advance();
    }

    pub(crate) fn push(&mut self, token: TokenId) {
        self.tokens.push(token);
        self.advance();
    }

    pub(crate) fn reserve(&mut self, tokens: usize) {
        self.tokens.reserve(tokens);
        for window in &mut self.windows {
            window.counts.reserve(tokens);
        }
    }

    /// Moves every window to the present.
    fn advance(&mut self) {
        for window in &mut self.windows {
            let (from, to) = match window.scope.part {
                Part::Prompt => (0, self.prompt_len),
                Part::Output => (self.prompt_len, self.tokens.len()),
                Part::All => (0, self.tokens.len()),
            };
            let from = window.scope.last.map_or(from, |last| from.max(to.saturating_sub(last)));
            window.slide(&self.tokens, from, to);
        }
    }
}

impl Window {
    /// Moves to `tokens[from..to]`; neither end ever moves back.
    fn slide(&mut self, tokens: &[TokenId], from: usize, to: usize) {
        for &token in &tokens[self.start..from.min(self.end)] {
            self.forget(token);
        }
        self.start = from;
        for &token in &tokens[self.end.max(from)..to] {
            match self.counts.binary_search_by_key(&token, |&(id, _)| id) {
                Ok(at) => self.counts[at].1 += 1,
                Err(at) => self.counts.insert(at, (token, 1)),
            }
        }
        self.end = to;
    }

    fn forget(&mut self, token: TokenId) {
        if let Ok(at) = self.counts.binary_search_by_key(&token, |&(id, _)| id) {
            self.counts[at].1 -= 1;
            if self.counts[at].1 == 0 {
                self.counts.remove(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts, recounted from the tokens.
    fn recount(history: &History, scope: Scope) -> Vec<(TokenId, u32)> {
        let part = match scope.part {
            Part::Prompt => history.prompt(),
            Part::Output => history.output(),
            Part::All => history.tokens(),
        };
        let from = scope.last.map_or(0, |last| part.len().saturating_sub(last));
        let mut ids = part[from..].to_vec();
        ids.sort_unstable();
        ids.chunk_by(|a, b| a == b)
            .map(|run| (run[0], u32::try_from(run.len()).expect("short")))
            .collect()
    }

    #[test]
    fn windows_count_what_a_recount_counts() {
        let parts = [Part::Prompt, Part::Output, Part::All];
        let lasts = [None, Some(0), Some(1), Some(3), Some(100)];
        let scopes: Vec<Scope> =
            parts.iter().flat_map(|&part| lasts.map(|last| Scope { part, last })).collect();
        for prompt in [&[][..], &[5], &[1, 2, 1, 9, 9, 9, 2]] {
            let mut history = History::new(scopes.iter().copied());
            history.start(prompt);
            for token in [3, 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5] {
                for &scope in &scopes {
                    assert_eq!(history.counts(scope), recount(&history, scope), "{scope:?}");
                }
                history.push(token);
            }
        }
    }
}
