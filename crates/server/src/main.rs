//! `parlor`: a customer messaging server. `parlor` alone is `parlor serve`.

use parlor_server::commands;
use std::process::ExitCode;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    // Whatever opens TLS later finds the one crypto library.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match commands::run(std::env::args_os()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::complain(&error);
            ExitCode::FAILURE
        }
    }
}
