// SPDX-License-Identifier: MIT OR Apache-2.0
//! Encryption, and certificates of clients.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{
    CipherSuite, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
    version::{TLS12, TLS13},
};
use webpki::EndEntityCert;

use super::file;
use super::files::Files;
use crate::listen::Stream;

/// How connections are encrypted.
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    /// Names one of which the client's certificate must have.
    allowed: Option<Vec<String>>,
    /// What is not safe, and goes all the same.
    pub(super) warning: Option<String>,
}

impl Tls {
    /// Reads certificates and keys, and decides what is spoken. `None` when the file asks for no encryption.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or asks for what does not exist here or is not safe.
    pub(super) fn new(config: &file::Tls, files: &mut Files) -> Result<Option<Self>> {
        if *config == file::Tls::default() {
            return Ok(None);
        }
        let chain = pem(&config.cert_file, &config.cert, "cert", files)?;
        let key = pem(&config.key_file, &config.key.0, "key", files)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain)
            .collect::<Result<_, _>>()
            .context("the certificate is not in PEM")?;
        ensure!(
            !chain.is_empty(),
            "there is no certificate in cert_file or cert"
        );
        let key = PrivateKeyDer::from_pem_slice(&key).context(
            "there is no key in PEM, or it is encrypted with a password, in key_file or key",
        )?;

        let provider = Arc::new(provider(config)?);
        let clients = clients(config, &provider, files)?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(config)?)
            .context("nothing is left to speak")?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .context("the certificate and the key do not fit each other")?;
        server.ignore_client_order = config.prefer_server_cipher_suites.unwrap_or(true);
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Some(Self {
            acceptor: Arc::new(server).into(),
            allowed: allowed(config)?,
            warning: warning(&config.key_file, files),
        }))
    }

    /// Speaks with a client until both know each other. `None` when one does not trust the other.
    pub(super) async fn accept(&self, stream: Box<dyn Stream>) -> Option<Box<dyn Stream>> {
        let stream = self.acceptor.accept(stream).await.ok()?;
        let certificates = stream.get_ref().1.peer_certificates();
        let named = match &self.allowed {
            Some(allowed) => certificates
                .and_then(|chain| chain.first())
                .is_some_and(|certificate| has_one_of(certificate, allowed)),
            None => true,
        };
        named.then(|| Box::new(stream) as Box<dyn Stream>)
    }
}

/// What a file holds, or else the text that stands in its place.
fn pem(file: &str, text: &str, key: &str, files: &mut Files) -> Result<Vec<u8>> {
    match (file, text) {
        ("", "") => bail!("tls_server_config has neither {key}_file nor {key}"),
        ("", text) => Ok(text.as_bytes().to_vec()),
        // Not to be shown, since it is a key as likely as not.
        (pasted, _) if pasted.contains("-----BEGIN") || pasted.contains('\n') => bail!(
            "{key}_file has no path of a file but what is in one; write that as {key} instead"
        ),
        (file, _) => match files.read(file.as_ref()) {
            Ok(text) => Ok(text),
            Err(error) => {
                let shown = shown(file, key, files);
                Err(error).with_context(|| format!("cannot read the {key}_file {shown}"))
            }
        },
    }
}

/// That everybody may get at the key, unless its folder keeps them out.
fn warning(key_file: &str, files: &Files) -> Option<String> {
    // Without a path it stands in the configuration.
    let path = Some(key_file).filter(|path| !path.is_empty())?;
    let mode = files.open_to_all(path.as_ref())?;
    Some(format!(
        "the key_file {key_file} has the permissions {mode:04o}, open to everybody; chmod o= closes it"
    ))
}

/// Longest path that is shown where a key may have been pasted.
const SHOWN_BYTES: usize = 255;

/// A path for an error, unless it may be a key that was pasted without the lines around it.
fn shown<'a>(file: &'a str, key: &str, files: &Files) -> &'a str {
    match key != "key" || file.len() <= SHOWN_BYTES && files.has(file.as_ref()) {
        true => file,
        false => "(not shown, since nothing is seen there and it may be a key)",
    }
}

fn versions(config: &file::Tls) -> Result<Vec<&'static SupportedProtocolVersion>> {
    let number = |name: &Option<String>, default| match name.as_deref() {
        None => Ok(default),
        Some("TLS12") => Ok(12),
        Some("TLS13") => Ok(13),
        Some(other) => bail!("the TLS version {other} is not supported; there are TLS12 and TLS13"),
    };
    let (least, most) = (
        number(&config.min_version, 12)?,
        number(&config.max_version, 13)?,
    );
    ensure!(least <= most, "min_version is above max_version");
    let all = [(13, &TLS13), (12, &TLS12)].into_iter();
    let wanted = all.filter(|(number, _)| (least..=most).contains(number));
    Ok(wanted.map(|(_, version)| version).collect())
}

/// Names of the suites of TLS 1.3 as Go writes them. They may stand in the list, and all are there in any case.
const SUITES_OF_13: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// Cipher suites and groups; those of TLS 1.3 are not a matter of choice.
fn provider(config: &file::Tls) -> Result<CryptoProvider> {
    let mut provider = ring::default_provider();
    if let Some(names) = config
        .cipher_suites
        .as_ref()
        .filter(|names| !names.is_empty())
    {
        let (of_13, of_12): (Vec<_>, Vec<_>) = provider
            .cipher_suites
            .into_iter()
            .partition(|suite| suite.tls13().is_some());
        let of_12_wanted: Vec<_> = names
            .iter()
            .filter(|name| !SUITES_OF_13.contains(&name.as_str()))
            .cloned()
            .collect();
        let chosen = choose(
            "cipher_suites",
            &of_12_wanted,
            &of_12,
            |suite: &SupportedCipherSuite| suite_name(suite.suite()),
        )?;
        provider.cipher_suites = [of_13, chosen].concat();
    }
    if let Some(names) = config
        .curve_preferences
        .as_ref()
        .filter(|names| !names.is_empty())
    {
        provider.kx_groups = choose(
            "curve_preferences",
            names,
            &provider.kx_groups,
            |group: &&'static dyn SupportedKxGroup| {
                // Go's names for what the standard calls secp256r1 and so on.
                match format!("{:?}", group.name()).as_str() {
                    "secp256r1" => "CurveP256".to_owned(),
                    "secp384r1" => "CurveP384".to_owned(),
                    other => other.to_owned(),
                }
            },
        )?;
    }
    Ok(provider)
}

fn suite_name(suite: CipherSuite) -> String {
    suite.as_str().unwrap_or_default().to_owned()
}

/// What the names stand for, in their order.
fn choose<T: Copy>(
    key: &str,
    names: &[String],
    known: &[T],
    name_of: impl Fn(&T) -> String,
) -> Result<Vec<T>> {
    let find = |name: &String| {
        let found = known.iter().find(|known| name_of(known) == *name);
        found.copied().with_context(|| {
            let names: Vec<_> = known.iter().map(&name_of).collect();
            format!(
                "{key}: {name} is not supported; there are {}",
                names.join(", ")
            )
        })
    };
    names.iter().map(find).collect()
}

fn clients(
    config: &file::Tls,
    provider: &Arc<CryptoProvider>,
    files: &mut Files,
) -> Result<Arc<dyn ClientCertVerifier>> {
    let has_ca = !(config.client_ca.is_empty() && config.client_ca_file.is_empty());
    let optional = match config.client_auth_type.as_str() {
        "" | "NoClientCert" => {
            ensure!(
                !has_ca,
                "there is a CA for clients and no client_auth_type; set it to RequireAndVerifyClientCert"
            );
            return Ok(WebPkiClientVerifier::no_client_auth());
        }
        "VerifyClientCertIfGiven" => true,
        "RequireAndVerifyClientCert" => false,
        other @ ("RequestClientCert" | "RequireAnyClientCert" | "RequireClientCert") => bail!(
            "client_auth_type {other} takes certificates that nobody has checked; \
             use RequireAndVerifyClientCert"
        ),
        other => bail!(
            "there is no client_auth_type {other}; use NoClientCert, VerifyClientCertIfGiven or \
             RequireAndVerifyClientCert"
        ),
    };
    let text = pem(
        &config.client_ca_file,
        &config.client_ca,
        "client_ca",
        files,
    )?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.context("the CA for clients is not in PEM")?;
        roots
            .add(certificate)
            .context("a CA for clients is no certificate")?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let builder = match optional {
        true => builder.allow_unauthenticated(),
        false => builder,
    };
    builder.build().context("there is no usable CA for clients")
}

fn allowed(config: &file::Tls) -> Result<Option<Vec<String>>> {
    let Some(names) = &config.client_allowed_sans else {
        return Ok(None);
    };
    ensure!(
        config.client_auth_type == "RequireAndVerifyClientCert",
        "client_allowed_sans needs the client_auth_type RequireAndVerifyClientCert"
    );
    let mail = |name: &&String| name.contains('@') && !name.contains("://");
    if let Some(name) = names.iter().find(mail) {
        bail!(
            "client_allowed_sans: {name} is an e-mail address; only DNS, IP and URI names are compared"
        );
    }
    Ok(Some(names.clone()))
}

/// Whether one of the names stands in the certificate, exactly so.
fn has_one_of(certificate: &CertificateDer<'_>, names: &[String]) -> bool {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else {
        return false;
    };
    names.iter().any(|name| match name.parse::<IpAddr>() {
        Ok(address) => {
            let address = ServerName::IpAddress(address.into());
            certificate
                .verify_is_valid_for_subject_name(&address)
                .is_ok()
        }
        Err(_) => {
            certificate.valid_dns_names().any(|other| other == name)
                || certificate.valid_uri_names().any(|other| other == name)
        }
    })
}
