//! The command line: setting up, sending, completions, help, and exit codes that mean something.

use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
};

use serde_json::Value;

use crate::support::{ADMIN_KEY, Installation, Server};

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn send(server: &Server, installation: &Installation, input: &str) -> Output {
    let mut command = server.command(installation, &["send", "--json", "-"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_newcomers_way_from_a_tenant_to_a_verified_trail() {
    let installation = Installation::new();
    let server = installation.start();
    let run = |arguments: &[&str]| String::from_utf8(server.run(&installation, arguments).stdout).unwrap();
    run(&["tenants", "create", "acme", "--audit"]);
    run(&["tenants", "create", "acme-east", "--parent", "acme", "--display-name", "Acme East"]);
    run(&["tenants", "audit", "acme-east"]);
    let tenants: Value = serde_json::from_str(&run(&["tenants", "list", "--json"])).unwrap();
    assert_eq!(tenants.as_array().unwrap().len(), 2);
    assert!(run(&["tenants", "list"]).contains("Acme East"));
    let made = run(&[
        "keys",
        "create",
        "app",
        "--permission",
        "events.send",
        "--permission",
        "audit.read",
        "--tenant",
        "acme",
        "--default-tenant",
        "acme",
    ]);
    let key = made.trim();
    server.with_key(key).read("/v1/events");

    let sent = send(
        &server,
        &installation,
        "{\"tenant\":\"acme\",\"action\":\"a\"}\n{\"tenant\":\"acme-east\",\"action\":\"b\"}\n",
    );
    assert!(sent.status.success(), "{}", words(&sent));
    assert_eq!(serde_json::from_slice::<Value>(&sent.stdout).unwrap()["accepted"], 2);
    // Some stored, some not: the answer is no.
    let partly =
        send(&server, &installation, "[{\"tenant\":\"acme\",\"action\":\"c\"},{\"tenant\":\"acme\"}]");
    assert_eq!(partly.status.code(), Some(1), "{}", words(&partly));
    server.admin().found("", 3);

    let keys: Value = serde_json::from_str(&run(&["keys", "list", "--json"])).unwrap();
    run(&["keys", "revoke", keys[0]["id"].as_str().unwrap()]);
    server.with_key(key).get("/v1/events").refused(401, "unauthorized");
    run(&["tenants", "move", "acme-east"]);
    assert_eq!(server.admin().read("/v1/tenants/acme-east")["parent"], Value::Null);

    // The version is one above what was read, so that two administrators can't overwrite each other unseen.
    let mut rules: Value = serde_json::from_str(&run(&["rules", "get"])).unwrap();
    rules["version"] = (rules["version"].as_u64().unwrap() + 1).into();
    let file = installation.path("rules.json");
    fs::write(&file, rules.to_string()).unwrap();
    run(&["rules", "set", file.to_str().unwrap()]);
    server.stop();
    let verdict = installation.verify();
    assert_eq!(verdict.code, Some(0), "{}", verdict.stderr);
}

#[test]
fn the_exit_code_tells_no_from_wrong_from_unknown() {
    let installation = Installation::new();
    let server = installation.start();
    server.admin().tenant("acme");
    let code = |arguments: &[&str]| {
        let output = server.command(&installation, arguments).output().unwrap();
        (output.status.code().unwrap(), words(&output))
    };
    let missing = installation.path("missing");
    let missing = missing.to_str().unwrap();
    for (expected, arguments) in [
        (0, &["tenants", "list"][..]),
        (1, &["tenants", "create", "acme"]),
        (2, &["tenants", "create"]),
        (2, &["no-such-command"]),
        (2, &["search", "--format", "xml"]),
        (2, &["search", "--zone", "Mars/Olympus"]),
        (2, &["search", "limit=5"]),
        (2, &["count", "total=true"]),
        (2, &["search", "--key", "wrong-key-wrong-key"]),
        (2, &["import", "--format", "no-such-format", "--check", "-"]),
        (2, &["verify"]),
        (3, &["send", missing]),
        (3, &["search", "--url", "http://127.0.0.1:9"]),
        (3, &["verify", "--data", missing]),
    ] {
        let (code, words) = code(arguments);
        assert_eq!(code, expected, "{arguments:?}: {words}");
        assert!(code == 0 || words.starts_with("error: "), "{arguments:?}: {words}");
    }
    let (_, words) = code(&["search", "--url", "http://127.0.0.1:9"]);
    assert!(words.contains("hint: is the server running?"), "{words}");
    // A running server's directory can't be verified from outside, and nothing is said about its contents.
    let data = installation.data();
    let (code, words) = code(&["verify", "--data", data.to_str().unwrap()]);
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("hint: "), "{words}");
}

#[test]
fn every_command_has_help_with_an_example_and_completions_exist() {
    let installation = Installation::new();
    let run = |arguments: &[&str]| {
        let output = installation.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", words(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    for command in [
        "serve",
        "import",
        "search",
        "count",
        "send",
        "verify",
        "tenants",
        "keys",
        "rules",
        "config",
        "completions",
    ] {
        let help = run(&[command, "--help"]);
        assert!(help.contains("Example"), "{command}: {help}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", shell]).contains("indelible"), "{shell}");
    }
    assert!(run(&["--version"]).starts_with("indelible "));
}

#[test]
fn config_check_shows_what_would_be_in_force_and_no_secret() {
    let installation = Installation::new();
    let file = installation.path("indelible.toml");
    fs::write(&file, "data = '/var/lib/indelible'\nlisten = '127.0.0.1:9090'\nlog = 'warn'\n").unwrap();
    let mut command =
        installation.command(["config", "check", "--config", file.to_str().unwrap(), "--log", "debug"]);
    command
        .env("INDELIBLE_LOG", "error")
        .env("INDELIBLE_LISTEN", "127.0.0.1:9191")
        .env("INDELIBLE_ADMIN_KEY", ADMIN_KEY);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    let shown = String::from_utf8(output.stdout).unwrap();
    // Flag over environment over file over default.
    for expected in ["\"/var/lib/indelible\"", "127.0.0.1:9191", "\"debug\"", "request_events_max = 10000"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert!(!shown.contains(ADMIN_KEY));
}
