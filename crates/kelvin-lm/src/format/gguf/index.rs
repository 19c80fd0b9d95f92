//! Records found by name: key-value pairs and tensors.

use crate::{Error, ErrorKind, Result};

use super::cursor::{Cursor, checked};
use crate::format::text::Text;

/// Where records that start with a name begin in the file, in bytes from its start. They are read
/// again when asked for.
pub(super) struct Index {
    in_order: Vec<u32>,
    by_name: Vec<u32>,
}

impl Index {
    /// Walks `n` records; `check` moves the cursor over the rest of one, after its name.
    pub(super) fn read(
        cursor: &mut Cursor<'_>,
        n: usize,
        what: &str,
        check: fn(&mut Cursor<'_>, &str) -> Result<()>,
    ) -> Result<Self> {
        let start = cursor.clone();
        let mut in_order = Vec::with_capacity(n);
        for record in 0..n {
            in_order.push(cursor.at());
            let name = cursor.name(format_args!("{what} {record}"))?;
            check(cursor, name)?;
        }
        let name = |at: u32| name_at(start.file(), at);
        let mut by_name = in_order.clone();
        by_name.sort_unstable_by_key(|&at| (name(at), at));
        let repeated = by_name.windows(2).filter(|pair| name(pair[0]) == name(pair[1]));
        if let Some(pair) = repeated.min_by_key(|pair| pair[1]) {
            let (name, first) = (Text(name(pair[0])), pair[0]);
            let detail = format!("{what} \"{name}\" was used before, at byte {first}");
            return Err(Error::new(ErrorKind::Format, detail).at(pair[1].into()));
        }
        Ok(Self { in_order, by_name })
    }

    /// The start of every record, in file order.
    pub(super) fn in_order(&self) -> &[u32] {
        &self.in_order
    }

    /// The start of the record of this name.
    pub(super) fn find(&self, file: &[u8], name: &str) -> Option<u32> {
        let place =
            self.by_name.binary_search_by(|&at| name_at(file, at).cmp(name.as_bytes())).ok()?;
        Some(self.by_name[place])
    }
}

/// The name that the record at `at` starts with.
fn name_at(file: &[u8], at: u32) -> &[u8] {
    checked(Cursor::resume(file, u32::MAX, at).string("a name"))
}
