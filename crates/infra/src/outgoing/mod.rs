//! The one HTTP client for addresses that somebody configured: model servers, webhooks, channels.
//!
//! Whoever configures an address must not reach the network behind us with it. So names are resolved once, here, and the connection goes
//! to the address that was checked; redirects and proxies of the environment are not followed. Sizes and times are the caller's to limit.

mod address;
mod allowed;
mod remote_file;
mod resolver;

use address::is_public;
use allowed::Allowed;
pub use remote_file::GuardedRemoteFiles;
use reqwest::{Client, Method, RequestBuilder, Url, redirect, retry};
use resolver::{GuardedResolver, PrivateAddress};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long an idle connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(20);
/// The most clients kept; each has its own time for connections.
const MOST_CLIENTS: usize = 16;

/// Why an address is not called. The words name no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// It is private, or not http(s).
    #[error("the address is not allowed: it is private, or not http(s)")]
    Forbidden,
    /// There is no client: the machine's certificates cannot be read.
    #[error("no HTTP client can be made: the machine's certificates cannot be read")]
    Setup,
    /// An exception that is no host.
    #[error("an exception of the guarded client must be a host, or host:port")]
    Exception,
}

/// Whose word an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The operator's own: it may be private.
    Operator,
    /// Somebody's settings: it must be public, or among the operator's exceptions.
    Settings,
}

/// Calls configured addresses, and only those that may be called.
pub struct GuardedClient {
    exceptions: Vec<Allowed>,
    /// reqwest knows the time for a connection, and who resolves names, for a whole client only.
    /// Made when they are needed: reading the machine's certificates takes longer than the rest of a start.
    clients: Mutex<HashMap<(Trust, Duration), Client>>,
}

impl GuardedClient {
    /// A client with the operator's exceptions: hosts, or `host:port`, that may be private.
    ///
    /// # Errors
    /// When an exception is no host.
    pub fn new(exceptions: &[String]) -> Result<Self, OutgoingError> {
        // The process may have installed it before; there is no other.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            exceptions: exceptions.iter().map(|entry| Allowed::parse(entry)).collect::<Result<_, _>>()?,
            clients: Mutex::default(),
        })
    }

    /// A request to an address, with that much time for the connection.
    ///
    /// # Errors
    /// When the address must not be called. A name that leads to a private address is only found while sending: ask [`is_forbidden`].
    pub fn request(&self, method: Method, url: Url, trust: Trust, connect: Duration) -> Result<RequestBuilder, OutgoingError> {
        let trust = self.trust(&url, trust)?;
        Ok(self.client(trust, connect)?.request(method, url))
    }

    fn trust(&self, url: &Url, trust: Trust) -> Result<Trust, OutgoingError> {
        let host = match url.scheme() {
            "http" | "https" => url.host_str().ok_or(OutgoingError::Forbidden)?,
            _ => return Err(OutgoingError::Forbidden),
        };
        if trust == Trust::Operator || self.exceptions.iter().any(|exception| exception.fits(url)) {
            return Ok(Trust::Operator);
        }
        // An address in place of a name never meets the resolver.
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) if !is_public(address) => Err(OutgoingError::Forbidden),
            _ => Ok(Trust::Settings),
        }
    }

    fn client(&self, trust: Trust, connect: Duration) -> Result<Client, OutgoingError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&(trust, connect)) {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("Parlor/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            // A server that closes an idle connection just when a request goes out leaves it unknown whether it came: better a new one.
            .pool_idle_timeout(IDLE)
            .connect_timeout(connect);
        if trust == Trust::Settings {
            builder = builder.dns_resolver(GuardedResolver);
        }
        let client = builder.build().map_err(|_| OutgoingError::Setup)?;
        if clients.len() >= MOST_CLIENTS {
            clients.clear();
        }
        clients.insert((trust, connect), client.clone());
        Ok(client)
    }
}

impl fmt::Debug for GuardedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedClient").finish_non_exhaustive()
    }
}

/// Whether a request failed because its name leads to a private address.
#[must_use]
pub fn is_forbidden(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<PrivateAddress>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const CONNECT: Duration = Duration::from_secs(5);

    fn may_call(exceptions: &[&str], url: &str, trust: Trust) -> bool {
        let exceptions: Vec<String> = exceptions.iter().map(|entry| (*entry).to_owned()).collect();
        let client = GuardedClient::new(&exceptions).unwrap();
        client.request(Method::POST, Url::parse(url).unwrap(), trust, CONNECT).is_ok()
    }

    #[test]
    fn private_addresses_are_refused_however_they_are_written() {
        for url in [
            "http://127.0.0.1/v1",
            "http://127.1/v1",
            "http://2130706433/v1",
            "http://0x7f.0.0.1/v1",
            "http://0177.0.0.1/v1",
            "https://10.0.0.1:8443/v1",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/v1",
            "http://[::ffff:10.0.0.1]/v1",
            "http://[fd00::1]/v1",
            "http://[64:ff9b::7f00:1]/v1",
        ] {
            assert!(!may_call(&[], url, Trust::Settings), "{url}");
            assert!(may_call(&[], url, Trust::Operator), "{url}");
        }
        assert!(may_call(&[], "http://93.184.215.14/v1", Trust::Settings));
        assert!(may_call(&[], "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/v1", Trust::Settings));
    }

    #[test]
    fn other_schemes_are_refused_also_to_the_operator() {
        for url in [
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "data:text/plain,x",
            "unix:/run/x.sock",
        ] {
            assert!(!may_call(&["example.com"], url, Trust::Settings), "{url}");
            assert!(!may_call(&["example.com"], url, Trust::Operator), "{url}");
        }
    }

    #[test]
    fn exceptions_open_their_host_or_their_port_only() {
        let exceptions = ["10.0.0.7", "192.168.1.2:8080", "[fd00::7]:80", "fd00::8"];
        for (url, allowed) in [
            ("http://10.0.0.7/v1", true),
            ("https://10.0.0.7:9999/v1", true),
            ("http://10.0.0.8/v1", false),
            ("http://192.168.1.2:8080/v1", true),
            ("http://192.168.1.2/v1", false),
            ("http://[fd00::7]/v1", true),
            ("https://[fd00::7]/v1", false),
            ("https://[fd00:0::8]/v1", true),
        ] {
            assert_eq!(may_call(&exceptions, url, Trust::Settings), allowed, "{url}");
        }
    }

    #[test]
    fn an_exception_must_be_a_host() {
        for entry in [
            "",
            " ",
            "http://example.com",
            "example.com/path",
            "example.com:port",
            "10.0.0.0/8",
            "user@example.com",
            "a b",
        ] {
            assert_eq!(GuardedClient::new(&[entry.to_owned()]).unwrap_err(), OutgoingError::Exception, "{entry:?}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_refused_before_the_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = Url::parse(&format!("http://localhost:{port}/")).unwrap();
        let client = GuardedClient::new(&[]).unwrap();
        let request = client.request(Method::GET, url, Trust::Settings, CONNECT).unwrap();
        assert!(is_forbidden(&request.send().await.unwrap_err()));
        let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(nobody.is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn a_name_among_the_exceptions_may_be_private_and_a_refused_connection_is_not_a_forbidden_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let client = GuardedClient::new(&["LocalHost".to_owned()]).unwrap();
        let url = Url::parse(&format!("http://localhost:{port}/")).unwrap();
        let request = client.request(Method::GET, url, Trust::Settings, CONNECT).unwrap();
        let error = request.send().await.unwrap_err();
        assert!(error.is_connect() && !is_forbidden(&error));
    }

    #[test]
    fn many_times_for_connections_do_not_pile_up_clients() {
        let client = GuardedClient::new(&[]).unwrap();
        for seconds in 1..=40 {
            client.client(Trust::Settings, Duration::from_secs(seconds)).unwrap();
        }
        assert!(client.clients.lock().unwrap().len() <= MOST_CLIENTS);
    }
}
