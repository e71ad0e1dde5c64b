//! A TCP connection to a server under load. TLS ends in a task beside it, which passes bytes on over this machine's loopback: so that
//! everything else reads and writes bare sockets. It costs the generator more, and `docs/load.md` says so.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::load::target::Address;

/// Connects.
pub async fn open(address: &Address) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
    stream.set_nodelay(true)?;
    if address.is_tls { through_tls(stream, &address.host).await } else { Ok(stream) }
}

async fn through_tls(remote: TcpStream, host: &str) -> io::Result<TcpStream> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut remote = TlsConnector::from(config()?).connect(name, remote).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    let (mut far, from) = listener.accept().await?;
    if from != near.local_addr()? {
        return Err(io::Error::other("somebody else connected to what is between TLS and the load tester"));
    }
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    tokio::spawn(async move { tokio::io::copy_bidirectional(&mut far, &mut remote).await });
    Ok(near)
}

/// What is trusted is what this machine trusts.
fn config() -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}
