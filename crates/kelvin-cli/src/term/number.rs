//! Numbers as people read them.

/// A share as a percentage of at most eight columns: one decimal, and for rare things two digits.
/// Never `100.0%` for less than everything.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        p if p <= 0.0 => "0%".to_owned(),
        p if p < 0.0001 => "<0.0001%".to_owned(),
        p if p < 0.001 => format!("{p:.5}%"),
        p if p < 0.01 => format!("{p:.4}%"),
        p if p < 0.0995 => format!("{p:.3}%"),
        p if p < 99.95 => format!("{p:.1}%"),
        p if p < 100.0 => ">99.9%".to_owned(),
        _ => "100.0%".to_owned(),
    }
}

/// A count with its thousands apart: `50 217`.
pub(crate) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 token`, `3 tokens`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(n))
}

/// Bytes in the unit that suits them: `93.8 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let (mut size, mut unit) = (n as f64 / 1024.0, 0);
    while size >= 999.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// Parameters of a model: `1.8M`, `135M`, `1.1B`.
pub(crate) fn parameters(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{:.0}k", n as f64 / 1e3),
        1_000_000..10_000_000 => format!("{:.1}M", n as f64 / 1e6),
        10_000_000..1_000_000_000 => format!("{:.0}M", n as f64 / 1e6),
        _ => format!("{:.1}B", n as f64 / 1e9),
    }
}

/// An f32 as the f64 of the same shortest decimal: 0.1, where a cast has 0.10000000149.
pub(crate) fn shortest(x: f32) -> f64 {
    x.to_string().parse().expect("a number prints as a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_keep_two_digits_and_never_round_up_to_everything() {
        let cases = [
            (0.0, "0%"),
            (1e-9, "<0.0001%"),
            (5.753e-6, "0.00058%"),
            (2.578e-5, "0.0026%"),
            (0.000_517_9, "0.052%"),
            (0.001_407_7, "0.1%"),
            (0.195, "19.5%"),
            (0.9996, ">99.9%"),
            (1.0, "100.0%"),
        ];
        for (share, expected) in cases {
            assert_eq!(percent(share), expected, "{share}");
            assert!(percent(share).len() <= 8);
        }
    }

    #[test]
    fn counts_and_sizes() {
        assert_eq!(count(7), "7");
        assert_eq!(count(50_217), "50 217");
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(counted(1, "token"), "1 token");
        assert_eq!(bytes(98_362_432), "93.8 MiB");
        assert_eq!(bytes(12), "12 B");
        assert_eq!(parameters(1_840_000), "1.8M");
        assert_eq!(parameters(134_515_008), "135M");
        assert_eq!(parameters(1_100_048_384), "1.1B");
    }

    #[test]
    fn an_f32_prints_as_it_was_typed() {
        assert_eq!(shortest(0.1).to_string(), "0.1");
        assert_eq!(shortest(1.334_965_1).to_string(), "1.3349651");
        assert_eq!(shortest(f32::MIN_POSITIVE).to_string(), f32::MIN_POSITIVE.to_string());
    }
}
