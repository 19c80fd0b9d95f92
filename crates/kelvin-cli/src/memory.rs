//! Whether a model fits into this machine, asked before it is loaded.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Result;
use kelvin_lm::memory::{Fit, MemoryNeed, Room};
use kelvin_lm::{Checkpoint, Config, Model, WeightDtype};

use crate::console::Console;
use crate::exit::Failure;
use crate::load::Card;
use crate::models::Location;
use crate::term::number::bytes;

/// Positions that a run is taken to reach, where the context is longer.
const USUAL: u64 = 1024;
const SMALLER: &str =
    "take a model with fewer parameters, or with fewer bits for each (Q8_0, Q4_K_M)";

/// What this machine has, or the container that the program runs in; unknown where it is no Linux.
pub(crate) fn room() -> Option<Room> {
    let machine = Room::from_meminfo(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let number = |name: &str| {
        let text = fs::read_to_string(Path::new("/sys/fs/cgroup").join(name)).ok()?;
        text.trim().parse().ok() // "max" where there is no limit
    };
    Some(match (number("memory.max"), number("memory.current")) {
        (Some(max), Some(current)) => machine.within(max, current),
        _ => machine,
    })
}

/// What a model needs on all cores, its weights held in `dtype`.
///
/// # Errors
///
/// Those of weights that are not read here.
pub(crate) fn need(
    checkpoint: &Checkpoint,
    config: &Config,
    dtype: WeightDtype,
) -> kelvin_lm::Result<MemoryNeed> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(MemoryNeed::of(config, Model::weight_bytes(checkpoint, dtype)?, threads))
}

/// Refuses a file that is larger than all memory, before a byte of it is read.
///
/// # Errors
///
/// Something read (exit 3), with both sizes.
pub(crate) fn check_file(location: &Location) -> Result<(), Failure> {
    let Location::Path(path) = location else { return Ok(()) }; // it is in memory
    let n_bytes = path.metadata().ok().filter(fs::Metadata::is_file).map_or(0, |file| file.len());
    match room() {
        Some(room) if room.fit(n_bytes, 0) == Fit::Never => Err(never(location, n_bytes, room)),
        _ => Ok(()),
    }
}

/// Warns where a model will not fit into what is free, and refuses one that never can.
///
/// # Errors
///
/// Something read (exit 3), with both sizes.
pub(crate) fn check(
    checkpoint: &Checkpoint,
    card: &Card,
    dtype: WeightDtype,
    console: &mut Console<'_>,
) -> Result<()> {
    let (Some(room), Ok(config)) = (room(), checkpoint.config()) else { return Ok(()) };
    // what cannot be read is said when it is
    let Ok(need) = need(checkpoint, &config, dtype) else { return Ok(()) };
    // the file's bytes are in memory by now, until the weights are packed beside them
    let running = need.at(USUAL.min(config.max_seq as u64));
    match verdict(room, need.weights, running) {
        Verdict::Fine => Ok(()),
        Verdict::Warn(warning) => Ok(console.warn_all(&[format!("{}: {warning}", card.name)])?),
        Verdict::Refuse => Err(never(&card.location, need.weights, room).into()),
    }
}

/// What to say of a model before it is loaded.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Warn(String),
    Refuse,
}

fn verdict(room: Room, weights: u64, running: u64) -> Verdict {
    match room.fit(weights, running) {
        Fit::Fits => Verdict::Fine,
        Fit::Never => Verdict::Refuse,
        Fit::Tight => Verdict::Warn(format!(
            "about {} of memory are needed and {} are free: it may be slow, or end",
            bytes(running),
            bytes(room.available)
        )),
    }
}

fn never(location: &Location, weights: u64, room: Room) -> Failure {
    let (weights, total) = (bytes(weights), bytes(room.total));
    Failure::read(format!(
        "{location}: {weights} of weights, and this machine has {total} of memory"
    ))
    .hint(SMALLER)
}

/// The free bytes of the disk that a path is on, or will be; unknown on some systems.
pub(crate) fn free_disk(path: &Path) -> io::Result<Option<u64>> {
    #[cfg(unix)]
    {
        let absolute = std::path::absolute(path)?;
        let there = absolute.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        let disk = rustix::fs::statvfs(there)?;
        Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_said_before_it_is_tried() {
        let room = Room { total: 8 << 30, available: 3 << 30 };
        assert_eq!(verdict(room, 1 << 30, 2 << 30), Verdict::Fine);
        let tight =
            "about 4.0 GiB of memory are needed and 3.0 GiB are free: it may be slow, or end";
        assert_eq!(verdict(room, 2 << 30, 4 << 30), Verdict::Warn(tight.to_owned()));
        assert_eq!(verdict(room, 9 << 30, 10 << 30), Verdict::Refuse);
        let told = never(&Location::Path("x.gguf".into()), 9 << 30, room).to_string();
        assert_eq!(told, "x.gguf: 9.0 GiB of weights, and this machine has 8.0 GiB of memory");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_still_to_be_made_is_on_some_disk() {
        let free = free_disk(Path::new("not/there/yet")).expect("a disk").expect("unix says");
        assert!(free > 0);
    }
}
