//! What `INFO` says.

use bytes::Bytes;

use crate::store::Figures;

/// The sections of `INFO` whose names are in `wanted`, or all of them if it is empty.
///
/// A section that does not exist has nothing to say, which is no error.
pub(super) fn text(figures: &Figures, wanted: &[Bytes]) -> Bytes {
    let is_wanted = |name: &str| {
        wanted.is_empty()
            || wanted.iter().any(|word| {
                let names = EVERYTHING.iter().copied().chain([name]);
                names
                    .into_iter()
                    .any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
            })
    };
    let sections = sections(figures);
    let wanted = sections.iter().filter(|(name, _)| is_wanted(name));
    let texts: Vec<_> = wanted
        .map(|(name, lines)| format!("# {name}\r\n{lines}"))
        .collect();
    texts.join("\r\n").into()
}

/// Every section: its name and its lines.
fn sections(figures: &Figures) -> [(&'static str, String); 3] {
    let &Figures {
        key_count,
        expiring_count,
        bytes,
        expired_count,
        hit_count,
        miss_count,
    } = figures;
    [
        ("Memory", format!("used_memory_dataset:{bytes}\r\n")),
        (
            "Stats",
            format!(
                "expired_keys:{expired_count}\r\n\
                 keyspace_hits:{hit_count}\r\n\
                 keyspace_misses:{miss_count}\r\n"
            ),
        ),
        // A database without a key is not listed.
        (
            "Keyspace",
            match key_count {
                0 => String::new(),
                _ => format!("db0:keys={key_count},expires={expiring_count},avg_ttl=0\r\n"),
            },
        ),
    ]
}

/// What a client may write for all sections.
const EVERYTHING: [&str; 3] = ["all", "default", "everything"];
