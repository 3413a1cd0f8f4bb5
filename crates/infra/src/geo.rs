//! Places of addresses, from a database file in MaxMind's format that the operator supplies.

use maxminddb::{Reader, geoip2};
use parlor_domain::visitor::{GeoLocator, Place};
use std::net::IpAddr;
use std::path::Path;

/// Why a location database cannot be used. The words are shown to the operator.
#[derive(Debug, thiserror::Error)]
pub enum InvalidGeoDatabase {
    /// There is no such file, or it may not be read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// It is something else, or was cut short.
    #[error("is no MaxMind database, or only a part of one")]
    Broken,
    /// It tells something else of addresses.
    #[error("is a database of type {0}, which has no places")]
    NoPlaces(String),
}

/// A file with the layout of GeoLite2-City, held in memory. One with countries only will do.
pub struct MaxMindPlaces {
    reader: Reader<Vec<u8>>,
}

impl MaxMindPlaces {
    /// Reads the file, and looks whether it has places.
    ///
    /// # Errors
    /// What [`InvalidGeoDatabase`] says.
    pub fn open(path: &Path) -> Result<Self, InvalidGeoDatabase> {
        let bytes = std::fs::read(path).map_err(InvalidGeoDatabase::Unreadable)?;
        let reader = Reader::from_source(bytes).map_err(|_| InvalidGeoDatabase::Broken)?;
        let kind = reader.metadata().database_type.as_str();
        if !["City", "Country", "Enterprise"].iter().any(|word| kind.contains(word)) {
            return Err(InvalidGeoDatabase::NoPlaces(kind.to_owned()));
        }
        Ok(Self { reader })
    }
}

impl GeoLocator for MaxMindPlaces {
    fn locate(&self, ip: IpAddr) -> Option<Place> {
        let found = self.reader.lookup(ip).and_then(|found| found.decode::<geoip2::City<'_>>());
        let record = found
            .inspect_err(|error| tracing::warn!(%error, "the location database has a record that cannot be read"))
            .ok()??;
        let english = |names: &geoip2::Names<'_>| names.english.map(str::to_owned);
        let place = Place {
            country: english(&record.country.names),
            region: record.subdivisions.first().and_then(|part| english(&part.names)),
            city: english(&record.city.names),
        };
        (place != Place::default()).then_some(place)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::testing::a_geo_database;

    fn opened(kind: &str) -> Result<MaxMindPlaces, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("places.mmdb");
        std::fs::write(&path, a_geo_database(kind)).unwrap();
        MaxMindPlaces::open(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_have_places_as_far_as_the_file_knows() {
        let places = opened("GeoLite2-City").unwrap();
        let place = places.locate("203.0.113.9".parse().unwrap()).unwrap();
        assert_eq!(
            place,
            Place {
                country: Some("Austria".to_owned()),
                region: Some("Lower Austria".to_owned()),
                city: Some("Melk".to_owned()),
            }
        );
        for unknown in ["127.0.0.1", "10.0.0.1", "2001:db8::1", "::1"] {
            assert_eq!(places.locate(unknown.parse().unwrap()), None, "{unknown}");
        }
    }

    #[test]
    fn a_file_without_places_is_refused_with_the_reason() {
        assert_eq!(opened("GeoLite2-ASN").err().unwrap(), "is a database of type GeoLite2-ASN, which has no places");
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| MaxMindPlaces::open(path).err().unwrap().to_string();
        let path = folder.path().join("places.mmdb");
        assert!(refused(&path).starts_with("cannot be read: "));
        let whole = a_geo_database("GeoLite2-City");
        for broken in [&b""[..], b"<html>", whole.split_at(40).0] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(refused(&path), "is no MaxMind database, or only a part of one");
        }
    }
}
