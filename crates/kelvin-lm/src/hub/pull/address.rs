//! Addresses on the hub, and where a redirect leads.

use std::fmt::{self, Write as _};

use ureq::http::Uri;

use crate::{Error, ErrorKind, Result};

/// Scheme, host and port: who a secret may be told to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an address; `None` for one that is not http or https with a host.
    pub(super) fn of(address: &str) -> Option<Self> {
        let uri: Uri = address.parse().ok()?;
        let usual = match uri.scheme_str()? {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        Some(Self {
            scheme: uri.scheme_str()?.to_owned(),
            host: uri.host()?.to_ascii_lowercase(),
            port: uri.port_u16().unwrap_or(usual),
        })
    }

    fn is_secure(&self) -> bool {
        self.scheme == "https"
    }
}

impl fmt::Display for Origin {
    /// The host, and the port where it is not the usual one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.scheme.as_str(), self.port) {
            ("http", 80) | ("https", 443) => f.write_str(&self.host),
            _ => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Checks the hub's own address.
///
/// # Errors
/// [`ErrorKind::Parameter`] for one that is not http or https with a host, or carries more than a path.
pub(super) fn endpoint(address: &str) -> Result<Origin> {
    let wrong = |detail: String| {
        Error::new(ErrorKind::Parameter, detail)
            .hint("unset HF_ENDPOINT for https://huggingface.co, or name a mirror in full")
    };
    if address.contains(['@', '?', '#']) {
        // without the address: it may hold a password
        let detail = "HF_ENDPOINT holds more than an address (a name or password, ? or #)";
        return Err(wrong(detail.to_owned()));
    }
    Origin::of(address)
        .ok_or_else(|| wrong(format!("HF_ENDPOINT = {address:?} is not an http or https address")))
}

/// Where a redirect from `base` to `location` leads.
///
/// # Errors
/// [`ErrorKind::Network`] for a place that is no address, or a step down from https to http.
pub(super) fn follow(base: &str, location: &str) -> Result<String> {
    let wrong = || {
        let detail = format!("{base} redirects to {location:?}, which is no address to follow");
        Error::new(ErrorKind::Network, detail)
    };
    let from = Origin::of(base).ok_or_else(wrong)?;
    let target = match location.strip_prefix('/') {
        Some(rest) if rest.starts_with('/') => format!("{}:{location}", from.scheme),
        Some(_) => {
            let uri: Uri = base.parse().map_err(|_| wrong())?;
            let authority = uri.authority().ok_or_else(wrong)?;
            format!("{}://{}{location}", from.scheme, authority)
        }
        None => location.to_owned(),
    };
    let to = Origin::of(&target).ok_or_else(wrong)?;
    if from.is_secure() && !to.is_secure() { Err(wrong()) } else { Ok(target) }
}

/// The text as a part of a path: what is not plainly allowed is escaped, slashes too unless kept.
pub(super) fn escape(text: &str, slash: Slash) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            b'/' if slash == Slash::Kept => escaped.push('/'),
            _ => write!(escaped, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    escaped
}

/// What becomes of slashes in [`escape`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slash {
    Kept,
    Escaped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_browsers_go() {
        let base = "https://hub.example:444/a/b?c";
        let cases = [
            ("/x/y?z", "https://hub.example:444/x/y?z"),
            ("//cdn.example/x", "https://cdn.example/x"),
            ("https://cdn.example/x?sig=1", "https://cdn.example/x?sig=1"),
        ];
        for (location, expected) in cases {
            assert_eq!(follow(base, location).expect(location), expected);
        }
        for location in [
            "",
            "x",
            "ftp://a/b",
            "http://cdn.example/x",
            "https://",
            "file:///etc/passwd",
            "/\u{7f}",
        ] {
            assert!(follow(base, location).is_err(), "{location:?}");
        }
        assert!(follow("http://a/b", "http://c/d").is_ok());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let hub = Origin::of("https://Hub.example/a").expect("an address");
        assert_eq!(Origin::of("https://hub.example:443/b"), Some(hub.clone()));
        for other in ["http://hub.example", "https://hub.example:444", "https://hub.example.evil"] {
            assert_ne!(Origin::of(other), Some(hub.clone()), "{other}");
        }
        assert_eq!(Origin::of("https://user@hub.example/"), Some(hub), "a name is no host");
    }

    #[test]
    fn the_hub_is_an_address_and_nothing_more() {
        assert!(endpoint("https://huggingface.co").is_ok());
        assert!(endpoint("http://127.0.0.1:8000/hub").is_ok());
        for address in
            ["", "huggingface.co", "ftp://x", "https://x?y", "https://a:b@x", "https://x#y"]
        {
            assert!(endpoint(address).is_err(), "{address}");
        }
        for secret in ["https://ada:hf_secret@hub", "ada:hf_secret@hub", "https://hub?t=hf_secret"]
        {
            let told = endpoint(secret).expect_err("more than an address").to_string();
            let expected = "HF_ENDPOINT holds more than an address (a name or password, ? or #)";
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn escapes_are_those_of_paths() {
        assert_eq!(escape("refs/pr/1", Slash::Escaped), "refs%2Fpr%2F1");
        assert_eq!(escape("a b/ö?#%.gguf", Slash::Kept), "a%20b/%C3%B6%3F%23%25.gguf");
    }
}
