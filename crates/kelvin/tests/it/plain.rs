//! The law, written down plainly: a full sort, sums in 128 bits, one loop for each rule.
//!
//! It shares with the crate only `math` (held to a multiple-precision oracle elsewhere) and the order of
//! the bits of a float. Whatever the crate does to be fast has to agree with this, bit for bit.

use kelvin::math::{exp, exp2, ln, sqrt};
use kelvin::{Crossing, Ties, TokenId};

/// A decimal as a fraction: its digits, and the power of ten under them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fraction {
    pub(crate) digits: u64,
    pub(crate) places: u32,
}

impl Fraction {
    /// ⌈self · total⌉.
    fn ceil_of(self, total: u128) -> u128 {
        (u128::from(self.digits) * total).div_ceil(10_u128.pow(self.places))
    }

    /// ⌊self · total⌋.
    fn floor_of(self, total: u128) -> u128 {
        u128::from(self.digits) * total / 10_u128.pow(self.places)
    }

    fn text(self) -> String {
        format!("{}e-{}", self.digits, self.places)
    }
}

/// A stage with its parameters.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    Bias(Vec<(TokenId, f64)>),
    Allow(Vec<TokenId>),
    Ban(Vec<TokenId>),
    Repetition(f64),
    Presence(f64),
    Frequency(f64),
    NoRepeat(usize),
    Temperature(f64),
    Adaptive { base: f64, min: f64, max: f64 },
    Edt { theta: f64, base: f64 },
    TopK(usize, Ties),
    TopP(Fraction, Crossing, Ties),
    MinP(Fraction),
    Typical(Fraction, Ties),
    Epsilon(Fraction, Ties),
    Eta(f64, Ties),
    Sigma(f64),
}

impl Rule {
    /// The stage in the text form. Penalties look at the whole sequence.
    pub(crate) fn text(&self) -> String {
        let ids =
            |ids: &[TokenId]| ids.iter().map(TokenId::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Bias(biases) => {
                let pairs: Vec<_> = biases.iter().map(|(id, b)| format!("{id}={b}")).collect();
                format!("logit-bias({})", pairs.join(", "))
            }
            Self::Allow(tokens) => format!("allowed-tokens({})", ids(tokens)),
            Self::Ban(tokens) => format!("banned-tokens({})", ids(tokens)),
            Self::Repetition(alpha) => format!("repetition-penalty({alpha})"),
            Self::Presence(penalty) => format!("presence-penalty({penalty}, scope=all)"),
            Self::Frequency(penalty) => format!("frequency-penalty({penalty}, scope=all)"),
            Self::NoRepeat(n) => format!("no-repeat-ngram-size({n})"),
            Self::Temperature(t) => format!("temperature({t})"),
            Self::Adaptive { base, min, max } => {
                format!("adaptive-temperature({base}, min={min}, max={max})")
            }
            Self::Edt { theta, base } => format!("edt({theta}, base={base})"),
            Self::TopK(k, ties) => format!("top-k({k}, ties={ties})"),
            Self::TopP(p, crossing, ties) => {
                format!("top-p({}, crossing={crossing}, ties={ties})", p.text())
            }
            Self::MinP(m) => format!("min-p({})", m.text()),
            Self::Typical(mass, ties) => format!("typical-p({}, ties={ties})", mass.text()),
            Self::Epsilon(epsilon, ties) => {
                format!("epsilon-cutoff({}, ties={ties})", epsilon.text())
            }
            Self::Eta(epsilon, ties) => format!("eta-cutoff({epsilon}, ties={ties})"),
            Self::Sigma(n) => format!("top-n-sigma({n})"),
        }
    }
}

/// The text of a pipeline of these rules.
pub(crate) fn text(rules: &[Rule]) -> String {
    if rules.is_empty() {
        return "neutral".into();
    }
    rules.iter().map(Rule::text).collect::<Vec<_>>().join(" | ")
}

/// A float decides here, and it lies too near an edge for another order of summation to agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Undecided;

/// How near to an edge a sum of floats must not come.
const EDGE: f64 = 1e-9;

/// Everything there is to know about a row while rules are applied to it.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    /// As the rules so far left them.
    pub(crate) logits: Vec<f32>,
    /// Whether no cut has removed the token. A banned one is told by its logit.
    uncut: Vec<bool>,
    /// Whether no mask has removed the token.
    unmasked: Vec<bool>,
    pub(crate) t: f64,
    history: Vec<TokenId>,
}

impl Plain {
    pub(crate) fn new(logits: &[f32], history: &[TokenId]) -> Self {
        let all = vec![true; logits.len()];
        let (logits, history) = (logits.to_vec(), history.to_vec());
        Self { logits, uncut: all.clone(), unmasked: all, t: 1.0, history }
    }

    fn ids(&self) -> impl Iterator<Item = TokenId> + use<> {
        0..TokenId::try_from(self.logits.len()).expect("test rows are short")
    }

    pub(crate) fn is_kept(&self, id: TokenId) -> bool {
        let at = id as usize;
        self.logits[at] > f32::NEG_INFINITY && self.uncut[at] && self.unmasked[at]
    }

    /// The ids left, in id order.
    pub(crate) fn kept(&self) -> Vec<TokenId> {
        self.ids().filter(|&id| self.is_kept(id)).collect()
    }

    /// The ids left, in the total order.
    pub(crate) fn ranked(&self) -> Vec<TokenId> {
        let mut kept = self.kept();
        // a stable sort of ids in order: ties stay with the smaller id; −0 and 0 are equal
        kept.sort_by(|&a, &b| {
            let (a, b) = (self.logits[a as usize], self.logits[b as usize]);
            b.partial_cmp(&a).expect("no NaN among logits")
        });
        kept
    }

    fn max(&self) -> f64 {
        let logits = self.kept().into_iter().map(|id| f64::from(self.logits[id as usize]));
        logits.fold(f64::NEG_INFINITY, f64::max)
    }

    /// s = min(45, 63 − ⌈log2 V⌉).
    pub(crate) fn best_weight(&self) -> u64 {
        let log2 = self.logits.len().next_power_of_two().trailing_zeros();
        1 << 45.min(63 - log2)
    }

    /// (z − max) · (1/T).
    fn x(&self, id: TokenId, max: f64) -> f64 {
        (f64::from(self.logits[id as usize]) - max) * (1.0 / self.t)
    }

    /// Every token's weight, 0 for those not left.
    pub(crate) fn weights(&self) -> Vec<u64> {
        let (best, max) = (self.best_weight(), self.max());
        let scale = 1.0 / self.t * std::f64::consts::LOG2_E;
        let y = |id: TokenId| (f64::from(self.logits[id as usize]) - max) * scale;
        let weight = |id| if self.is_kept(id) { weight(best, y(id)) } else { 0 };
        self.ids().map(weight).collect()
    }

    pub(crate) fn total(&self) -> u128 {
        self.weights().into_iter().map(u128::from).sum()
    }

    /// Entropy in nats of what is left at temperature `t`.
    pub(crate) fn entropy(&self, t: f64) -> f64 {
        let at_t = Self { t, ..self.clone() };
        let max = self.max();
        let xs: Vec<f64> = self.kept().into_iter().map(|id| at_t.x(id, max)).collect();
        let sum: f64 = xs.iter().map(|&x| exp(x)).sum();
        let first: f64 = xs.iter().map(|&x| if exp(x) > 0.0 { x * exp(x) } else { 0.0 }).sum();
        (ln(sum) - first / sum).max(0.0)
    }

    /// Applies a rule. `t` is the temperature that the crate had afterwards: where entropy sets it, a
    /// near one is taken over, because the last bits depend on the order of a sum.
    pub(crate) fn apply(&mut self, rule: &Rule, t: f64) -> Result<(), Undecided> {
        match rule {
            Rule::Bias(biases) => biases.iter().for_each(|&(id, b)| self.revise(id, |z| z + b)),
            Rule::Ban(tokens) => tokens.iter().for_each(|&id| self.ban(id)),
            Rule::Allow(tokens) => {
                for id in self.ids() {
                    self.unmasked[id as usize] &= tokens.contains(&id);
                }
            }
            Rule::Repetition(alpha) => {
                self.penalise(|z, _| if z > 0.0 { z / alpha } else { z * alpha });
            }
            Rule::Presence(penalty) => self.penalise(|z, _| z - penalty),
            Rule::Frequency(penalty) => self.penalise(|z, count| z - count * penalty),
            Rule::NoRepeat(n) => self.ban_repeats(*n),
            Rule::Temperature(factor) => self.t = (self.t * factor).clamp(1e-100, 1e100),
            Rule::Adaptive { base, min, max } => {
                let kept = self.kept().len();
                let h = if kept > 1 { self.entropy(1.0) / ln(kept as f64) } else { 0.0 };
                let h = h.min(1.0);
                let factor = if h <= 0.5 {
                    min + (base - min) * (2.0 * h)
                } else {
                    base + (max - base) * (2.0 * h - 1.0)
                };
                self.take_over(factor, t);
            }
            Rule::Edt { theta, base } => {
                let entropy = self.entropy(1.0);
                if entropy < 1e-6 {
                    return Err(Undecided); // theta / entropy has no digits left
                }
                self.take_over(base * exp(ln(0.8) * theta / entropy), t);
            }
            Rule::TopK(k, ties) => self.keep_prefix(*k, *ties),
            Rule::TopP(p, crossing, ties) => self.keep_nucleus(*p, *crossing, *ties),
            Rule::MinP(m) => {
                self.keep_weights(m.ceil_of(u128::from(self.best_weight())), Ties::First);
            }
            Rule::Epsilon(epsilon, ties) => {
                self.keep_weights(epsilon.ceil_of(self.total()), *ties);
            }
            Rule::Typical(mass, ties) => return self.keep_typical(*mass, *ties),
            Rule::Eta(epsilon, ties) => return self.keep_above_eta(*epsilon, *ties),
            Rule::Sigma(n) => return self.keep_within_sigma(*n),
        }
        Ok(())
    }

    fn take_over(&mut self, factor: f64, t: f64) {
        let own = (self.t * factor).clamp(1e-100, 1e100);
        assert!((own - t).abs() <= 1e-9 * own, "temperature {t}, plainly {own}");
        self.t = t;
    }

    #[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
    fn revise(&mut self, id: TokenId, rule: impl Fn(f64) -> f64) {
        let logit = &mut self.logits[id as usize];
        if *logit > f32::NEG_INFINITY {
            let revised = rule(f64::from(*logit) / self.t) * self.t;
            let cut = revised.clamp(f64::from(f32::MIN), f64::from(f32::MAX));
            *logit = if revised == f64::NEG_INFINITY { f32::NEG_INFINITY } else { cut as f32 };
        }
    }

    fn ban(&mut self, id: TokenId) {
        self.logits[id as usize] = f32::NEG_INFINITY;
    }

    fn penalise(&mut self, rule: impl Fn(f64, f64) -> f64) {
        for id in self.ids() {
            let count = self.history.iter().filter(|&&seen| seen == id).count();
            if count > 0 {
                self.revise(id, |z| rule(z, count as f64));
            }
        }
    }

    fn ban_repeats(&mut self, n: usize) {
        let history = self.history.clone();
        for id in self.ids() {
            let mut continued = history.clone();
            continued.push(id);
            if continued.len() >= n {
                let ending = &continued[continued.len() - n..];
                if history.windows(n).any(|run| run == ending) {
                    self.ban(id);
                }
            }
        }
    }

    /// Cuts everything but these.
    fn keep(&mut self, tokens: &[TokenId]) {
        let mut kept = vec![false; self.logits.len()];
        for &id in tokens {
            kept[id as usize] = true;
        }
        self.uncut = kept;
    }

    /// The ids left, larger logits first; of equal ones the smaller id first, or the larger where the last
    /// of tied tokens stay.
    fn order(&self, ties: Ties) -> Vec<TokenId> {
        let mut ranked = self.ranked();
        if ties == Ties::Last {
            ranked.reverse();
            ranked.sort_by(|&a, &b| {
                let (a, b) = (self.logits[a as usize], self.logits[b as usize]);
                b.partial_cmp(&a).expect("no NaN among logits")
            });
        }
        ranked
    }

    /// Keeps the first `n` of `order`; where all of tied tokens stay, also those that tie with the last.
    fn keep_of(&mut self, order: &[TokenId], n: usize, tied: Option<impl Fn(TokenId) -> f64>) {
        let mut n = n.min(order.len());
        if let Some(tied) = tied {
            while n < order.len() && tied(order[n]) == tied(order[n - 1]) {
                n += 1;
            }
        }
        self.keep(&order[..n]);
    }

    fn keep_prefix(&mut self, k: usize, ties: Ties) {
        let logits = self.logits.clone();
        let logit = (ties == Ties::All).then_some(|id: TokenId| f64::from(logits[id as usize]));
        self.keep_of(&self.order(ties), k, logit);
    }

    /// How many of `order` it takes until their mass reaches `p`.
    fn n_reaching(&self, p: Fraction, order: &[TokenId]) -> usize {
        let (weights, needed) = (self.weights(), p.ceil_of(self.total()).max(1));
        let mut mass = 0;
        let crossing = order.iter().position(|&id| {
            mass += u128::from(weights[id as usize]);
            mass >= needed
        });
        1 + crossing.expect("p is at most 1")
    }

    fn keep_nucleus(&mut self, p: Fraction, crossing: Crossing, ties: Ties) {
        let order = self.order(ties);
        let n = match crossing {
            Crossing::Keep => self.n_reaching(p, &order),
            Crossing::Drop => {
                let (weights, most) = (self.weights(), p.floor_of(self.total()));
                let mut mass = 0;
                let fits = |id: &&TokenId| {
                    mass += u128::from(weights[**id as usize]);
                    mass <= most
                };
                order.iter().take_while(fits).count().max(1)
            }
        };
        self.keep_prefix(n, ties);
    }

    fn keep_weights(&mut self, least: u128, ties: Ties) {
        let (weights, ranked) = (self.weights(), self.ranked());
        let fits = |id: &&TokenId| u128::from(weights[**id as usize]) >= least;
        match ranked.iter().take_while(fits).count() {
            0 => self.keep_prefix(1, ties),
            n => self.keep_prefix(n, Ties::First),
        }
    }

    fn keep_typical(&mut self, mass: Fraction, ties: Ties) -> Result<(), Undecided> {
        let (entropy, max) = (self.entropy(self.t), self.max());
        let ids = self.kept();
        let log_sum = ln(ids.iter().map(|&id| exp(self.x(id, max))).sum());
        let score = |id: TokenId| (log_sum - self.x(id, max) - entropy).abs();
        let mut order = self.ranked();
        order.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
        let place_of_score = |pair: &[TokenId]| {
            let equal = self.logits[pair[0] as usize] == self.logits[pair[1] as usize];
            let (a, b) = (score(pair[0]), score(pair[1]));
            equal || b - a > EDGE * (1.0 + b)
        };
        if !order.windows(2).all(place_of_score) {
            return Err(Undecided);
        }
        if ties == Ties::Last {
            order = self.ranked();
            order.reverse();
            order.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
        }
        let n = self.n_reaching(mass, &order);
        let scores: Vec<f64> = self.ids().map(score).collect();
        let score = (ties == Ties::All).then_some(|id: TokenId| scores[id as usize]);
        self.keep_of(&order, n, score);
        Ok(())
    }

    fn keep_above_eta(&mut self, epsilon: f64, ties: Ties) -> Result<(), Undecided> {
        let eta = epsilon.min(sqrt(epsilon) * exp(-self.entropy(self.t)));
        let floor = eta * self.total() as f64;
        let edge = |weight: u64| (weight as f64 - floor).abs() <= EDGE * floor + 1.0;
        if self.weights().into_iter().any(|weight| weight > 0 && edge(weight)) {
            return Err(Undecided);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ floor")]
        self.keep_weights(floor.ceil() as u128, ties);
        Ok(())
    }

    fn keep_within_sigma(&mut self, n: f64) -> Result<(), Undecided> {
        let in_row = |&id: &TokenId| self.unmasked[id as usize];
        let row: Vec<f64> = self
            .ids()
            .filter(in_row)
            .map(|id| f64::from(self.logits[id as usize]))
            .filter(|z| z.is_finite())
            .collect();
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        let variance = row.iter().map(|z| (z - mean) * (z - mean)).sum::<f64>() / row.len() as f64;
        let reach = n * sqrt(variance);
        let least = self.max() - reach;
        let edge = EDGE * (1.0 + least.abs() + reach);
        let gap = |id: &TokenId| f64::from(self.logits[*id as usize]) - least;
        let ranked = self.ranked();
        if ranked.iter().any(|id| gap(id).abs() <= edge) && variance > 0.0 {
            return Err(Undecided);
        }
        let kept = ranked.iter().take_while(|id| gap(id) >= 0.0).count();
        self.keep_prefix(kept.max(1), Ties::First);
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ weight ≤ 2^45")]
fn weight(best: u64, y: f64) -> u64 {
    (exp2(y) * best as f64).round_ties_even() as u64
}
