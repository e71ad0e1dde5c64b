//! The room's name out of a request's path. y-websocket appends the name to its URL as it is, so slashes,
//! spaces, Unicode and stray percent signs come here in every shape; a name is percent-decoded once and what is
//! no escape stays as it was written.

/// Decodes `%XX` once. An escape that is malformed, or that would not give UTF-8, is kept as it stands.
pub fn decode_room_name(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut name = String::with_capacity(path.len());
    let mut at = 0;
    while at < bytes.len() {
        let run = decode_run(&bytes[at..]);
        if run.is_empty() {
            let percent = bytes[at + 1..].iter().position(|byte| *byte == b'%');
            let next = percent.map_or(bytes.len(), |found| at + 1 + found);
            name.push_str(&path[at..next]);
            at = next;
            continue;
        }
        push_run(&mut name, &path[at..at + run.len() * 3], &run);
        at += run.len() * 3;
    }
    name
}

/// The bytes of the valid escapes that stand one behind the other at the start.
fn decode_run(bytes: &[u8]) -> Vec<u8> {
    let mut run = Vec::new();
    let mut rest = bytes;
    while let [b'%', high, low, tail @ ..] = rest {
        let (Some(high), Some(low)) = (hex(*high), hex(*low)) else { break };
        run.push(high << 4 | low);
        rest = tail;
    }
    run
}

fn push_run(name: &mut String, written: &str, run: &[u8]) {
    let mut done = 0;
    for chunk in run.utf8_chunks() {
        name.push_str(chunk.valid());
        done += chunk.valid().len();
        let invalid = chunk.invalid().len();
        name.push_str(&written[done * 3..(done + invalid) * 3]);
        done += invalid;
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::decode_room_name;

    #[test]
    fn names_as_clients_write_them() {
        for (path, name) in [
            ("plain", "plain"),
            ("a/b/c", "a/b/c"),
            ("a%2Fb", "a/b"),
            ("two%20words", "two words"),
            ("caf%C3%A9", "café"),
            ("%F0%9F%8C%8D/x", "🌍/x"),
            ("100%", "100%"),
            ("a%zz%2", "a%zz%2"),
            ("%25252F", "%252F"),
            ("%FFx%C3%A9", "%FFxé"),
            ("%C3%28", "%C3("),
            ("日本", "日本"),
            ("é%", "é%"),
        ] {
            assert_eq!(decode_room_name(path), name, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_through(text in "\\PC{0,40}") {
            decode_room_name(&text);
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            proptest::prop_assert_eq!(decode_room_name(&encoded), text);
        }
    }
}
