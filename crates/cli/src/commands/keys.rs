//! `keys`: list, create, rotate, revoke.

use serde_json::{Value, json};

use crate::{
    args::{KeysArgs, KeysCommand, Remote},
    client::{Client, segment},
    exit::Done,
    output::{harmless, print_json, print_line, print_table},
};

pub(crate) fn run(args: KeysArgs) -> Done {
    match args.command {
        KeysCommand::List { remote, json } => list(&remote, json),
        KeysCommand::Create {
            remote,
            permissions,
            tenants,
            everything,
            default_tenant,
            tenant_from_target,
            create_tenants,
            expires,
            json,
            name,
        } => {
            let reach = if everything { json!("everything") } else { json!({"tenants": tenants}) };
            let new = json!({
                "name": name,
                "permissions": permissions,
                "reach": reach,
                "default_tenant": default_tenant,
                "tenant_from_target": tenant_from_target,
                "create_tenants": create_tenants,
                "expires": expires,
            });
            let made = Client::new(&remote).send_json("POST", "/v1/keys", &new)?;
            show(json, &made, &format!("created key {name}; it is shown this once:"))
        }
        KeysCommand::Rotate { remote, overlap, json, id } => {
            let path = format!("/v1/keys/{}/rotation", segment(&id));
            let made = Client::new(&remote).send_json("POST", &path, &json!({"overlap_seconds": overlap}))?;
            let until = if overlap == 0 {
                "is refused now".to_owned()
            } else {
                format!("ends in {overlap} s at the latest")
            };
            show(json, &made, &format!("the old key {until}; the new one is shown this once:"))
        }
        KeysCommand::Revoke { remote, json, id } => {
            let answer = Client::new(&remote).delete(&format!("/v1/keys/{}", segment(&id)))?;
            if !answer.is_success() {
                return Err(answer.failure());
            }
            if json {
                return print_json(&json!({"id": id, "revoked": true}));
            }
            eprintln!("revoked key {id}");
            Ok(())
        }
    }
}

/// A new key: as JSON, or alone on a line.
fn show(json: bool, made: &Value, words: &str) -> Done {
    if json {
        return print_json(made);
    }
    eprintln!("{}", harmless(words));
    // A key is plain characters; anything else came from something that is not our server.
    print_line(&harmless(made["key"].as_str().unwrap_or_default()))
}

fn list(remote: &Remote, json: bool) -> Done {
    let keys: Value = Client::new(remote).get_json("/v1/keys")?;
    if json {
        return print_json(&keys["data"]);
    }
    let rows = keys["data"].as_array().into_iter().flatten().map(|key| {
        let text = |name: &str| key[name].as_str().unwrap_or("-").to_owned();
        let list = |value: &Value| {
            let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            names.collect::<Vec<_>>().join(" ")
        };
        let reach = match key["reach"].as_str() {
            Some(word) => word.to_owned(),
            None => list(&key["reach"]["tenants"]),
        };
        let state = if key["valid"] == true { "valid" } else { "ended" };
        vec![
            text("id"),
            text("name"),
            text("prefix"),
            list(&key["permissions"]),
            reach,
            state.to_owned(),
            text("expires"),
        ]
    });
    print_table(&["Id", "Name", "Begins", "May", "Reach", "State", "Expires"], rows)
}
