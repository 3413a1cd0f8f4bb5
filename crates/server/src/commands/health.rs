use crate::config::Config;
use anyhow::{Context, bail};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Asks the server of this configuration whether it is ready, over loopback where it listens on all addresses.
pub async fn check(config: &Config) -> anyhow::Result<()> {
    let listen: SocketAddr = config
        .listen
        .trim()
        .parse()
        .context("PARLOR_LISTEN must be an address and port such as 0.0.0.0:8080")?;
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, listen.port());
    let status = tokio::time::timeout(Duration::from_secs(3), ask(address))
        .await
        .with_context(|| format!("{address} does not answer within 3 s"))??;
    if status == 200 {
        Ok(())
    } else {
        bail!("{address} answers {status}: not ready")
    }
}

/// One plain request; a client library would be larger than the rest of the command.
async fn ask(address: SocketAddr) -> anyhow::Result<u16> {
    let mut socket = TcpStream::connect(address).await.with_context(|| format!("nothing listens on {address}"))?;
    socket
        .write_all(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await?;
    let mut head = Vec::new();
    socket.take(64).read_to_end(&mut head).await?;
    let head = String::from_utf8_lossy(&head);
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("the answer is not HTTP")
}
