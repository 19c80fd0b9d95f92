//! What clap has to say, in the house's own words.

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::console::Console;
use crate::exit::{Code, Failure};

/// Answers help and version on stdout; turns anything else into an error of the command line.
///
/// # Errors
///
/// What was wrong with the command line, with the nearest right spelling.
pub(crate) fn answer(error: &clap::Error, console: &mut Console<'_>) -> Result<Code> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        write!(console.out, "{}", error.render().ansi())?;
        return Ok(Code::Done);
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        write!(console.err, "{}", error.render().ansi())?;
        return Ok(Code::Typed);
    }
    Err(failure(error).into())
}

/// An error of the command line, with the nearest right spelling.
pub(crate) fn failure(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let message: Vec<&str> = text.lines().take_while(|line| !line.trim().is_empty()).collect();
    let message = message.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    Failure::typed(message).hint(hint(error))
}

fn hint(error: &clap::Error) -> String {
    let suggestions = [
        (ContextKind::SuggestedArg, "did you mean "),
        (ContextKind::SuggestedSubcommand, "did you mean "),
        (ContextKind::SuggestedValue, "did you mean "),
        (ContextKind::ValidValue, "it is one of "),
        (ContextKind::ValidSubcommand, "the commands are "),
    ];
    let spelled = |flag: &String| flag.replace('_', "-"); // the hidden spellings of JSON
    let said = suggestions.iter().find_map(|(kind, words)| match error.get(*kind)? {
        ContextValue::String(one) => Some(format!("{words}{}?", spelled(one))),
        ContextValue::Strings(many) if words.starts_with("did") => {
            let mut many: Vec<String> = many.iter().map(spelled).collect();
            many.dedup();
            Some(format!("{words}{}?", many.join(" or ")))
        }
        ContextValue::Strings(many) => Some(format!("{words}{}", many.join(", "))),
        _ => None,
    });
    said.unwrap_or_else(|| "kelvin COMMAND --help lists the flags".to_owned())
}
