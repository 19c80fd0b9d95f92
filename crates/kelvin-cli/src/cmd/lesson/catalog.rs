//! The lessons there are.

use super::script::Lesson;
use crate::exit::Failure;

/// Their texts, by number.
const TEXTS: [&str; 5] = [
    include_str!("../../../lessons/0.md"),
    include_str!("../../../lessons/1.md"),
    include_str!("../../../lessons/2.md"),
    include_str!("../../../lessons/3.md"),
    include_str!("../../../lessons/4.md"),
];

/// Every lesson, in order.
pub(super) fn all() -> impl Iterator<Item = Lesson> {
    (0..TEXTS.len()).map(read)
}

/// The lesson of this number.
///
/// # Errors
///
/// Something typed: there is none; the hint has the list.
pub(super) fn find(number: &str) -> Result<Lesson, Failure> {
    let known = number.parse().ok().filter(|&number: &usize| number < TEXTS.len());
    known.map(read).ok_or_else(|| {
        let titles = all().map(|lesson| format!("{} {}", lesson.number, lesson.title));
        Failure::typed(format!("no lesson {number:?}"))
            .hint(format!("the lessons are {}", titles.collect::<Vec<_>>().join(", ")))
    })
}

fn read(number: usize) -> Lesson {
    Lesson::parse(number, TEXTS[number])
        .unwrap_or_else(|error| panic!("lesson {number}, a test reads them all: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::lesson::script::Block;

    #[test]
    fn every_lesson_can_be_read_and_asks_something() {
        for lesson in all() {
            assert!(lesson.stations.len() >= 6, "{}", lesson.title);
            let blocks = lesson.stations.iter().flat_map(|station| &station.blocks);
            let asked = blocks.filter(|block| matches!(block, Block::Exercise(_))).count();
            assert!(asked >= 4, "{}: {asked} exercises", lesson.title);
        }
    }

    #[test]
    fn a_number_that_is_no_lesson_is_told_with_those_that_are() {
        for number in ["5", "-1", "", "one", "99999999999999999999999"] {
            let failure = find(number).expect_err(number);
            assert!(failure.to_string().starts_with("no lesson "), "{failure}");
        }
        assert_eq!(find("3").expect("it exists").number, 3);
    }
}
