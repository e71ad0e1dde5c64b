//! The examples of RFC 6902, appendix A, on live documents. Each stands in a root of its own, because a document's roots
//! hold no numbers.

use serde_json::{Value, json};

use super::tests::{apply, document, root};
use super::{Patch, PatchCode, PatchFailure};

/// The example's pointers, in the root `doc`.
fn moved(patch: &Value) -> Value {
    let mut patch = patch.clone();
    for operation in patch.as_array_mut().expect("operations") {
        for member in ["path", "from"] {
            if let Some(pointer) = operation.get_mut(member) {
                *pointer = format!("/doc{}", pointer.as_str().expect("a pointer")).into();
            }
        }
    }
    patch
}

fn patched(before: &Value, patch: &Value) -> Result<Value, PatchCode> {
    let mut document = document(&json!({"doc": before}));
    match apply(&mut document, &moved(patch)) {
        Ok(_) => Ok(root(&document, "doc")),
        Err(PatchFailure::Refused(error)) => {
            assert_eq!(root(&document, "doc"), *before, "nothing was done");
            Err(error.code)
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn what_succeeds() {
    let examples = [
        // A.1 to A.5: members and elements.
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux"}]),
            json!({"baz": "qux", "foo": "bar"}),
        ),
        (
            json!({"foo": ["bar", "baz"]}),
            json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
            json!({"foo": ["bar", "qux", "baz"]}),
        ),
        (json!({"baz": "qux", "foo": "bar"}), json!([{"op": "remove", "path": "/baz"}]), json!({"foo": "bar"})),
        (
            json!({"foo": ["bar", "qux", "baz"]}),
            json!([{"op": "remove", "path": "/foo/1"}]),
            json!({"foo": ["bar", "baz"]}),
        ),
        (
            json!({"baz": "qux", "foo": "bar"}),
            json!([{"op": "replace", "path": "/baz", "value": "boo"}]),
            json!({"baz": "boo", "foo": "bar"}),
        ),
        // A.6 and A.7: moves.
        (
            json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
            json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
            json!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
        ),
        (
            json!({"foo": ["all", "grass", "cows", "eat"]}),
            json!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
            json!({"foo": ["all", "cows", "eat", "grass"]}),
        ),
        // A.8: tests.
        (
            json!({"baz": "qux", "foo": ["a", 2, "c"]}),
            json!([{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}]),
            json!({"baz": "qux", "foo": ["a", 2, "c"]}),
        ),
        // A.10 and A.11: a nested object; members that nobody knows.
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/child", "value": {"grandchild": {}}}]),
            json!({"foo": "bar", "child": {"grandchild": {}}}),
        ),
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}]),
            json!({"foo": "bar", "baz": "qux"}),
        ),
        // A.14 and A.16: escapes; a list as an element.
        (json!({"/": 9, "~1": 10}), json!([{"op": "test", "path": "/~01", "value": 10}]), json!({"/": 9, "~1": 10})),
        (
            json!({"foo": ["bar"]}),
            json!([{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]),
            json!({"foo": ["bar", ["abc", "def"]]}),
        ),
    ];
    for (before, patch, after) in examples {
        assert_eq!(patched(&before, &patch), Ok(after), "{patch}");
    }
}

#[test]
fn what_fails() {
    let examples = [
        // A.9: a test that does not hold. A.12: no such parent. A.15: a text is no number.
        (json!({"baz": "qux"}), json!([{"op": "test", "path": "/baz", "value": "bar"}]), PatchCode::TestFailed),
        (json!({"foo": "bar"}), json!([{"op": "add", "path": "/baz/bat", "value": "qux"}]), PatchCode::NotFound),
        (json!({"/": 9, "~1": 10}), json!([{"op": "test", "path": "/~01", "value": "10"}]), PatchCode::TestFailed),
    ];
    for (before, patch, code) in examples {
        assert_eq!(patched(&before, &patch), Err(code), "{patch}");
    }
    // A.13: the same member twice.
    let twice = br#"[{"op": "add", "path": "/baz", "value": "qux", "op": "remove"}]"#;
    assert_eq!(Patch::parse(twice, 9).map_err(|error| error.code), Err(PatchCode::InvalidOperation));
}
