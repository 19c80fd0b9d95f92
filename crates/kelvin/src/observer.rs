//! What may look on while a pipeline runs.

use crate::candidates::Candidates;
use crate::stage::Stage;

/// Looks on while a pipeline runs; `()` looks at nothing and costs nothing.
pub(crate) trait Observer {
    fn start(&mut self, candidates: &mut Candidates<'_>);
    fn before(&mut self, stage: &dyn Stage, candidates: &mut Candidates<'_>);
    fn after(&mut self, stage: &dyn Stage, candidates: &mut Candidates<'_>);
}

impl Observer for () {
    fn start(&mut self, _: &mut Candidates<'_>) {}
    fn before(&mut self, _: &dyn Stage, _: &mut Candidates<'_>) {}
    fn after(&mut self, _: &dyn Stage, _: &mut Candidates<'_>) {}
}
