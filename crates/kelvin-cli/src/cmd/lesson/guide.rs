//! A lesson told on a terminal: station by station, with questions, or at once.

use std::io;

use anstyle::Style;
use anyhow::Result;

use super::exercise::{Answer, Exercise};
use super::prose;
use super::script::{Block, Commands, Lesson, Manner, Station};
use super::workshop::{Workshop, shown};
use crate::console::Console;
use crate::exit::Code;
use crate::lines::{Line, Lines};
use crate::term::text::harmless;
use crate::term::theme;

/// How often one may answer before the solution is told.
const TRIES: usize = 2;
/// What is typed to leave.
const LEAVE: [&str; 3] = ["q", "quit", "exit"];

/// Why a lesson stops before its end.
enum Stopped {
    /// Somebody leaves.
    Left,
    /// Ctrl-C ended a command.
    Interrupted,
}

/// What goes on, or why nothing does.
type Told = Result<Result<(), Stopped>>;

/// Somebody who tells a lesson.
pub(super) struct Guide<'a, 'c> {
    lesson: &'a Lesson,
    workshop: &'a mut Workshop,
    console: &'a mut Console<'c>,
}

impl<'a, 'c> Guide<'a, 'c> {
    pub(super) fn new(
        lesson: &'a Lesson,
        workshop: &'a mut Workshop,
        console: &'a mut Console<'c>,
    ) -> Self {
        Self { lesson, workshop, console }
    }

    /// Tells the stations from this one on; with `lines` it waits after each and asks.
    ///
    /// # Errors
    ///
    /// Those of the streams, and of commands that end otherwise than the lesson says.
    pub(super) fn tell(mut self, from: usize, mut lines: Option<&mut dyn Lines>) -> Result<Code> {
        self.open(from)?;
        let n = self.lesson.stations.len();
        for at in from..n {
            let lesson = self.lesson;
            let mut told = self.station(at, &lesson.stations[at], &mut lines)?;
            if let Some(lines) = lines.as_deref_mut().filter(|_| told.is_ok() && at + 1 < n) {
                told = self.wait(lines)?;
            }
            match told {
                Ok(()) => (),
                Err(Stopped::Interrupted) => return Ok(Code::Interrupted),
                Err(Stopped::Left) => return self.leave(at),
            }
        }
        self.console.talk(&format!(
            "the end of lesson {} · kelvin lesson lists the others",
            self.lesson.number
        ))?;
        Ok(Code::Done)
    }

    fn open(&mut self, from: usize) -> Result<()> {
        let (bold, out) = (theme::NAME, &mut *self.console.out);
        let Lesson { number, title, minutes, summary, .. } = self.lesson;
        writeln!(out, "{bold}Lesson {number} · {title}{bold:#}")?;
        writeln!(out, "about {minutes} minutes, {} stations\n", self.lesson.stations.len())?;
        prose::write(out, summary, self.console.width)?;
        if from == 0 {
            for block in &self.lesson.preface {
                if let Block::Prose(text) = block {
                    prose::write(self.console.out, text, self.console.width)?;
                }
            }
        }
        Ok(())
    }

    fn station(
        &mut self,
        at: usize,
        station: &Station,
        lines: &mut Option<&mut dyn Lines>,
    ) -> Told {
        let (bold, n) = (theme::NAME, self.lesson.stations.len());
        writeln!(self.console.out, "{bold}── {} of {n} · {} ──{bold:#}\n", at + 1, station.title)?;
        for block in &station.blocks {
            let told = match block {
                Block::Prose(text) => Ok(self.prose(text)?),
                Block::File { name, text } => Ok(self.file(name, text)?),
                Block::Commands(commands) => self.commands(commands)?,
                Block::Exercise(exercise) => match lines.as_deref_mut() {
                    Some(lines) => self.ask(exercise, lines)?,
                    None => self.solve(exercise)?,
                },
            };
            if told.is_err() {
                return Ok(told);
            }
        }
        Ok(Ok(()))
    }

    fn prose(&mut self, text: &str) -> io::Result<()> {
        prose::write(self.console.out, text, self.console.width)
    }

    fn file(&mut self, name: &str, text: &str) -> io::Result<()> {
        let quiet = theme::QUIET;
        writeln!(self.console.out, "{quiet}{name}{quiet:#}")?;
        for line in text.lines() {
            writeln!(self.console.out, "{quiet}│{quiet:#} {line}")?;
        }
        writeln!(self.console.out)
    }

    /// Runs commands and shows what they print.
    fn commands(&mut self, commands: &Commands) -> Told {
        let (bold, quiet) = (theme::NAME, theme::QUIET);
        for line in &commands.lines {
            if commands.manner == Manner::Figure {
                writeln!(self.console.out, "{bold}$ {line} -o figure.svg{bold:#}")?;
                writeln!(self.console.out, "{quiet}a picture, for another window{quiet:#}\n")?;
                continue;
            }
            writeln!(self.console.out, "{bold}$ {line}{bold:#}")?;
            self.console.out.flush()?;
            let told = self.workshop.run_as(line, commands.manner)?;
            writeln!(self.console.out, "{}\n", shown(&told, commands))?;
            if told.code == Code::Interrupted {
                return Ok(Err(Stopped::Interrupted));
            }
        }
        Ok(Ok(()))
    }

    /// Asks until the answer is right or the tries are over.
    fn ask(&mut self, exercise: &Exercise, lines: &mut dyn Lines) -> Told {
        self.question(exercise)?;
        let right = self.workshop.answer(exercise)?;
        let places = match right.places() {
            Some(places @ 1..) => format!(", to {places} places"),
            _ => String::new(),
        };
        let prompt = format!("answer{places} (Enter for the solution)> ");
        for left in (0..TRIES).rev() {
            let said = match self.hear(&prompt, lines)? {
                Ok(said) if said.is_empty() => break,
                Ok(said) => said,
                Err(stopped) => return Ok(Err(stopped)),
            };
            if right.is(&said) {
                self.verdict(theme::HINT, "right", &right.shown())?;
                return self.explain(exercise);
            }
            self.verdict(theme::ERROR, "not so", &said)?;
            if left > 0 && !exercise.hint.is_empty() {
                self.prose(&format!("Hint: {}", exercise.hint))?;
            }
        }
        self.tell_answer(&right)?;
        self.explain(exercise)
    }

    /// Tells question and solution.
    fn solve(&mut self, exercise: &Exercise) -> Told {
        self.question(exercise)?;
        let right = self.workshop.answer(exercise)?;
        self.tell_answer(&right)?;
        self.explain(exercise)
    }

    fn question(&mut self, exercise: &Exercise) -> io::Result<()> {
        self.prose(&format!("**Exercise.** {}", exercise.ask))
    }

    fn verdict(&mut self, style: Style, verdict: &str, answer: &str) -> io::Result<()> {
        writeln!(self.console.out, "{style}{verdict}:{style:#} {}\n", harmless(answer))
    }

    fn tell_answer(&mut self, right: &Answer) -> io::Result<()> {
        let bold = theme::NAME;
        writeln!(self.console.out, "The answer is {bold}{}{bold:#}.\n", right.shown())
    }

    fn explain(&mut self, exercise: &Exercise) -> Told {
        self.prose(&exercise.why)?;
        self.commands(&Commands {
            lines: exercise.show.clone(),
            manner: Manner::Data,
            is_kept: false,
            head: usize::MAX,
        })
    }

    fn wait(&mut self, lines: &mut dyn Lines) -> Told {
        Ok(self.hear("Enter goes on, q leaves> ", lines)?.map(|_| ()))
    }

    /// A line that somebody types, or that nobody goes on.
    fn hear(&mut self, prompt: &str, lines: &mut dyn Lines) -> Result<Result<String, Stopped>> {
        self.console.out.flush()?;
        loop {
            match lines.next(prompt)? {
                Line::Text(text) => {
                    writeln!(self.console.out)?;
                    let text = text.trim().to_owned();
                    let leaves = LEAVE.contains(&text.as_str());
                    return Ok(if leaves { Err(Stopped::Left) } else { Ok(text) });
                }
                Line::Bad(failure) => self.console.tell_error(&failure.to_string())?,
                Line::Interrupted | Line::End => return Ok(Err(Stopped::Left)),
            }
        }
    }

    fn leave(&mut self, at: usize) -> Result<Code> {
        let number = self.lesson.number;
        self.console.talk(&format!("kelvin lesson {number} --from {} goes on here", at + 1))?;
        Ok(Code::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Piped;
    use crate::runs::Runs;

    const TEXT: &str = "```lesson\ntitle = \"T\"\nminutes = 1\nsummary = \"S\"\n```\n## One\n\n```exercise\nask = \
                        \"How many?\"\nhint = \"count\"\nvalue = 0.38\nwithin = 0.01\nwhy = \"Because.\"\n```\n## \
                        Two\n\nThe rest.\n";

    /// What is told while these lines are typed.
    fn told(typed: &str) -> String {
        let lesson = Lesson::parse(7, TEXT).expect("it is well-formed");
        let (mut out, mut text, mut err) = (Vec::new(), Vec::new(), Vec::new());
        let mut console = Console {
            out: &mut out,
            text: &mut text,
            terminal: true,
            color: anstream::ColorChoice::Never,
            err: &mut err,
            err_terminal: false,
            term: "dumb".to_owned(),
            width: 80,
            quiet: false,
            models: "no-models-here".into(),
            runs: Runs::off(),
            hub: kelvin_lm::hub::Environment::read(|_| None),
        };
        let mut workshop = Workshop::open(&lesson, &console).expect("a folder");
        let mut lines = Piped::new(typed.as_bytes());
        let guide = Guide::new(&lesson, &mut workshop, &mut console);
        let code = guide.tell(0, Some(&mut lines)).expect("nothing fails");
        assert_eq!(code, Code::Done);
        out.append(&mut err);
        let text = anstream::adapter::strip_bytes(&out).into_vec();
        String::from_utf8(text).expect("UTF-8 in, UTF-8 out")
    }

    #[test]
    fn a_right_answer_is_told_to_be_right() {
        for typed in ["38%\n\n", "0.4\n0,385\n\n"] {
            let told = told(typed);
            assert!(told.contains("right: 0.38\n\nBecause."), "{told}");
            assert!(told.contains("── 2 of 2 · Two ──\n\nThe rest."), "{told}");
            assert!(!told.contains("The answer is"), "{told}");
        }
    }

    #[test]
    fn a_wrong_answer_is_told_to_be_wrong_and_the_second_one_solved() {
        let told = told("0.4\n\x1b[2J\n\n");
        assert!(told.contains("not so: 0.4\n\nHint: count"), "{told}");
        assert!(told.contains("not so: \\u{1b}[2J\n\nThe answer is 0.38.\n\nBecause."), "{told}");
        assert!(!told.contains("right:") && told.contains("The rest."), "{told}");
    }

    #[test]
    fn an_empty_line_asks_for_the_solution() {
        let told = told("\n\n");
        assert!(told.contains("The answer is 0.38.\n\nBecause."), "{told}");
        assert!(!told.contains("not so") && told.contains("The rest."), "{told}");
    }

    #[test]
    fn one_can_leave_at_any_time_and_is_told_where_to_go_on() {
        for typed in ["q\n", "0.4\nq\n", "0.38\nq\n", ""] {
            let told = told(typed);
            assert!(told.ends_with("kelvin lesson 7 --from 1 goes on here\n"), "{told}");
            assert!(!told.contains("The rest."), "{told}");
        }
    }
}
