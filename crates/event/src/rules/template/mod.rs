//! The details template language: text with values, conditions and loops. Documented in `docs/events.md`.
//!
//! Small on purpose: no assignments, no arithmetic, no calls out. Values are inserted verbatim. Invariant: a template
//! that was accepted renders any event, in bounded time, into at most [`DETAILS_BYTES_MAX`] bytes.

mod read;
mod render;

use crate::json::Kind;

pub(crate) use render::Context;

/// The longest output, in bytes; what is longer is cut there and ends in an ellipsis.
pub(crate) const DETAILS_BYTES_MAX: usize = 64 << 10;

/// What is wrong with a template, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateError {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// A template, checked.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Value(Expr),
    If { arms: Vec<(Expr, Vec<Node>)>, or_else: Vec<Node> },
    For { name: String, list: Expr, body: Vec<Node>, between: Vec<Node> },
}

#[derive(Clone, Debug)]
enum Expr {
    Literal(String),
    Path(String, Vec<String>),
    Or(Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Same(Box<Expr>, Box<Expr>),
    Is(Box<Expr>, Is),
    YesNo(Box<Expr>),
    Json(Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    Missing,
    Of(Kind),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::read::TEMPLATE_BYTES_MAX;
    use super::*;

    const EVENT: &str = r#"{"actor":{"username":"admin","groups":["a","b"]},"client":{"ip":"::ffff:1.2.3.4"},"action":"x",
        "targets":[{"type":"user","name":"n {{ action }} n"}],
        "parameters":{"Recording Id":"c333","n":12345678901234567890,"b":true,"o":{"k":"v \"q\"","l":[1, 2]},"e":"","z":null},
        "changes":[{"field":"f","old":null,"new":1},{"field":"g","new":"h\ni"}]}"#;

    fn render(template: &str) -> String {
        let template = Template::new(template).unwrap_or_else(|error| panic!("{template}: {error:?}"));
        template.render(Context {
            event: EVENT,
            action_type: "update",
            action_label: "Modify/Update",
            object_type: Some("subscriber"),
            object_label: None,
        })
    }

    #[test]
    fn renders_values_conditions_and_loops() {
        for (template, rendered) in [
            ("", ""),
            ("a { b } %} }} c", "a { b } %} }} c"),
            ("{{actor.username}} {{ client.ip }}", "admin ::ffff:1.2.3.4"),
            ("{{{ action }}} {{{{ action }}}}", "{x} {{x}}"),
            ("{{% if action %}1{% end %}", "{1"),
            ("{{ target.name }}", "n {{ action }} n"),
            (
                "{{ parameters.\"Recording Id\" }}|{{ parameters.n }}|{{ parameters.o }}",
                "c333|12345678901234567890|{\"k\":\"v \\\"q\\\"\",\"l\":[1, 2]}",
            ),
            (
                "{{ parameters.o.k }} {{ json(parameters.o.k) }} {{ parameters.o.\"l\" }}",
                "v \"q\" \"v \\\"q\\\"\" [1, 2]",
            ),
            ("[{{ tenant }}{{ actor.nothing.at.all }}{{ parameters.z }}]", "[]"),
            ("{{ tenant or parameters.e or actor.username or \"never\" }}", "admin"),
            ("{{ tenant or \"\\u00fc\\n\" }}", "\u{fc}\n"),
            ("{{ yes_no(parameters.b) }} {{ yes_no(action) }} {{ parameters.b }}", "Yes x true"),
            (
                "{% for p in parameters %}{{ p.name }}={{ p.value }}{% between %}, {% end %}",
                "Recording Id=c333, n=12345678901234567890, b=true, o={\"k\":\"v \\\"q\\\"\",\"l\":[1, 2]}, e=, z=",
            ),
            ("{% for g in actor.groups %}<{{ g }}>{% end %}{% for x in action %}never{% end %}", "<a><b>"),
            (
                "{% for c in changes %}{% if c.old is missing %}{{ c.field }}: {{ c.new }}{% elif c.old is null %}null{% else %}never{% end %};{% end %}",
                "null;g: h\ni;",
            ),
            (
                "{% for o in parameters %}{% for i in o.value.l %}{{ i }}{{ o.name }} {% end %}{% end %}",
                "1o 2o ",
            ),
            ("{% if not (action == \"x\" and tenant) %}yes{% end %}", "yes"),
            (
                "{% if action != \"x\" %}never{% elif parameters.n is number and parameters.o is object %}yes{% end %}",
                "yes",
            ),
            (
                "{{ action_type }}/{{ action_label }}/{{ object_type }}/{{ object_label }}",
                "update/Modify/Update/subscriber/",
            ),
            ("{% if parameters.e is not missing %}there{% end %}", "there"),
        ] {
            assert_eq!(render(template), rendered, "{template}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_read_and_says_where() {
        for (template, at) in [
            ("{{ }}", 3),
            ("ab {{ actor", 11),
            ("{{ nobody }}", 3),
            ("{{ action ", 10),
            ("{{ action } }", 10),
            ("{% if action %}x", 16),
            ("{% if action %}x{% end", 22),
            ("{% end %}", 0),
            ("x{% else %}", 1),
            ("{% if action %}{% else %}{% else %}{% end %}", 25),
            ("{% if action %}{% between %}{% end %}", 15),
            ("{% for action in changes %}{% end %}", 13),
            ("{% for a in changes %}{% for a in changes %}{% end %}{% end %}", 30),
            ("{% for c of changes %}{% end %}", 11),
            ("{% while %}", 8),
            ("{{ c }}", 3),
            ("{{ \"a }}", 3),
            ("{{ actor. }}", 10),
            ("{{ action is odd }}", 16),
            ("{{ (action }}", 11),
        ] {
            let error = Template::new(template).expect_err(template);
            assert_eq!(error.at, at, "{template}: {}", error.message);
        }
        let deep = "{% if action %}".repeat(1000) + &"{% end %}".repeat(1000);
        assert!(Template::new(&deep).is_err());
        assert!(Template::new(&format!("{{{{ {}action }}}}", "(".repeat(1000))).is_err());
        assert!(Template::new(&format!("{{{{ {}action }}}}", "not ".repeat(1000))).is_err());
        assert!(Template::new(&"x".repeat(TEMPLATE_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn output_and_work_are_bounded() {
        let template = Template::new(
            "{% for a in data %}{% for b in data %}{% for c in data %}{{ c }}{% end %}{% end %}{% end %}",
        )
        .unwrap();
        let context = |event| Context {
            event,
            action_type: "x",
            action_label: "x",
            object_type: None,
            object_label: None,
        };
        let words = format!("{{\"data\":[{}\"\u{fc}\"]}}", "\"\u{fc}\u{fc}\u{fc}\",".repeat(10_000));
        let rendered = template.render(context(&words));
        assert!(rendered.len() <= DETAILS_BYTES_MAX && rendered.ends_with("\u{fc}\u{2026}"));
        // Nothing is ever written here, yet it would be 10^12 steps.
        let nothing = format!("{{\"data\":[{}\"\"]}}", "\"\",".repeat(10_000));
        let started = std::time::Instant::now();
        assert_eq!(template.render(context(&nothing)), "\u{2026}");
        assert!(started.elapsed().as_secs() < 10, "took {:?}", started.elapsed());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_accepted_renders_within_bounds(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "{{", "}}", "{%", "%}", " if ", " elif ", " else ", " end ", " for c in ", " between ", "actor", "action",
                ".username", "changes", "c", ".field", "\"x\"", " or ", " and ", " not ", " == ", " is text ", "(", ")",
                "yes_no(", "{", "}", "text \u{fc}", "{{ action }}", "{% if action %}", "{% end %}", "{% for c in changes %}",
            ]), 0..16),
        ) {
            let text = pieces.concat();
            if let Ok(template) = Template::new(&text) {
                let context = Context { event: EVENT, action_type: "x", action_label: "x", object_type: None, object_label: None };
                let rendered = template.render(context);
                prop_assert!(rendered.len() <= DETAILS_BYTES_MAX);
                if !text.contains("{{") && !text.contains("{%") {
                    prop_assert_eq!(rendered, text);
                }
            }
        }

        #[test]
        fn any_text_is_a_template_or_an_error_inside_it(text in any::<String>()) {
            if let Err(error) = Template::new(&text) {
                prop_assert!(error.at <= text.len());
            }
        }
    }
}
