//! Named temperature and top-p settings.

/// A named pair of temperature and top-p.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// Temperature.
    pub temperature: f64,
    /// Top-p; 1 keeps every token.
    pub top_p: f64,
    /// What it is for, and where it comes from.
    pub summary: &'static str,
}

/// Every preset.
pub static ALL: &[Preset] = &[
    Preset {
        name: "factual",
        temperature: 0.3,
        top_p: 0.9,
        summary: "answers that should be right",
    },
    Preset { name: "balanced", temperature: 0.7, top_p: 0.9, summary: "a good place to start" },
    Preset { name: "creative", temperature: 1.0, top_p: 0.95, summary: "stories and variety" },
    Preset { name: "brainstorm", temperature: 1.2, top_p: 0.95, summary: "many different ideas" },
    Preset { name: "code", temperature: 0.3, top_p: 0.9, summary: "programs and structured text" },
    Preset {
        name: "openai",
        temperature: 1.0,
        top_p: 1.0,
        summary: "the API's documented defaults, as a course states them",
    },
    Preset {
        name: "llama",
        temperature: 0.6,
        top_p: 0.9,
        summary: "Llama's generation defaults, as a course states them",
    },
];

/// The preset of this name.
///
/// ```
/// assert_eq!(kelvin::preset::find("balanced").unwrap().top_p, 0.9);
/// assert!(kelvin::preset::find("lukewarm").is_none());
/// ```
pub fn find(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name)
}
