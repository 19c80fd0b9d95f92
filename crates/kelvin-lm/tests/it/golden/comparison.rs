//! What our logits and llama.cpp's differ by, over many steps.

use std::fmt;

use super::file::Step;

/// The figures so far.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    steps: usize,
    logits: usize,
    squares: f64,
    pub(crate) worst: Difference,
    flips: Vec<Flip>,
}

/// A difference of one logit.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// Its size.
    pub(crate) by: f64,
    place: String,
}

/// A step where our best token is not llama.cpp's.
#[derive(Debug)]
struct Flip {
    /// llama.cpp's first logit less its second.
    gap: f64,
    place: String,
}

impl Comparison {
    /// Adds a step: what llama.cpp said, and our logits, `[vocab_size]`.
    pub(crate) fn add(&mut self, prompt: &str, step: usize, theirs: &Step, ours: &[f32]) {
        let place = || format!("{prompt}, step {step}");
        self.steps += 1;
        for (&id, logit) in theirs.ids.iter().zip(&theirs.logits) {
            let by = (f64::from(ours[id as usize]) - logit).abs();
            self.logits += 1;
            self.squares += by * by;
            if by > self.worst.by || by.is_nan() {
                self.worst = Difference { by, place: format!("{}, id {id}", place()) };
            }
        }
        if argmax(ours) != theirs.ids[0] {
            let gap = theirs.logits[0] - theirs.logits[1];
            self.flips.push(Flip { gap, place: place() });
        }
    }

    /// Root mean square difference over the top ten of every step.
    pub(crate) fn rms(&self) -> f64 {
        (self.squares / self.logits as f64).sqrt()
    }

    /// Share of the steps whose best token differs.
    pub(crate) fn flip_rate(&self) -> f64 {
        self.flips.len() as f64 / self.steps as f64
    }

    /// llama.cpp's largest gap between first and second where our best token is another; 0 without
    /// such a step.
    pub(crate) fn widest_flip(&self) -> f64 {
        self.flips.iter().map(|flip| flip.gap).fold(0.0, f64::max)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, worst, flips, .. } = self;
        write!(
            f,
            "{steps} steps, rms {:.3e}, worst {:.3e} ({})",
            self.rms(),
            worst.by,
            worst.place
        )?;
        write!(f, ", flips {} ({:.1} %)", flips.len(), 100.0 * self.flip_rate())?;
        match flips.iter().max_by(|a, b| a.gap.total_cmp(&b.gap)) {
            Some(Flip { gap, place }) => write!(f, ", the widest at a gap of {gap:.3} ({place})"),
            None => Ok(()),
        }
    }
}

/// The first id of the total order: larger logit first, then smaller id.
fn argmax(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (id, logit) in (0_u32..).zip(logits) {
        if *logit > logits[best as usize] {
            best = id;
        }
    }
    best
}
