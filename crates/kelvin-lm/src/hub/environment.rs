//! What the environment says about the hub, as `huggingface_hub` reads it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind, Result};

/// The hub, where no variable names another.
const ENDPOINT: &str = "https://huggingface.co";
/// Longest token file worth reading, in bytes.
const TOKEN_LIMIT: u64 = 4096;

/// The variables that concern the hub, read once where the program starts and passed on as a value.
///
/// | variable | meaning |
/// |---|---|
/// | `HF_HUB_CACHE` | the cache's folder; else `$HF_HOME/hub` |
/// | `HF_HOME` | the folder of all Hugging Face tools; else `$XDG_CACHE_HOME/huggingface`, else `~/.cache/huggingface` |
/// | `HF_ENDPOINT` | the hub's address |
/// | `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE` | 1, ON, YES or TRUE: no network |
/// | `HF_TOKEN` | the token; else what stands in the file `HF_TOKEN_PATH`, else `$HF_HOME/token` |
/// | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | 1, ON, YES or TRUE: no token is sent |
/// | `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` | the proxy, and what needs none |
/// | `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE` | certificates to trust, in place of the usual ones |
///
/// An empty variable counts as unset, and a blank token as none. In paths a `~` at the start is the
/// home folder, and `$NAME` and `${NAME}` are variables; one that is not set stays as it is written.
///
/// ```
/// use kelvin_lm::hub::Environment;
///
/// let variables = [("HOME", "/home/ada"), ("HF_HUB_OFFLINE", "yes")];
/// let environment = Environment::read(|name| {
///     variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
/// });
/// assert_eq!(environment.cache, std::path::Path::new("/home/ada/.cache/huggingface/hub"));
/// assert_eq!(environment.offline.as_deref(), Some("HF_HUB_OFFLINE=yes"));
/// ```
#[derive(Debug, Clone)]
pub struct Environment {
    /// The cache's folder.
    pub cache: PathBuf,
    /// The hub's address, without a slash at its end.
    pub endpoint: String,
    /// What forbids the network, as it was set: `HF_HUB_OFFLINE=1`.
    pub offline: Option<String>,
    /// The proxy's address.
    pub proxy: Option<String>,
    /// Hosts that are reached without the proxy, with commas between them.
    pub no_proxy: Option<String>,
    /// The only certificates to trust.
    pub certificates: Option<Certificates>,
    /// Where a token may be.
    token: TokenSource,
}

/// A PEM file of certificates, and the variable that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// The variable: `SSL_CERT_FILE`.
    pub variable: &'static str,
    /// The file.
    pub path: PathBuf,
}

#[derive(Debug, Clone)]
enum TokenSource {
    Forbidden,
    Given(Token),
    File(PathBuf),
}

/// A secret that says who asks. Its text never shows in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    secret: String,
    origin: String,
}

impl Token {
    /// The token itself, for the one header that carries it.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Where it was found: a variable or a file.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(from {})", self.origin)
    }
}

impl Environment {
    /// Reads the variables through `get`, which knows the environment; nothing else is touched.
    pub fn read(get: impl Fn(&str) -> Option<OsString>) -> Self {
        let reader = Reader { get };
        let home = reader.hugging_face_home();
        let cache = reader.path(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]);
        let endpoint = reader.text(&["HF_ENDPOINT"]).map_or(ENDPOINT.to_owned(), |(_, url)| url);
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let is_secure = !endpoint.starts_with("http://");
        let proxy =
            if is_secure { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
        let any_proxy = ["ALL_PROXY", "all_proxy"];
        Self {
            cache: cache.unwrap_or_else(|| home.join("hub")),
            endpoint,
            offline: reader.switched_on(&["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]),
            proxy: reader.text(&proxy).or_else(|| reader.text(&any_proxy)).map(|(_, url)| url),
            no_proxy: reader.text(&["NO_PROXY", "no_proxy"]).map(|(_, hosts)| hosts),
            certificates: reader
                .named_path(&["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
                .map(|(variable, path)| Certificates { variable, path }),
            token: reader.token_source(&home),
        }
    }

    /// The token to send, from its variable or its file; `None` where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] for a token that no header can carry, [`ErrorKind::Io`] for a token
    /// file that is there and cannot be read. Neither shows the token.
    pub fn token(&self) -> Result<Option<Token>> {
        match &self.token {
            TokenSource::Forbidden => Ok(None),
            TokenSource::Given(token) => checked(token.clone()),
            TokenSource::File(path) => match read_token(path)? {
                Some(secret) => checked(Token { secret, origin: path.display().to_string() }),
                None => Ok(None),
            },
        }
    }
}

/// The token, if its characters are those of tokens; `None` where it is blank.
fn checked(token: Token) -> Result<Option<Token>> {
    let secret = token.secret.trim();
    if secret.is_empty() {
        return Ok(None);
    }
    if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        let detail = format!("the token from {} has characters that no token has", token.origin);
        return Err(Error::new(ErrorKind::Parameter, detail)
            .hint("a token of the hub is one word of letters and digits that begins with hf_"));
    }
    Ok(Some(Token { secret: secret.to_owned(), ..token }))
}

fn read_token(path: &Path) -> Result<Option<String>> {
    use std::io::{ErrorKind as IoKind, Read as _};
    let unreadable = |error: std::io::Error| {
        let detail = "the token file cannot be read";
        Error::new(ErrorKind::Io, detail).in_file(path).caused_by(error)
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), IoKind::NotFound | IoKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut text = String::new();
    file.take(TOKEN_LIMIT).read_to_string(&mut text).map_err(unreadable)?;
    Ok(Some(text))
}

/// Looks variables up by the rules above.
struct Reader<F> {
    get: F,
}

impl<F: Fn(&str) -> Option<OsString>> Reader<F> {
    fn value(&self, name: &str) -> Option<OsString> {
        (self.get)(name).filter(|value| !value.is_empty())
    }

    /// The first of these that is set, with its name; bytes that are no text count as unset.
    fn text<'n>(&self, names: &[&'n str]) -> Option<(&'n str, String)> {
        names.iter().find_map(|name| Some((*name, self.value(name)?.into_string().ok()?)))
    }

    /// The path in the first of these that is set.
    fn path(&self, names: &[&'static str]) -> Option<PathBuf> {
        self.named_path(names).map(|(_, path)| path)
    }

    /// The path in the first of these that is set, with its name; a `~` at its start is the home
    /// folder, and variables in it are replaced.
    fn named_path(&self, names: &[&'static str]) -> Option<(&'static str, PathBuf)> {
        let (name, value) = names.iter().find_map(|name| Some((*name, self.value(name)?)))?;
        let path = match Path::new(&value).strip_prefix("~") {
            Ok(rest) => self.home().join(self.expanded(rest.into())),
            Err(_) => self.expanded(value).into(),
        };
        Some((name, path))
    }

    /// `value` with each `$NAME` and `${NAME}` of a set variable replaced, once; bytes that are no
    /// text stay as they are.
    fn expanded(&self, value: OsString) -> OsString {
        let Some(mut rest) = value.to_str() else { return value };
        let mut expanded = OsString::new();
        while let Some(at) = rest.find('$') {
            let name = variable_name(&rest[at + 1..]);
            let bare = name.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            let (before, after) = (&rest[..at], &rest[at + 1 + name.len()..]);
            expanded.push(before);
            match (self.get)(bare.unwrap_or(name)) {
                Some(found) => expanded.push(found),
                None => expanded.push(&rest[at..rest.len() - after.len()]),
            }
            rest = after;
        }
        expanded.push(rest);
        expanded
    }

    fn home(&self) -> PathBuf {
        self.value("HOME")
            .or_else(|| self.value("USERPROFILE"))
            .unwrap_or_else(|| ".".into())
            .into()
    }

    fn hugging_face_home(&self) -> PathBuf {
        self.path(&["HF_HOME"]).unwrap_or_else(|| {
            let caches = self.path(&["XDG_CACHE_HOME"]);
            caches.unwrap_or_else(|| self.home().join(".cache")).join("huggingface")
        })
    }

    /// The first of these that says yes: `NAME=value`. The first that is set decides.
    fn switched_on(&self, names: &[&str]) -> Option<String> {
        let (name, value) = self.text(names)?;
        let yes = ["1", "ON", "YES", "TRUE"].contains(&value.to_ascii_uppercase().as_str());
        yes.then(|| format!("{name}={value}"))
    }

    fn token_source(&self, home: &Path) -> TokenSource {
        if self.switched_on(&["HF_HUB_DISABLE_IMPLICIT_TOKEN"]).is_some() {
            return TokenSource::Forbidden;
        }
        match self.text(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
            Some((name, secret)) if !secret.trim().is_empty() => {
                TokenSource::Given(Token { secret, origin: name.to_owned() })
            }
            _ => TokenSource::File(
                self.path(&["HF_TOKEN_PATH"]).unwrap_or_else(|| home.join("token")),
            ),
        }
    }
}

/// What stands behind a `$`: a name, or one in braces with them; nothing where it is neither.
fn variable_name(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = match text.strip_prefix('{') {
        Some(braced) => braced.find('}').map_or(0, |end| end + 2),
        None => text.find(|c: char| !is_part(c)).unwrap_or(text.len()),
    };
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Environment {
        Environment::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_cache_is_where_the_nearest_variable_says() {
        let cases: [(&[(&str, &str)], &str); 8] = [
            (&[("HOME", "/h")], "/h/.cache/huggingface/hub"),
            (&[("USERPROFILE", "/u")], "/u/.cache/huggingface/hub"),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/f")], "/f/hub"),
            (&[("HF_HOME", "/f"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
            (&[("HUGGINGFACE_HUB_CACHE", "/old"), ("HF_HUB_CACHE", "/c")], "/c"),
            (&[("HOME", "/h"), ("HF_HUB_CACHE", "~/c")], "/h/c"),
            (&[("HOME", "/h"), ("HF_HUB_CACHE", ""), ("HF_HOME", "~")], "/h/hub"),
        ];
        for (variables, expected) in cases {
            assert_eq!(read(variables).cache, PathBuf::from(expected), "{variables:?}");
        }
    }

    /// As Python's `os.path.expanduser` and `os.path.expandvars` have it.
    #[test]
    fn paths_may_begin_at_home_and_hold_variables() {
        let set =
            [("HOME", "/h"), ("USER", "ada"), ("A_1", "$USER/é"), ("NONE", ""), ("TILDE", "~")];
        let cases = [
            ("~/c", "/h/c"),
            ("~", "/h"),
            ("~ada/c", "~ada/c"),
            ("/d/~/c", "/d/~/c"),
            ("$HOME/c", "/h/c"),
            ("~/$USER/c", "/h/ada/c"),
            ("/d/${USER}s/$USER.$USER", "/d/adas/ada.ada"),
            ("/d/$A_1/c", "/d/$USER/é/c"),
            ("/d/$USERé", "/d/adaé"),
            ("/d$NONE/c", "/d/c"),
            ("/d/$UNSET/${UNSET}/c", "/d/$UNSET/${UNSET}/c"),
            ("/d/$/$$USER/${/c$", "/d/$/$ada/${/c$"),
            ("/d/${}/${USER", "/d/${}/${USER"),
            ("/d/${{USER}}", "/d/${{USER}}"),
            ("$TILDE/c", "~/c"),
        ];
        for (written, expected) in cases {
            let with = |name| read(&[&set[..], &[(name, written)]].concat());
            assert_eq!(with("HF_HUB_CACHE").cache, Path::new(expected), "{written}");
            assert_eq!(with("HF_HOME").cache, Path::new(expected).join("hub"), "{written}");
            let TokenSource::File(token) = with("HF_TOKEN_PATH").token else { unreachable!() };
            assert_eq!(token, Path::new(expected), "{written}");
        }
    }

    #[test]
    fn certificates_know_the_variable_that_names_them() {
        let named = |variables| {
            read(variables).certificates.map(|it| (it.variable, it.path.display().to_string()))
        };
        let all = [("REQUESTS_CA_BUNDLE", "/r"), ("SSL_CERT_FILE", "/s"), ("CURL_CA_BUNDLE", "/c")];
        assert_eq!(named(&all), Some(("SSL_CERT_FILE", "/s".to_owned())));
        assert_eq!(named(&all[..1]), Some(("REQUESTS_CA_BUNDLE", "/r".to_owned())));
        assert_eq!(named(&all[2..]), Some(("CURL_CA_BUNDLE", "/c".to_owned())));
        assert_eq!(named(&[]), None);
    }

    #[test]
    fn offline_is_a_yes_in_any_case_and_the_first_variable_decides() {
        for yes in ["1", "on", "Yes", "TRUE"] {
            let said = read(&[("HF_HUB_OFFLINE", yes)]).offline;
            assert_eq!(said, Some(format!("HF_HUB_OFFLINE={yes}")));
        }
        for no in ["0", "off", "no", "false", "", "2"] {
            assert_eq!(read(&[("HF_HUB_OFFLINE", no)]).offline, None, "{no}");
        }
        let second = read(&[("TRANSFORMERS_OFFLINE", "1")]).offline;
        assert_eq!(second.as_deref(), Some("TRANSFORMERS_OFFLINE=1"));
        assert_eq!(read(&[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")]).offline, None);
    }

    #[test]
    fn the_proxy_is_that_of_the_endpoint() {
        let both =
            [("HTTPS_PROXY", "http://s"), ("http_proxy", "http://p"), ("ALL_PROXY", "http://a")];
        assert_eq!(read(&both).proxy.as_deref(), Some("http://s"));
        let plain = [both[1], both[2], ("HF_ENDPOINT", "http://127.0.0.1:1/")];
        assert_eq!(read(&plain).proxy.as_deref(), Some("http://p"));
        assert_eq!(read(&plain).endpoint, "http://127.0.0.1:1");
        assert_eq!(read(&both[1..]).proxy.as_deref(), Some("http://a"));
        assert_eq!(read(&[]).proxy, None);
    }

    #[test]
    fn a_token_is_trimmed_and_never_shown() {
        let environment = read(&[("HF_TOKEN", " hf_secret\n")]);
        let token = environment.token().expect("a token").expect("one is set");
        assert_eq!((token.secret(), token.origin()), ("hf_secret", "HF_TOKEN"));
        assert!(!format!("{environment:?}{token:?}").contains("hf_secret"));
        let broken =
            read(&[("HF_TOKEN", "hf_\u{1}secret")]).token().expect_err("a control character");
        assert!(broken.to_string().contains("HF_TOKEN") && !broken.to_string().contains("secret"));
        let disabled = [("HF_TOKEN", "hf_secret"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")];
        assert_eq!(read(&disabled).token().expect("none"), None);
        assert_eq!(read(&[("HF_HOME", "/no/such/folder")]).token().expect("none"), None);
    }
}
