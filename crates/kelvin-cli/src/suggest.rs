//! What to say of a name that nothing has.

use kelvin::nearest;

use crate::exit::Failure;

/// The error for an unknown name: the nearest known one, or all of them.
pub(crate) fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Failure {
    Failure::typed(format!("no {what} {name:?}")).hint(near(what, name, known))
}

/// The same for a name that was read.
pub(crate) fn unknown_in<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Failure {
    Failure::read(format!("no {what} {name:?}")).hint(near(what, name, known))
}

fn near<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    nearest(name, known.iter().copied()).map_or_else(
        || format!("the {what}s are {}", known.join(", ")),
        |near| format!("did you mean {near}?"),
    )
}
