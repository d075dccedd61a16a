//! A path that no record has is told, with the name that was probably meant.

use indelible_event::{Limits, Timestamp};

use super::*;

/// `line:column field path tried meant` of what was not found.
fn unmatched(rules: &str, records: &[&str]) -> Vec<String> {
    let mapping = mapping(rules);
    let trace = Trace::default();
    for record in records {
        mapping.apply_traced(record, &Limits::default(), Timestamp::from_micros(0), Some(&trace)).unwrap();
    }
    let told = trace.unmatched(&mapping).into_iter().map(|found| {
        let meant = found.meant.as_deref().unwrap_or("-");
        format!("{}:{} {} {} {} {meant}", found.line, found.column, found.field, found.path, found.tried)
    });
    told.collect()
}

#[test]
fn misspelt_paths_are_told_with_their_place_and_what_was_meant() {
    let rules = "[let]\nwho = \"badge.holer\"\n[event]\naction = \"knd\"\ntime = \"at | time 'ms' ?? wen | time\"\n\
                 [event.actor]\nid = \"$who.id ?? visitor\"\nusername = '''\n  'x {badge.holder.nmae}' '''\n\
                 [[event.targets]]\neach = \"doors\"\nid = \"Id\"\nname = \"$.badge.no\"\n\
                 [event.parameters]\n\"*\" = \"$.extra\"";
    let records = [
        r#"{"kind":"open","at":1,"badge":{"holder":{"id":7,"name":"ada"},"no":1},"doors":[{"id":1},{"id":2}],"extra":{}}"#,
        r#"{"kind":"open","at":2,"badge":null,"doors":[]}"#,
    ];
    assert_eq!(
        unmatched(rules, &records),
        [
            "4:8 let.who badge.holer 2 holder",
            "6:11 event.action knd 2 kind",
            "7:27 event.time wen 2 -",
            "9:7 event.actor.id $who.id 2 -",
            "9:18 event.actor.id visitor 2 -",
            "11:7 event.actor.username badge.holder.nmae 2 name",
            "14:7 event.targets[0].id Id 2 id",
        ]
    );
}

#[test]
fn no_elements_are_no_match_and_a_value_that_is_nothing_is_no_path() {
    let rules = "[let]\nv = \"a ?? b\"\n[event]\naction = \"$v\"\ndetails = \"l[].x | join ','\"";
    assert_eq!(
        unmatched(rules, &[r#"{"l":[{"y":1}]}"#]),
        ["4:6 let.v a 1 -", "4:11 let.v b 1 -", "7:12 event.details l[].x 1 -"]
    );
}

#[test]
fn a_path_that_one_record_has_and_one_that_nobody_looked_for_are_silent() {
    let rules = "[event]\naction = \"a\"\ndetails = \"if b then c.d else 'none'\"\nid = \"e\"";
    assert_eq!(unmatched(rules, &[r#"{"a":"x"}"#, r#"{"a":"y","b":false,"e":null}"#]), [""; 0]);
    assert_eq!(
        unmatched(rules, &[r#"{"a":"x","b":1}"#]),
        ["5:22 event.details c.d 1 -", "6:7 event.id e 1 -"]
    );
}
