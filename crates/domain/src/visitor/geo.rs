use std::net::IpAddr;

/// Where on earth an address is, in English; each part as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The country.
    pub country: Option<String>,
    /// The largest part of the country that it is in.
    pub region: Option<String>,
    /// The city.
    pub city: Option<String>,
}

/// Tells where addresses are.
pub trait GeoLocator: Send + Sync {
    /// The place of an address; `None` if it is not known.
    fn locate(&self, ip: IpAddr) -> Option<Place>;
}

/// Knows no place: the operator gave no location database.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPlaces;

impl GeoLocator for NoPlaces {
    fn locate(&self, _ip: IpAddr) -> Option<Place> {
        None
    }
}
