//! `kelvin doctor`: what runs here, and why.

use anyhow::Result;
use clap::ArgMatches;
use kelvin_lm::embedded;
use kelvin_lm::hub::Cache;
use kelvin_lm::hub::pull::Client;
use kelvin_lm::kernel::{Engine, EngineOptions, Level, Profile};
use serde_json::{Map, Value, json};

use crate::console::Console;
use crate::exit::Code;
use crate::models::{Location, folder};
use crate::term::number::bytes;
use crate::term::paragraph;

/// One finding: what it is about, what was found, and why or what it means.
struct Finding {
    topic: &'static str,
    found: String,
    why: String,
}

impl Finding {
    fn new(topic: &'static str, found: impl Into<String>, why: impl Into<String>) -> Self {
        Self { topic, found: found.into(), why: why.into() }
    }
}

/// Runs the command.
pub(crate) fn run(matches: &ArgMatches, console: &mut Console<'_>) -> Result<Code> {
    let findings = findings(console)?;
    if matches.get_flag("json") {
        let object = |finding: &Finding| {
            (finding.topic.to_owned(), json!({"found": finding.found, "why": finding.why}))
        };
        console.json(&Value::Object(findings.iter().map(object).collect::<Map<_, _>>()))?;
        return Ok(Code::Done);
    }
    for Finding { topic, found, why } in findings {
        paragraph::write(console.out, topic, &[found, why], console.width)?;
    }
    Ok(Code::Done)
}

fn findings(console: &Console<'_>) -> Result<Vec<Finding>> {
    let engine = Engine::new(EngineOptions::default())?;
    let (profile, why) = match engine.profile() {
        Profile::Fast => ("fast", "the processor fuses multiply and add: each sum rounds once"),
        Profile::Portable => ("portable", "no fused multiply-add here: results differ from fast"),
    };
    let levels: Vec<&str> = Level::available().map(Level::name).collect();
    let folder = console.models.display().to_string();
    let entries = folder::list(&console.models);
    let own = entries.iter().map(|entry| format!("{} ({})", entry.name, bytes(entry.n_bytes)));
    let embedded = format!("{} ({})", embedded::NAME, Location::Embedded);
    let found = [embedded].into_iter().chain(own).collect::<Vec<_>>().join(", ");
    let more = if entries.is_empty() { "; scripts/get-models brings two more" } else { "" };
    let version = format!("kelvin {}", env!("CARGO_PKG_VERSION"));
    let target = format!("{} {}", std::env::consts::ARCH, std::env::consts::OS);
    let same = "the result is the same with any";
    Ok(vec![
        Finding::new("version", version, target),
        Finding::new("device", "cpu", "the one place where kernels run so far: none for a GPU yet"),
        Finding::new("features", features(), "what the processor says it has"),
        Finding::new(
            "simd",
            engine.level().name(),
            format!("widest of {}; {same}", levels.join(", ")),
        ),
        Finding::new("profile", profile, why),
        Finding::new("threads", engine.threads().to_string(), format!("one for each core; {same}")),
        Finding::new("models", format!("{found}{more}"), format!("in {folder}")),
        hub(console),
    ])
}

/// What the hub's cache holds, and whether the hub may be asked.
fn hub(console: &Console<'_>) -> Finding {
    let cached = Cache::new(&console.hub.cache).repos();
    let ids: Vec<&str> = cached.iter().map(|repo| repo.id.as_str()).collect();
    let found = if ids.is_empty() { "none cached".to_owned() } else { ids.join(", ") };
    let reach = match (&console.hub.offline, Client::new(&console.hub)) {
        (Some(offline), _) => format!("offline: {offline}"),
        (None, Ok(_)) => format!("kelvin models pull asks {}", console.hub.endpoint),
        (None, Err(error)) => format!("kelvin models pull does not work: {error}"),
    };
    Finding::new("hub", found, format!("in {}; {reach}", console.hub.cache.display()))
}

/// The instruction sets that the kernels ask for, as far as the processor has them.
fn features() -> String {
    #[cfg(target_arch = "x86_64")]
    let found = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("f16c", std::arch::is_x86_feature_detected!("f16c")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ("avx512bw", std::arch::is_x86_feature_detected!("avx512bw")),
        ("avx512dq", std::arch::is_x86_feature_detected!("avx512dq")),
        ("avx512vl", std::arch::is_x86_feature_detected!("avx512vl")),
        ("avx512vnni", std::arch::is_x86_feature_detected!("avx512vnni")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let found: [(&str, bool); 0] = [];
    let there: Vec<&str> = found.iter().filter(|(_, here)| *here).map(|(name, _)| *name).collect();
    if there.is_empty() { "none beyond the target's".to_owned() } else { there.join(" ") }
}
