//! A certificate for a part that speaks TLS, made anew for each test.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A certificate for 127.0.0.1 of an authority that only its file knows: the authority's, its own, its key.
pub(crate) fn certificate(directory: &Path) -> [PathBuf; 3] {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(vec![]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&authority, &authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let own =
        rcgen::CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().signed_by(&key, &issuer).unwrap();
    let contents = [authority_certificate.pem(), own.pem(), key.serialize_pem()];
    let files = ["authority.pem", "own.pem", "key.pem"].map(|name| directory.join(name));
    files.iter().zip(contents).for_each(|(file, content)| fs::write(file, content).unwrap());
    files
}
