//! A Postgres for the tests: given, private, in a container or from the distribution, in this order, and never none in silence.

mod compose;
mod debian;
mod installed;
mod private_server;

use anyhow::{Result, bail};
use compose::Compose;
use installed::Binaries;
use private_server::PrivateServer;
use std::env;

const HELP: &str = "\
no Postgres for the tests. One of these is enough:
  - PARLOR_TEST_POSTGRES_URL=postgres://user:password@host/postgres, of a server on which databases may be made
  - PostgreSQL 15 or newer installed (its server need not run); PARLOR_PG_BIN names its folder if it stands in an unusual place
  - a running Docker engine with `docker compose`
  - on Debian and Ubuntu: root or passwordless sudo, so that the package `postgresql` can be installed";

/// A server on which the tests make their databases; what was started for them ends with this value.
pub enum Postgres {
    Given(String),
    Private(PrivateServer),
    Compose(Compose),
}

impl Postgres {
    pub fn prepare() -> Result<Self> {
        if let Ok(url) = env::var("PARLOR_TEST_POSTGRES_URL")
            && !url.is_empty()
        {
            println!("Postgres: the one named by PARLOR_TEST_POSTGRES_URL");
            return Ok(Self::Given(url));
        }
        if let Some(binaries) = Binaries::find()? {
            return Ok(Self::Private(PrivateServer::start(&binaries)?));
        }
        if compose::engine_answers() {
            return Ok(Self::Compose(Compose::start()?));
        }
        if let Some(installer) = debian::Installer::find() {
            installer.install()?;
            if let Some(binaries) = Binaries::find()? {
                return Ok(Self::Private(PrivateServer::start(&binaries)?));
            }
        }
        bail!(HELP)
    }

    /// With the rights to make databases.
    pub fn url(&self) -> &str {
        match self {
            Self::Given(url) => url,
            Self::Private(server) => server.url(),
            Self::Compose(compose) => compose.url(),
        }
    }
}
