//! The flags about how much of a sequence the model sees.

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use kelvin_lm::generate::Context;

use crate::exit::Failure;
use crate::load::Loaded;
use crate::term::number::{count, counted};

const CONTEXT: &str = "Context";

/// The way out of a full context where these flags are.
pub(crate) const SHIFT: &str = "--context-shift goes on beyond it";

/// Its size, whether it shifts, what stays in view.
pub(crate) fn args() -> [Arg; 3] {
    [
        Arg::new("context")
            .long("context")
            .value_name("N")
            .value_parser(value_parser!(u32).range(1..))
            .help("Most tokens that the model sees [default: all that it can]"),
        Arg::new("context-shift")
            .long("context-shift")
            .action(ArgAction::SetTrue)
            .help("Go on when the context is full: leave out the older half of it")
            .long_help(
                "Go on when the context is full: leave out the older half of it, but for the tokens of \
                 --context-keep, and read the rest again from position 0. Which tokens are in view is a \
                 function of the length alone.",
            ),
        Arg::new("context-keep")
            .long("context-keep")
            .value_name("N")
            .requires("context-shift")
            .value_parser(value_parser!(u32))
            .help("Tokens at the beginning that stay in view [default: the BOS, where there is one]"),
    ]
    .map(|arg| arg.help_heading(CONTEXT))
}

/// The tokens that `--context` allows, or all that the model can see.
///
/// # Errors
///
/// Something typed: more than the model can.
pub(crate) fn limit(matches: &ArgMatches, loaded: &Loaded) -> Result<usize, Failure> {
    let max_seq = loaded.model.config().max_seq;
    let given = matches.get_one::<u32>("context").map_or(max_seq, |&n| n as usize);
    if given <= max_seq {
        return Ok(given);
    }
    let (max_seq, name) = (count(max_seq), &loaded.card.name);
    Err(Failure::typed(format!(
        "--context {given} is more than the {max_seq} tokens of {name}'s context"
    )))
}

/// The context that the flags ask for.
///
/// # Errors
///
/// Something typed: more than the model can, or nothing but kept tokens.
pub(crate) fn read(matches: &ArgMatches, loaded: &Loaded) -> Result<Context, Failure> {
    let limit = limit(matches, loaded)?;
    if !matches.get_flag("context-shift") {
        return Ok(Context::fixed(limit));
    }
    let tokenizer = &loaded.tokenizer;
    let bos = usize::from(tokenizer.add_bos() && tokenizer.bos().is_some());
    let keep = matches.get_one::<u32>("context-keep").map_or(bos, |&n| n as usize);
    Context::shifting(limit, keep).map_err(|error| Failure::typed(error.to_string()))
}

/// Whether a token can follow the prompt.
///
/// # Errors
///
/// Something typed: none can, with both numbers.
pub(crate) fn check_room(n_prompt: usize, context: Context) -> Result<(), Failure> {
    let limit = context.limit();
    if context.is_shifting() || n_prompt < limit {
        return Ok(());
    }
    let (prompt, limit) = (counted(n_prompt, "token"), count(limit));
    Err(Failure::typed(format!(
        "the prompt has {prompt} and fills the context of {limit}: no token can follow"
    ))
    .hint("shorten the prompt"))
}

/// Whether the prompt, and what is asked for beyond it, fit the context.
///
/// # Errors
///
/// Something typed: they do not, with both numbers.
pub(crate) fn check(
    n_prompt: usize,
    asked: Option<usize>,
    context: Context,
) -> Result<(), Failure> {
    if context.is_shifting() {
        return Ok(());
    }
    let limit = context.limit();
    let context = format!("the context of {}", count(limit));
    let prompt = counted(n_prompt, "token");
    if n_prompt > limit {
        let failure = Failure::typed(format!("the prompt has {prompt}, more than {context}"));
        return Err(failure.hint("shorten the prompt"));
    }
    let Some(asked) = asked.filter(|asked| n_prompt + asked > limit) else { return Ok(()) };
    let sum = count(n_prompt + asked);
    Err(Failure::typed(format!(
        "a prompt of {prompt} and --max-new-tokens {asked} make {sum}, more than {context}"
    ))
    .hint(format!("--max-new-tokens {} fits", limit - n_prompt)))
}

/// `context 128, shifting: keeps 1, drops 64`; nothing for all that the model can see.
pub(crate) fn shown(context: Context, loaded: &Loaded) -> Option<String> {
    let limit = count(context.limit());
    if context.is_shifting() {
        let (keep, drop) = (count(context.keep()), count(context.drop()));
        return Some(format!("context {limit}, shifting: keeps {keep}, drops {drop}"));
    }
    (context.limit() < loaded.model.config().max_seq).then(|| format!("context {limit}"))
}
