//! Certificates for an engine on another machine and for bld, signed by an authority that is made for the two.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::bootstrap::write;
use crate::{cli::config_file::tls::Files, diag::Diagnostic};

/// Makes all files, unless all are there; then, and only with `force`, they are made anew. Gives what was written.
pub(super) fn make(
    files: &Files,
    host: &str,
    force: bool,
) -> Result<Vec<PathBuf>, Box<Diagnostic>> {
    let all = [
        &files.client.authority,
        &files.authority_key,
        &files.server.certificate,
        &files.server.key,
        &files.client.certificate,
        &files.client.key,
    ];
    let there: Vec<&&PathBuf> = all.iter().filter(|path| path.exists()).collect();
    if !force && there.len() == all.len() {
        return Ok(Vec::new());
    }
    if !force && !there.is_empty() {
        let missing = all.iter().filter(|path| !path.exists());
        let missing: Vec<String> = missing.map(|p| format!("`{}`", p.display())).collect();
        let message = format!(
            "certificates are missing beside those that are there: {}",
            missing.join(", ")
        );
        let hint = "`--force-certificate-generation` makes all of them anew; the engine needs its new ones, too";
        return Err(Box::new(
            Diagnostic::error("certificates", message).hint(hint),
        ));
    }
    let failed = |e: rcgen::Error| {
        let message = format!("cannot make certificates for `{host}`: {e}");
        Box::new(Diagnostic::error("certificates", message))
    };
    let texts = sign(host).map_err(failed)?;
    for (path, text) in all.iter().zip(&texts) {
        // Readable for the user alone.
        write(path, text, 0o600).map_err(|e| {
            let message = format!("cannot write `{}`: {e}", path.display());
            Box::new(Diagnostic::error("certificates", message))
        })?;
    }
    Ok(all.into_iter().cloned().collect())
}

/// In the order of the files: authority, its key, server, its key, client, its key.
fn sign(host: &str) -> Result<[String; 6], rcgen::Error> {
    let named = |hosts: Vec<String>, name: &str| {
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name.push(DnType::CommonName, name);
        Ok::<_, rcgen::Error>(params)
    };
    let mut authority = named(Vec::new(), "bld authority")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?;
    let issuer = Issuer::from_params(&authority, &authority_key);
    let leaf = |mut params: CertificateParams, purpose| {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok::<_, rcgen::Error>((certificate.pem(), key.serialize_pem()))
    };
    let mut hosts = vec![host.to_owned()];
    for local in ["localhost", "127.0.0.1"] {
        if local != host {
            hosts.push(local.to_owned());
        }
    }
    let (server, server_key) = leaf(
        named(hosts, "buildkit")?,
        ExtendedKeyUsagePurpose::ServerAuth,
    )?;
    let (client, client_key) = leaf(
        named(Vec::new(), "bld")?,
        ExtendedKeyUsagePurpose::ClientAuth,
    )?;
    let authority_key = authority_key.serialize_pem();
    Ok([
        root.pem(),
        authority_key,
        server,
        server_key,
        client,
        client_key,
    ])
}
