//! The cut on mass, without sorting or weighing more of the row than it takes.

use super::Candidates;
use super::order::Rank;
use crate::Decimal;
use crate::simd::{Gather, Law};

impl Candidates<'_> {
    /// Keeps the smallest prefix of the total order whose mass is at least `p` of what is left.
    pub fn keep_mass(&mut self, p: Decimal) {
        if p == Decimal::ONE {
            return;
        }
        let total = self.total();
        let last = self.reach_mass(p.ceil_of(total).max(1), total);
        self.keep_through(last);
    }

    /// The last token of the smallest prefix of the total order whose mass reaches `needed` of `total`, all
    /// that is left; gathered together with all that tie with it.
    pub(super) fn reach_mass(&mut self, needed: u64, total: u64) -> Rank {
        if !self.is_compact {
            self.gather_mass(needed, total);
        }
        let law = self.law();
        self.compact.reach(law, needed, self.ranks)
    }

    /// Gathers a prefix of the total order that holds at least `needed` of the mass `total`, and little
    /// more.
    fn gather_mass(&mut self, needed: u64, total: u64) {
        let law = self.law();
        let near = 3.0; // nats below the maximum that are always looked at: a peaked row ends there
        let top = self.gather_depth(law, near);
        if top >= needed {
            return;
        }
        let share = (needed - top) as f64 / (total - top) as f64;
        let mut depth = self.estimate_depth(law, near, share);
        while self.gather_depth(law, depth) < needed {
            depth *= 1.25; // past 50 nats no weight is left, so this ends
        }
    }

    /// Gathers and weighs the tokens at most `depth` nats below the maximum; gives their mass.
    fn gather_depth(&mut self, law: Law, depth: f64) -> u64 {
        self.gather(super::depth_to_logit(law, depth));
        let mass = self.weigh_compact(law);
        self.total = Some(mass);
        mass
    }

    /// How many nats below the maximum the part `share` of the mass that lies more than `near` nats below
    /// it is reached: an estimate from one block in so many, a little too deep.
    fn estimate_depth(&mut self, law: Law, near: f64, share: f64) -> f64 {
        let far = 10.0; // where a base model's row ends; beyond, the next steps find the depth
        let stride = self.block_masses.len().div_ceil(64);
        let Self { row, compact, level, .. } = self;
        let floor = super::depth_to_logit(law, far).max(f32::MIN);
        let mut found = compact.refill();
        row.visit_blocks(floor, |block, logits| {
            if block % stride == 0 {
                let first_id = super::first_id(block);
                level.run(Gather { first_id, logits, least: floor, found: &mut found });
            }
        });
        found.finish();
        let above = super::depth_to_logit(law, near);
        let seen: u64 = self.block_masses.iter().step_by(stride).sum();
        let all = self.weigh_compact(law);
        self.compact.retain(|_, logit, _| logit < above);
        let beyond: u64 = self.compact.weights.iter().sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a u64"
        )]
        let needed = (share * (seen - (all - beyond)) as f64) as u64;
        if needed == 0 || needed > beyond {
            return far * 1.25;
        }
        let last = self.compact.reach(law, needed, self.ranks).token();
        (law.max - f64::from(self.row.logit(last))) * law.inverse_t + 0.5
    }
}
