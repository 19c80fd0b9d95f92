//! Requests to the hub: who gets the token, where redirects lead, what is worth another try.

use std::fs;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy};

use super::address::{self, Origin};
use super::refusal::{self, Asked};
use crate::hub::{Certificates, Environment, Token};
use crate::{Error, ErrorKind, Result};

/// Redirects followed, one after the other.
const LONGEST_WAY: usize = 8;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(20);
/// How long a server may think, and how long it may say nothing in the middle of a file.
const SILENCE: Duration = Duration::from_mins(1);

/// Why an answer did not come.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may come if asked again.
    Passing(Error),
    /// It may come if asked again after this pause, says the server.
    Later(Error, Duration),
    /// It will not.
    Lasting(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Lasting(error)
    }
}

/// What a try comes to.
pub(super) type Attempt<T> = std::result::Result<T, Trouble>;

/// What an answer's headers say of a file.
#[derive(Debug, Default, Clone)]
pub(super) struct Facts {
    pub(super) etag: Option<String>,
    pub(super) n_bytes: Option<u64>,
}

/// What is asked for, and how.
#[derive(Debug, Clone, Copy)]
pub(super) enum Method {
    /// The headers.
    Head,
    /// The bytes, from this one on.
    Get { from: u64 },
}

/// An answer with status 200 or 206, or 416 where a part was asked for.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response<Body>,
    pub(super) facts: Facts,
}

/// A connection to one hub.
#[derive(Debug)]
pub(super) struct Http {
    agent: Agent,
    endpoint: String,
    origin: Origin,
    token: Option<Token>,
}

impl Http {
    /// # Errors
    /// [`ErrorKind::Parameter`] for an address, proxy or token that is none; [`ErrorKind::Io`] for
    /// certificates or a token that cannot be read.
    pub(super) fn new(environment: &Environment) -> Result<Self> {
        let origin = address::endpoint(&environment.endpoint)?;
        let mut tls = TlsConfig::builder();
        if let Some(file) = &environment.certificates {
            tls = tls.root_certs(certificates(file)?);
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0) // followed here, so that the token stays with the hub
            .proxy(proxy(environment)?)
            .tls_config(tls.build())
            .user_agent(concat!("kelvin/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity") // checksums are of the bytes themselves
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .build();
        let token = environment.token()?;
        Ok(Self { agent: agent.new_agent(), endpoint: environment.endpoint.clone(), origin, token })
    }

    /// The hub's address.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The token that the hub is sent.
    pub(super) fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Asks the hub for a path below its address, and follows where it sends us.
    pub(super) fn ask(&self, path: &str, method: Method, asked: &Asked<'_>) -> Attempt<Answer> {
        let mut place = format!("{}{path}", self.endpoint);
        let mut facts = Facts::default();
        for _ in 0..LONGEST_WAY {
            let at_home = Origin::of(&place).as_ref() == Some(&self.origin);
            let response =
                self.send(&place, method, at_home).map_err(|error| Self::lost(error, &place))?;
            let status = response.status().as_u16();
            facts.learn(response.headers(), matches!(status, 200));
            match status {
                200 | 206 => return Ok(Answer { response, facts }),
                416 if matches!(method, Method::Get { from: 1.. }) => {
                    return Ok(Answer { response, facts });
                }
                301 | 302 | 303 | 307 | 308 => {
                    let location = text(response.headers(), header::LOCATION.as_str());
                    place = address::follow(&place, location.unwrap_or_default())?;
                    let leaves = Origin::of(&place).as_ref() != Some(&self.origin);
                    // another host's links are signed for GET alone; the hub has said what matters
                    if leaves && matches!(method, Method::Head) && facts.etag.is_some() {
                        return Ok(Answer { response, facts });
                    }
                }
                _ if at_home => {
                    return Err(refusal::of(status, response.headers(), self, asked));
                }
                _ => return Err(refusal::elsewhere(status, response.headers(), &place, asked)),
            }
        }
        let detail = format!("{} redirects more than {LONGEST_WAY} times", self.origin);
        Err(Error::new(ErrorKind::Network, detail).into())
    }

    fn send(
        &self,
        place: &str,
        method: Method,
        at_home: bool,
    ) -> std::result::Result<Response<Body>, ureq::Error> {
        let mut request = match method {
            Method::Head => self.agent.head(place),
            Method::Get { .. } => self.agent.get(place),
        };
        if let Some(token) = self.token.as_ref().filter(|_| at_home) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.secret()));
        }
        if let Method::Get { from: from @ 1.. } = method {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        request.call()
    }

    /// A request that got no answer.
    fn lost(error: ureq::Error, place: &str) -> Trouble {
        use ureq::Error::{BadUri, Http, Protocol, Rustls, Tls};
        let host = host(place);
        let (what, hint) = match error {
            Rustls(_) | Tls(_) => (
                "cannot show that it is who it says",
                "behind a proxy that signs for others, SSL_CERT_FILE names its certificate",
            ),
            Protocol(_) => {
                ("does not answer as a web server does", "check HF_ENDPOINT and the proxy")
            }
            _ => (
                "cannot be reached",
                "check the network, HTTPS_PROXY and HF_ENDPOINT; what is cached works without",
            ),
        };
        let lasting = matches!(error, Rustls(_) | Tls(_) | BadUri(_) | Http(_));
        let told =
            Error::new(ErrorKind::Network, format!("{host} {what}")).hint(hint).caused_by(error);
        if lasting { Trouble::Lasting(told) } else { Trouble::Passing(told) }
    }
}

impl Facts {
    /// Keeps what the first answer that knows says; a tag of its own counts only with the file.
    fn learn(&mut self, headers: &HeaderMap, is_file: bool) {
        let linked = text(headers, "x-linked-etag");
        let own = text(headers, header::ETAG.as_str()).filter(|_| is_file);
        let length = text(headers, header::CONTENT_LENGTH.as_str()).filter(|_| is_file);
        let n_bytes = text(headers, "x-linked-size").or(length);
        self.etag = self.etag.take().or(linked.or(own).map(str::to_owned));
        self.n_bytes = self.n_bytes.or(n_bytes.and_then(|n| n.parse().ok()));
    }
}

/// Whom an address leads to, as people are told.
pub(super) fn host(place: &str) -> String {
    Origin::of(place).map_or_else(|| place.to_owned(), |origin| origin.to_string())
}

/// A header's value, where it is one and text.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn certificates(file: &Certificates) -> Result<RootCerts> {
    let Certificates { variable, path } = file;
    let pem = fs::read(path).map_err(|error| {
        let detail = format!("the certificates that {variable} names cannot be read");
        Error::new(ErrorKind::Io, detail).in_file(path).caused_by(error)
    })?;
    let found: Vec<Certificate<'static>> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        let detail = format!("the file that {variable} names holds no certificate");
        return Err(Error::new(ErrorKind::Parameter, detail).in_file(path));
    }
    Ok(found.into())
}

fn proxy(environment: &Environment) -> Result<Option<Proxy>> {
    let Some(address) = &environment.proxy else { return Ok(None) };
    let wrong = |error: ureq::Error| {
        // without the address: it may hold a password
        let detail = "the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names is no address";
        Error::new(ErrorKind::Parameter, detail).caused_by(error)
    };
    let parsed = Proxy::new(address).map_err(wrong)?;
    let mut builder = Proxy::builder(parsed.protocol()).host(parsed.host()).port(parsed.port());
    if let Some(name) = parsed.username() {
        builder = builder.username(name);
    }
    if let Some(password) = parsed.password() {
        builder = builder.password(password);
    }
    for host in environment.no_proxy.iter().flat_map(|hosts| hosts.split(',')).map(str::trim) {
        // a name stands for the hosts below it too
        builder = builder.no_proxy(host).no_proxy(&format!(".{host}"));
    }
    builder.build().map(Some).map_err(wrong)
}
