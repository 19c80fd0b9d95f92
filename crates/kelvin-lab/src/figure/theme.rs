//! Colours: one set of names, two palettes.

use serde::Serialize;

/// The page that a figure lies on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on nearly black.
    Dark,
}

/// Red, green, blue.
pub(super) type Rgb = (u8, u8, u8);

/// A colour that people with any colour vision tell from the others, on both pages and in grey print
/// (Okabe and Ito, Color Universal Design, 2008).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ink {
    /// The main thing.
    Blue,
    /// What it is held against.
    Orange,
    /// A third.
    Green,
    /// A fourth.
    Purple,
    /// What is only there for orientation, or is out of the game.
    Grey,
}

impl Ink {
    /// The inks for things of equal rank, in the order they are taken.
    pub const SERIES: [Self; 4] = [Self::Blue, Self::Orange, Self::Green, Self::Purple];

    /// The ink of the thing at this place, from the first again after the last.
    pub fn nth(at: usize) -> Self {
        Self::SERIES[at % Self::SERIES.len()]
    }
}

impl Theme {
    /// Its name, as people type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(super) fn ink(self, ink: Ink) -> Rgb {
        match (self, ink) {
            (Self::Light, Ink::Blue) => (0x00, 0x72, 0xB2),
            (Self::Light, Ink::Orange) => (0xD5, 0x5E, 0x00),
            (Self::Light, Ink::Grey) => (0x76, 0x76, 0x76),
            (Self::Dark, Ink::Blue) => (0x56, 0xB4, 0xE9),
            (Self::Dark, Ink::Orange) => (0xE6, 0x9F, 0x00),
            (Self::Dark, Ink::Grey) => (0x9A, 0x9A, 0x9A),
            (_, Ink::Green) => (0x00, 0x9E, 0x73),
            (Self::Light, Ink::Purple) => (0xC0, 0x66, 0x98), // a shade darker, for its contrast
            (Self::Dark, Ink::Purple) => (0xCC, 0x79, 0xA7),
        }
    }

    /// The page.
    pub(super) fn page(self) -> Rgb {
        match self {
            Self::Light => (0xFF, 0xFF, 0xFF),
            Self::Dark => (0x15, 0x18, 0x1C),
        }
    }

    /// Text and axes.
    pub(super) fn text(self) -> Rgb {
        match self {
            Self::Light => (0x26, 0x26, 0x26),
            Self::Dark => (0xE6, 0xE6, 0xE6),
        }
    }

    /// Text of less weight.
    pub(super) fn quiet(self) -> Rgb {
        match self {
            Self::Light => (0x5E, 0x5E, 0x5E),
            Self::Dark => (0xA8, 0xA8, 0xA8),
        }
    }

    /// The lines of the grid.
    pub(super) fn grid(self) -> Rgb {
        match self {
            Self::Light => (0xE4, 0xE4, 0xE4),
            Self::Dark => (0x2E, 0x33, 0x39),
        }
    }
}

/// `#0072b2`.
pub(super) fn css((red, green, blue): Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A colour so far from one to another: 0 the first, 1 the second.
pub(super) fn mix(from: Rgb, to: Rgb, share: f64) -> Rgb {
    let share = share.clamp(0.0, 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between two bytes"
    )]
    let part = |a: u8, b: u8| (f64::from(a) + share * (f64::from(b) - f64::from(a))).round() as u8;
    (part(from.0, to.0), part(from.1, to.1), part(from.2, to.2))
}

/// How bright a colour looks, from 0 to 1: a square for the screen's gamma is near enough to choose text
/// by.
pub(super) fn brightness((red, green, blue): Rgb) -> f64 {
    let linear = |part: u8| (f64::from(part) / 255.0) * (f64::from(part) / 255.0);
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours by the Web Content Accessibility Guidelines, gamma taken as 2.
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (brightness(a) + 0.05, brightness(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn every_ink_stands_out_from_its_page() {
        for theme in [Theme::Light, Theme::Dark] {
            for ink in Ink::SERIES.into_iter().chain([Ink::Grey]) {
                let contrast = contrast(theme.ink(ink), theme.page());
                assert!(contrast > 3.0, "{theme:?} {ink:?}: {contrast}");
            }
            for text in [theme.text(), theme.quiet()] {
                assert!(contrast(text, theme.page()) > 5.0, "{theme:?}"); // 4.5 asked of text
            }
        }
    }
}
