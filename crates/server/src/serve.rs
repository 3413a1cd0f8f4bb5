//! Serving: from settings to a running server and back.

use crate::config::Settings;
use crate::report::{start_report, whatsapp_lines};
use crate::storage::{Storage, open_to_serve};
use crate::wiring::{Wired, World, wire};
use crate::worker::Workers;
use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use parlor_api::app::application;
use parlor_api::state::RenderMetrics;
use parlor_domain::store::Store;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// After SIGTERM: how long sockets may take to say goodbye, and then running requests to finish. Together ten seconds, as
/// long as containers are given.
const SOCKETS: Duration = Duration::from_secs(5);
const REQUESTS: Duration = Duration::from_secs(4);
const CLOSING: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// The start failed, with what to do about it.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let Storage { store, secret, lock } = open_to_serve(&settings).await?;
    if store.is_sqlite() {
        // Nobody else can be working on what this file holds.
        let work = store.begin().await?;
        work.jobs().free_all().await?;
        work.commit().await?;
    }
    let metrics = (settings.metrics_listen.is_some() || settings.metrics_token.is_some())
        .then(collect_metrics)
        .transpose()?;
    let wired = wire(&settings, store, &secret, World::real(), metrics.clone())?;
    let listener = TcpListener::bind(settings.listen).with_context(|| {
        format!(
            "cannot listen on {}; stop what listens there, or choose another address with PARLOR_LISTEN",
            settings.listen
        )
    })?;
    let running = Running::start(wired, listener, None).await?;
    let metrics_server = match (settings.metrics_listen, metrics) {
        (Some(address), Some(render)) => Some(serve_metrics(address, render)?),
        _ => None,
    };
    let owner_link = first_owner_link(&settings, &running).await?;
    let state = &running.wired.state;
    let channels: Vec<_> = state
        .channels
        .all()
        .await?
        .iter()
        .map(|channel| format!("{} ({})", channel.name, channel.id))
        .collect();
    let numbers = whatsapp_lines(state.whatsapp.numbers()).await?;
    let report = start_report(&settings, state, running.address, &channels, &numbers, owner_link.as_deref());
    let mut out = std::io::stderr();
    let _ = out.write_all(report.as_bytes());
    stop_signal().await;
    tracing::info!("stopping: sockets are told, running requests finish");
    if let Some(server) = metrics_server {
        server.stop(false).await;
    }
    running.stop().await;
    drop(lock);
    Ok(())
}

async fn first_owner_link(settings: &Settings, running: &Running) -> anyhow::Result<Option<String>> {
    let state = &running.wired.state;
    let workspaces = state.workspaces.list().await?;
    let Some(first) = workspaces.first() else { return Ok(None) };
    let token = state.auth.first_owner_link(first.id).await?;
    Ok(token.map(|token| format!("{}/setup?token={token}", settings.public_url)))
}

/// A running server.
pub struct Running {
    /// The application.
    pub wired: Wired,
    /// Where it listens.
    pub address: SocketAddr,
    handle: ServerHandle,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
    workers: Workers,
}

impl Running {
    /// Starts the workers, then listens. `threads` is for tests; without it one worker for each core.
    ///
    /// # Errors
    /// The server cannot be made.
    pub async fn start(wired: Wired, listener: TcpListener, threads: Option<usize>) -> anyhow::Result<Self> {
        wired.state.workspaces.ensure_default().await?;
        if let Some(first) = wired.state.workspaces.list().await?.first()
            && wired.state.whatsapp.numbers().ensure_the_operators(first.id).await?
        {
            tracing::info!("made a channel for the WhatsApp number of the environment");
        }
        wired.state.origins.refresh(&wired.state.channels).await?;
        let address = listener.local_addr()?;
        let workers = Workers::start(&wired);
        let state = wired.state.clone();
        let server = HttpServer::new(move || application(state.clone(), parlor_web::routes)).on_connect(parlor_api::ws::remember_socket);
        let server = match threads {
            Some(threads) => server.workers(threads),
            None => server,
        };
        // A push right after an answered frame must not wait for the peer's acknowledgement; a client that gives up must be noticed.
        let server = server
            .tcp_nodelay(true)
            .h1_allow_half_closed(false)
            .shutdown_timeout(REQUESTS.as_secs())
            .disable_signals()
            .listen(listener)?
            .run();
        let handle = server.handle();
        Ok(Self {
            wired,
            address,
            handle,
            served: tokio::spawn(server),
            workers,
        })
    }

    /// Tells the sockets, lets running requests finish, and closes the database.
    pub async fn stop(self) {
        self.wired.state.assistant.live().close();
        let closing = self.wired.state.hub.close_all();
        let _ = tokio::time::timeout(SOCKETS, closing).await;
        let _ = tokio::time::timeout(REQUESTS, self.handle.stop(true)).await;
        let _ = self.served.await;
        self.workers.stop().await;
        match tokio::time::timeout(CLOSING, self.wired.store.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the database could not be closed"),
            Err(_) => tracing::warn!("the database did not close in time; what was committed is kept"),
        }
    }
}

/// Collects metrics in this process from now on; all servers in it share them.
fn collect_metrics() -> anyhow::Result<RenderMetrics> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if HANDLE.get().is_none() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).context("metrics are collected already")?;
        let upkeep = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                upkeep.run_upkeep();
            }
        });
        let _ = HANDLE.set(handle);
    }
    let handle = HANDLE.get().context("metrics are being set up by another server in this process")?.clone();
    Ok(Arc::new(move || handle.render()))
}

/// A listener of its own for scrapers, reachable from inside only.
fn serve_metrics(address: SocketAddr, render: RenderMetrics) -> anyhow::Result<ServerHandle> {
    let server = HttpServer::new(move || {
        let render = render.clone();
        let answer = move || {
            let render = render.clone();
            async move { HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(render()) }
        };
        App::new().route("/metrics", web::get().to(answer))
    });
    let server = server
        .workers(1)
        .disable_signals()
        .bind(address)
        .with_context(|| format!("cannot listen on {address}; choose another address with PARLOR_METRICS_LISTEN"))?
        .run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(handle)
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn stop_signal() {
    let _ = tokio::signal::ctrl_c().await;
}
