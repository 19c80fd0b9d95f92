//! The flags about the machine, as the library wants them.

use clap::ArgMatches;
use kelvin::simd::Level;

use crate::args::policy::text;
use crate::exit::Failure;

/// The instruction set of `--simd`, or the widest here.
///
/// # Errors
///
/// Something typed: a level that this machine lacks.
pub(crate) fn level(matches: &ArgMatches) -> Result<Level, Failure> {
    let Some(name) = text(matches, "simd") else { return Ok(Level::detect()) };
    let here = || Level::available().map(level_name).collect::<Vec<_>>().join(", ");
    Level::available().find(|&level| level_name(level) == name).ok_or_else(|| {
        Failure::typed(format!("--simd {name}: this machine lacks it"))
            .hint(format!("it has {}", here()))
    })
}

/// The name of a level, as `--simd` takes it.
pub(crate) fn level_name(level: Level) -> &'static str {
    match level {
        Level::Scalar => "scalar",
        Level::Avx2 => "avx2",
        Level::Avx512 => "avx512",
    }
}
