//! The service `test-postgres` of docker-compose.yml, under its own project name, so that nobody's running Parlor is touched.

use crate::{
    keeper::Keeper,
    process::{free_port, run, succeeds},
};
use anyhow::Result;
use std::process::Command;

const COMPOSE: [&str; 6] = ["docker", "compose", "--project-name", "parlor-test", "--profile", "test"];

pub struct Compose {
    url: String,
    _keeper: Keeper,
}

/// A client alone is not enough: there must be an engine that answers it.
pub fn engine_answers() -> bool {
    succeeds(Command::new("docker").arg("info")) && succeeds(Command::new("docker").args(["compose", "version"]))
}

impl Compose {
    pub fn start() -> Result<Self> {
        let port = free_port()?.to_string();
        // Compose wants every variable of the file, also of services that do not start.
        let environment = [
            ("PARLOR_TEST_POSTGRES_PORT", port.as_str()),
            ("PARLOR_SECRET_KEY", "unused"),
            ("POSTGRES_PASSWORD", "unused"),
        ];
        let [docker, options @ ..] = COMPOSE;
        let down: Vec<&str> = COMPOSE.into_iter().chain(["down", "--volumes"]).collect();
        let keeper = Keeper::afterwards(&down, |shell| {
            shell.envs(environment);
        })?;
        run(Command::new(docker)
            .args(options)
            .args(["up", "--detach", "--wait", "test-postgres"])
            .envs(environment))?;
        println!("Postgres: a container on 127.0.0.1:{port}");
        Ok(Self {
            url: format!("postgres://parlor:parlor@127.0.0.1:{port}/postgres"),
            _keeper: keeper,
        })
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}
