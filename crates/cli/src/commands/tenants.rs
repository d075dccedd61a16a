//! `tenants`: list, create, describe, rename, move, switch auditing on, suspend, delete.

use serde_json::{Map, Value, json};

use crate::{
    args::{Remote, TenantAbout, TenantsArgs, TenantsCommand},
    client::{Client, segment},
    exit::{Done, Exit},
    output::{harmless, print_json, print_table},
};

pub(crate) fn run(args: TenantsArgs) -> Done {
    match args.command {
        TenantsCommand::List { remote, json } => list(&remote, json),
        TenantsCommand::Create { remote, audit, parent, about, json, name } => {
            let mut new = members(&about);
            new.insert("name".into(), name.as_str().into());
            new.insert("parent".into(), parent.into());
            // Without it the tenant begins as the installation has it.
            if audit {
                new.insert("auditing".into(), true.into());
            }
            let made = Client::new(&remote).send_json("POST", "/v1/tenants", &new.into())?;
            let auditing = if made["auditing"] == true {
                "auditing on"
            } else {
                "auditing off: events are refused until it is on"
            };
            tell(json, &made, &format!("created tenant {name} ({auditing})"))
        }
        TenantsCommand::Set { remote, about, json, name } => {
            let set = members(&about);
            if set.is_empty() {
                return Err(Exit::usage(
                    "nothing to set: give --display-name, --kind, --external-id or --zone",
                ));
            }
            let changed = change(&remote, &name, &set.into())?;
            tell(json, &changed, &format!("described tenant {name}"))
        }
        TenantsCommand::Rename { remote, json, name, new_name } => {
            let changed = change(&remote, &name, &json!({"name": new_name}))?;
            tell(json, &changed, &format!("tenant {name} is called {new_name} now"))
        }
        TenantsCommand::Move { remote, parent, json, name } => {
            let changed = change(&remote, &name, &json!({"parent": parent}))?;
            let above = parent.as_deref().unwrap_or("the installation");
            tell(json, &changed, &format!("moved tenant {name} below {above}"))
        }
        TenantsCommand::Audit { remote, json, installation: _, name } => {
            let on = json!({"auditing": true});
            let (changed, whose) = match &name {
                Some(name) => (change(&remote, name, &on)?, name.as_str()),
                None => {
                    let changed = Client::new(&remote).send_json("PUT", "/v1/auditing", &on)?;
                    (changed, "the installation, and for tenants that are made from now on")
                }
            };
            tell(json, &changed, &format!("auditing is on for {whose}"))
        }
        TenantsCommand::Suspend { remote, json, name } => {
            let changed = change(&remote, &name, &json!({"state": "suspended"}))?;
            tell(json, &changed, &format!("suspended tenant {name}; its events are taken all the same"))
        }
        TenantsCommand::Activate { remote, json, name } => {
            let changed = change(&remote, &name, &json!({"state": "active"}))?;
            tell(json, &changed, &format!("tenant {name} is active"))
        }
        TenantsCommand::Delete { remote, json, name } => {
            let answer = Client::new(&remote).delete(&format!("/v1/tenants/{}", segment(&name)))?;
            if !answer.is_success() {
                return Err(answer.failure());
            }
            tell(json, &json!({"name": name, "deleted": true}), &format!("deleted tenant {name}"))
        }
    }
}

/// What was given, as the API has it; an empty text removes.
fn members(about: &TenantAbout) -> Map<String, Value> {
    let members = [
        ("display_name", &about.display_name),
        ("kind", &about.kind),
        ("external_id", &about.external_id),
        ("zone", &about.zone),
    ];
    let given = members.into_iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
    given
        .map(|(name, value)| (name.to_owned(), Some(value.as_str()).filter(|value| !value.is_empty()).into()))
        .collect()
}

/// The answer as JSON, or what was done in words, with the server's warnings.
fn tell(json: bool, answer: &Value, words: &str) -> Done {
    if json {
        return print_json(answer);
    }
    eprintln!("{}", harmless(words));
    for warning in answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        eprintln!("warning: {}", harmless(warning));
    }
    Ok(())
}

/// The tenant as it is after the change.
fn change(remote: &Remote, name: &str, change: &Value) -> Result<Value, Exit> {
    Client::new(remote).send_json("PATCH", &format!("/v1/tenants/{}", segment(name)), change)
}

fn list(remote: &Remote, json: bool) -> Done {
    let tenants: Value = Client::new(remote).get_json("/v1/tenants")?;
    if json {
        return print_json(&tenants["data"]);
    }
    let rows = tenants["data"].as_array().into_iter().flatten().map(|tenant| {
        let text = |name: &str| tenant[name].as_str().unwrap_or("-").to_owned();
        let auditing = tenant["audited_since"].as_str().map_or("off".to_owned(), |at| format!("since {at}"));
        vec![
            text("name"),
            text("parent"),
            text("kind"),
            text("state"),
            auditing,
            text("display_name"),
            text("external_id"),
        ]
    });
    print_table(&["Name", "Below", "Kind", "State", "Auditing", "Shown as", "External id"], rows)
}
