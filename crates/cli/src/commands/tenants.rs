//! `tenants`: list, create, move, switch auditing on.

use serde_json::{Value, json};

use crate::{
    args::{Remote, TenantsArgs, TenantsCommand},
    client::{Client, segment},
    exit::{Done, Exit},
    output::{print_json, print_table},
};

pub(crate) fn run(args: TenantsArgs) -> Done {
    match args.command {
        TenantsCommand::List { remote, json } => list(&remote, json),
        TenantsCommand::Create { remote, audit, parent, display_name, json, name } => {
            let new =
                json!({"name": name, "parent": parent, "auditing": audit, "display_name": display_name});
            let made = Client::new(&remote).send_json("POST", "/v1/tenants", &new)?;
            if json {
                return print_json(&made);
            }
            let auditing =
                if audit { "auditing on" } else { "auditing off: events are refused until it is on" };
            eprintln!("created tenant {name} ({auditing})");
            Ok(())
        }
        TenantsCommand::Move { remote, parent, json, name } => {
            let changed = change(&remote, &name, &json!({"parent": parent}))?;
            if json {
                return print_json(&changed);
            }
            eprintln!("moved tenant {name} below {}", parent.as_deref().unwrap_or("the installation"));
            Ok(())
        }
        TenantsCommand::Audit { remote, json, name } => {
            let changed = change(&remote, &name, &json!({"auditing": true}))?;
            if json {
                return print_json(&changed);
            }
            eprintln!("auditing is on for {name}");
            Ok(())
        }
    }
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
        let auditing = if tenant["auditing"] == true { "on" } else { "off" };
        vec![text("name"), text("parent"), auditing.to_owned(), text("display_name"), text("created_at")]
    });
    print_table(&["Name", "Below", "Auditing", "Shown as", "Created"], rows)
}
