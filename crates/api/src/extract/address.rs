use crate::network::Network;
use crate::problem::Problem;
use crate::state::AppState;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

/// The address that a request came from. Forwarding headers are believed from configured proxies only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// What limits count by: the address, of IPv6 the first 64 bits, since one customer line has all that begin so (RFC 6177).
    #[must_use]
    pub fn network(&self) -> IpAddr {
        match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(address) => IpAddr::V6(std::net::Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        }
    }

    /// Looks behind the trusted proxies: the right-most address in `X-Forwarded-For` that is not one of them.
    #[must_use]
    pub fn of(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(address));
        let mut address = canonical(peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        let hops = headers
            .get_all(header::X_FORWARDED_FOR)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect::<Vec<_>>();
        for hop in hops.into_iter().rev() {
            if !is_trusted(address) {
                break;
            }
            let Some(next) = parse(hop.trim()) else { break };
            address = canonical(next);
        }
        Self(address)
    }
}

/// An address with or without a port, as proxies write it.
fn parse(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
}

fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let trusted = request
            .app_data::<web::Data<AppState>>()
            .map(|state| state.settings.trusted_proxies.clone())
            .unwrap_or_default();
        ready(Ok(Self::of(request.peer_addr().map(|peer| peer.ip()), request.headers(), &trusted)))
    }
}

/// The `Origin` of a request, if it has a readable one.
#[must_use]
pub fn request_origin(request: &HttpRequest) -> Option<&str> {
    request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn seen(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::X_FORWARDED_FOR, HeaderValue::from_str(forwarded).unwrap());
        let trusted: Vec<Network> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        ClientAddress::of(peer.parse().ok(), &headers, &trusted).0.to_string()
    }

    #[test]
    fn limits_count_lines_and_not_addresses() {
        let network = |text: &str| ClientAddress(text.parse().unwrap()).network().to_string();
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::"));
    }

    #[test]
    fn forwarding_headers_are_believed_from_configured_proxies_only() {
        assert_eq!(seen("192.0.2.1", "203.0.113.9", &[]), "192.0.2.1");
        assert_eq!(seen("192.0.2.1", "203.0.113.9", &["192.0.2.0/24"]), "203.0.113.9");
        assert_eq!(
            seen("192.0.2.1", "198.51.100.7, 203.0.113.9", &["192.0.2.0/24"]),
            "203.0.113.9",
            "what the client wrote itself is not believed"
        );
        assert_eq!(seen("192.0.2.1", "203.0.113.9, 192.0.2.7", &["192.0.2.0/24"]), "203.0.113.9");
        assert_eq!(seen("192.0.2.1", "nonsense", &["192.0.2.0/24"]), "192.0.2.1");
        assert_eq!(seen("::ffff:192.0.2.1", "203.0.113.9:4711", &["192.0.2.1/32"]), "203.0.113.9");
    }
}
