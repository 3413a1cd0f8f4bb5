//! The operator's exceptions.

use super::OutgoingError;
use reqwest::Url;
use std::net::Ipv6Addr;

/// A host that may be private, at one port or at all.
pub(super) struct Allowed {
    host: String,
    port: Option<u16>,
}

impl Allowed {
    /// Reads `host` or `host:port`; an IPv6 address with a port is in brackets.
    pub(super) fn parse(entry: &str) -> Result<Self, OutgoingError> {
        let entry = entry.trim();
        let (host, port) = match entry.rsplit_once(':') {
            _ if entry.parse::<Ipv6Addr>().is_ok() => (format!("[{entry}]"), None),
            Some((host, port)) if !entry.ends_with(']') => (host.to_owned(), Some(port.parse().map_err(|_| OutgoingError::Exception)?)),
            _ => (entry.to_owned(), None),
        };
        if host.contains(['/', '\\', '?', '#', '@']) {
            return Err(OutgoingError::Exception);
        }
        // Written as the addresses that it is compared with.
        let url = Url::parse(&format!("http://{host}/")).map_err(|_| OutgoingError::Exception)?;
        match url.host_str() {
            Some(host) if url.port().is_none() => Ok(Self { host: host.to_owned(), port }),
            _ => Err(OutgoingError::Exception),
        }
    }

    /// Whether this is the host, and the port, of an address.
    pub(super) fn fits(&self, url: &Url) -> bool {
        url.host_str() == Some(self.host.as_str()) && self.port.is_none_or(|port| url.port_or_known_default() == Some(port))
    }
}
