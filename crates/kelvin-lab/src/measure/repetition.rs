//! Spans that come again, and endings that go round in circles.

use std::collections::BTreeMap;

use kelvin::TokenId;

/// The length of the longest span of tokens that begins at two places of a continuation; the two may
/// overlap, so that a text which is nothing but a loop of period p has its length less p. 0 where no
/// token comes twice.
///
/// Exact, by a suffix automaton: O(n log n).
///
/// ```
/// use kelvin_lab::measure::longest_repeat;
///
/// assert_eq!(longest_repeat(&[1, 2, 3, 9, 1, 2, 3]), 3);
/// assert_eq!(longest_repeat(&[5, 5, 5, 5]), 3);
/// assert_eq!(longest_repeat(&[]), 0);
/// ```
pub fn longest_repeat(tokens: &[TokenId]) -> usize {
    let mut automaton = Automaton::default();
    tokens.iter().map(|&token| automaton.push(token)).max().unwrap_or(0)
}

/// Every span of the tokens so far is a path from state 0 (Blumer et al. 1985).
struct Automaton {
    states: Vec<State>,
    /// The state of everything so far.
    last: usize,
}

#[derive(Clone, Default)]
struct State {
    /// Tokens of the longest span that ends here.
    longest: usize,
    /// The state of the longest suffix that also ends elsewhere.
    link: Option<usize>,
    next: BTreeMap<TokenId, usize>,
}

impl Default for Automaton {
    fn default() -> Self {
        Self { states: vec![State::default()], last: 0 }
    }
}

impl Automaton {
    /// Adds a token; the length of the longest span that ends in it and occurred before.
    fn push(&mut self, token: TokenId) -> usize {
        let longest = self.states[self.last].longest + 1;
        let new = self.states.len();
        self.states.push(State { longest, ..State::default() });
        let mut at = Some(self.last);
        self.last = new;
        while let Some(from) = at {
            if let Some(&known) = self.states[from].next.get(&token) {
                let link = self.state_of(from, known, token);
                self.states[new].link = Some(link);
                return self.states[link].longest;
            }
            self.states[from].next.insert(token, new);
            at = self.states[from].link;
        }
        self.states[new].link = Some(0);
        0
    }

    /// The state of the span that `token` makes of the longest one of `from`: `known`, where that is its
    /// longest, else a copy of it.
    fn state_of(&mut self, from: usize, known: usize, token: TokenId) -> usize {
        let longest = self.states[from].longest + 1;
        if self.states[known].longest == longest {
            return known;
        }
        let copy = self.states.len();
        self.states.push(State { longest, ..self.states[known].clone() });
        self.states[known].link = Some(copy);
        let mut at = Some(from);
        while let Some(from) = at {
            match self.states[from].next.get_mut(&token) {
                Some(next) if *next == known => *next = copy,
                _ => break,
            }
            at = self.states[from].link;
        }
        copy
    }
}

/// An ending that goes round in circles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loop {
    /// Tokens of one round.
    pub period: usize,
    /// Tokens of the ending that are such rounds, the last one perhaps in part.
    pub tokens: usize,
}

/// The loop that a continuation ends in: the smallest period p whose rounds fill the last 3 · max(p, 2)
/// tokens or more. `None` where there is none.
///
/// Source: Holtzman et al., *The curious case of neural text degeneration* (ICLR 2020), who call a text
/// repetitive where a phrase of at least 2 tokens comes at least three times at its end. Linear, by the
/// Z-function of the reversed text.
pub fn loop_at_end(tokens: &[TokenId]) -> Option<Loop> {
    let reversed: Vec<TokenId> = tokens.iter().rev().copied().collect();
    let common = common_prefixes(&reversed);
    let rounds = |period: usize| Loop { period, tokens: period + common[period] };
    let is_loop = |it: &Loop| it.tokens >= 3 * it.period.max(2);
    (1..=tokens.len() / 3).map(rounds).find(is_loop)
}

/// For each place, how many tokens from there on are those of the beginning.
fn common_prefixes(tokens: &[TokenId]) -> Vec<usize> {
    let mut common = vec![0; tokens.len()];
    let (mut left, mut right) = (0, 0); // the stretch furthest right that equals the beginning
    for at in 1..tokens.len() {
        let known = if at < right { common[at - left].min(right - at) } else { 0 };
        let more = tokens[known..].iter().zip(&tokens[at + known..]);
        common[at] = known + more.take_while(|(a, b)| a == b).count();
        if at + common[at] > right {
            (left, right) = (at, at + common[at]);
        }
    }
    common
}
