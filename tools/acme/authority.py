"""A certificate authority that speaks ACME (RFC 8555), for the tests: acme2certifier behind TLS.

usage: authority.py DIRECTORY

Writes DIRECTORY/root.pem, which both its own address and its certificates are trusted by, and prints the address of
its directory. Where a public authority would look at port 443 of a domain, it looks at the port of 127.0.0.1 that
stands in DIRECTORY/port, once it stands there; nothing else of it is changed.
"""

import datetime
import ipaddress
import os
import ssl
import sys
import time
from wsgiref.handlers import SimpleHandler
from wsgiref.simple_server import make_server

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate(subject, key, issuer, issuer_key, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    name = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def write_files(directory):
    """A root, and a certificate for the authority's own address."""
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    usage |= {"key_cert_sign": True, "crl_sign": True, "encipher_only": False, "decipher_only": False}
    root, own = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    is_root = [(x509.BasicConstraints(True, None), True), (x509.KeyUsage(**usage), True)]
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    files = {
        "root.key": pem(root),
        "root.pem": certificate("Test Root", root, "Test Root", root, is_root),
        "own.key": pem(own),
        "own.pem": certificate("authority", own, "Test Root", root, [(names, False)]),
    }
    for name, contents in files.items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(contents)


def port_in(file):
    while not os.path.exists(file):
        time.sleep(0.02)
    with open(file, encoding="utf-8") as text:
        return int(text.read())


def main(directory):
    write_files(directory)
    at = lambda name: os.path.join(directory, name)
    with open(at("acme_srv.cfg"), "w", encoding="utf-8") as file:
        file.write(
            f"[DEFAULT]\ndebug: False\n[Nonce]\nnonce_check_disable: False\n"
            f"[CAhandler]\nhandler_module: acme2certifier.cahandlers.openssl_ca_handler\n"
            f"issuing_ca_key: {at('root.key')}\nissuing_ca_cert: {at('root.pem')}\n"
            f"issuing_ca_crl: {at('root.crl')}\ncert_save_path: {directory}\n"
            f"ca_cert_chain_list: []\ncert_validity_days: 10\n"
            f"[DBhandler]\nhandler: wsgi\ndbfile: {at('acme.db')}\n[Order]\n[Certificate]\n[Challenge]\n[Directory]\n"
        )
    os.environ["ACME2CERTIFIER_BASE_DIR"] = directory
    os.environ["ACME_SRV_CONFIGFILE"] = at("acme_srv.cfg")

    from acme2certifier.acme_srv import helper
    from acme2certifier.share import acme2certifier_wsgi as site

    look = helper.servercert_get

    def look_here(logger, hostname, _port=443, proxy_server=None, sni=None, connect_host=None):
        return look(logger, hostname, port_in(at("port")), proxy_server, sni, connect_host=connect_host)

    helper.servercert_get = look_here
    helper.fqdn_resolve = lambda *_, **__: ("127.0.0.1", False, None)

    def application(environ, start_response):
        # It makes its links from these.
        environ["wsgi.url_scheme"] = "https"
        return site.application(environ, start_response)

    # Python's server says 1.0, which clients of ACME need not take.
    SimpleHandler.http_version = "1.1"
    server = make_server("127.0.0.1", 0, application, handler_class=site.get_handler_cls())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(at("own.pem"), at("own.key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"https://127.0.0.1:{server.server_port}/directory", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
