//! Straight from the Python package index, for machines without uv and pip.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::super::Progress;
use super::super::pins::Wheel;
use super::Delivery;

/// PyPI's "simple" index (PEP 691).
pub(super) const INDEX: &str = "https://pypi.org/simple";
const SIMPLE_JSON: &str = "application/vnd.pypi.simple.v1+json";
/// A project's listing is about 1 MB; more than this is not one.
const LISTING_BYTES_MAX: u64 = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Silence of this length ends a download.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
const REPORT_EVERY_BYTES: u64 = 1 << 20;

#[derive(Deserialize)]
struct Listing {
    files: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    filename: String,
    url: String,
}

pub(super) fn download(
    index: &str,
    wheel: &Wheel,
    into: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Delivery, String> {
    let agent = agent()?;
    let url = address(&agent, index, wheel)?;
    let reply = agent.get(&url).call().map_err(|e| format!("{url}: {e}"))?;
    let path = into.join(&wheel.file);
    let of_file = |e: io::Error| format!("writing {}: {e}", path.display());
    let file = File::create(&path).map_err(of_file)?;
    let mut counted = Counted { file, bytes: 0, reported: 0, total: wheel.bytes, progress };
    let mut body = reply.into_body().into_reader().take(wheel.bytes + 1);
    io::copy(&mut body, &mut counted).map_err(of_file)?;
    Ok(Delivery::Wheel(path))
}

/// Where the index keeps the wheel.
fn address(agent: &Agent, index: &str, wheel: &Wheel) -> Result<String, String> {
    let url = format!("{index}/{}/", wheel.project);
    let reply = agent.get(&url).header("Accept", SIMPLE_JSON).call();
    let text = reply
        .and_then(|mut reply| {
            reply.body_mut().with_config().limit(LISTING_BYTES_MAX).read_to_string()
        })
        .map_err(|e| format!("{url}: {e}"))?;
    let listing: Listing = serde_json::from_str(&text).map_err(|e| format!("{url}: {e}"))?;
    let entry = listing.files.into_iter().find(|entry| entry.filename == wheel.file);
    entry.map(|entry| entry.url).ok_or_else(|| format!("{url} does not list {}", wheel.file))
}

/// Proxies come from the usual variables, and so do certificates of networks that have their own.
fn agent() -> Result<Agent, String> {
    let mut config = Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(READ_TIMEOUT))
        .timeout_per_read(Some(READ_TIMEOUT));
    if let Some(path) = std::env::var_os("SSL_CERT_FILE") {
        let pem = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let roots: Vec<Certificate<'static>> = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        let tls = TlsConfig::builder().root_certs(RootCerts::from(roots)).build();
        config = config.tls_config(tls);
    }
    Ok(config.build().into())
}

/// Writes a file and says how far it is.
struct Counted<'a> {
    file: File,
    bytes: u64,
    reported: u64,
    total: u64,
    progress: &'a mut dyn FnMut(Progress<'_>),
}

impl Write for Counted<'_> {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let n = self.file.write(part)?;
        self.bytes += n as u64;
        if self.bytes == self.total || self.bytes - self.reported >= REPORT_EVERY_BYTES {
            self.reported = self.bytes;
            (self.progress)(Progress::Received { bytes: self.bytes, total: self.total });
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
