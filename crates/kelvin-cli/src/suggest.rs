//! What to say of a name that nothing has.

use kelvin::nearest;

use crate::exit::Failure;

/// The error for an unknown name: the nearest known one, or all of them.
pub(crate) fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Failure {
    let failure = Failure::typed(format!("no {what} {name:?}"));
    let known: Vec<&str> = known.into_iter().collect();
    failure.hint(nearest(name, known.iter().copied()).map_or_else(
        || format!("the {what}s are {}", known.join(", ")),
        |near| format!("did you mean {near}?"),
    ))
}
