//! Bars of a share before and after: filled is final, shaded is what the raw share had beyond it.

const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Two shares as one bar of `columns` for a share of `full`: the final part in eighths of a column, then the shade.
pub(crate) fn bar(last: f64, raw: f64, full: f64, columns: usize) -> (String, String) {
    let filled = eighths(last, full, columns);
    let reach = eighths(raw, full, columns).max(usize::from(raw > 0.0 && last <= 0.0));
    let solid = format!("{}{}", "█".repeat(filled / 8), PARTS[filled % 8]);
    let shade = reach.div_ceil(8).saturating_sub(filled.div_ceil(8));
    (solid, "░".repeat(shade))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of `full` in [0, 1] times a number of columns"
)]
fn eighths(share: f64, full: f64, columns: usize) -> usize {
    let part = (share / full).clamp(0.0, 1.0);
    (part * columns as f64 * 8.0).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(last: f64, raw: f64) -> String {
        let (solid, shade) = bar(last, raw, 0.5, 10);
        solid + &shade
    }

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(text(0.5, 0.2), "██████████");
        assert_eq!(text(0.25, 0.25), "█████");
        assert_eq!(text(0.26, 0.0), "█████▎");
        assert_eq!(text(0.25, 0.5), "█████░░░░░");
        assert_eq!(text(0.0, 0.0), "");
    }

    #[test]
    fn what_was_removed_leaves_a_trace_however_small() {
        assert_eq!(text(0.0, 1e-9), "░");
        assert_eq!(text(0.0, 0.1), "░░");
    }
}
