//! Tables in columns: what each holds, and how a group of rows is written.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use crate::{Error, Result};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole number from 0 on, below 2^32.
    Count,
    /// A whole number from 0 on, below 2^64.
    Long,
    /// A number.
    Number,
    /// A number, or nothing.
    Optional,
    /// A text.
    Text,
    /// A list of whole numbers from 0 on, below 2^32.
    Ids,
}

impl Kind {
    /// Its line of a schema.
    fn declare(self, name: &str) -> String {
        match self {
            Self::Count => format!("required int32 {name} (INTEGER(32, false));"),
            Self::Long => format!("required int64 {name} (INTEGER(64, false));"),
            Self::Number => format!("required double {name};"),
            Self::Optional => format!("optional double {name};"),
            Self::Text => format!("required binary {name} (STRING);"),
            Self::Ids => format!(
                "required group {name} (LIST) {{ repeated group list {{ required int32 element \
                 (INTEGER(32, false)); }} }}"
            ),
        }
    }
}

/// The values of a column in a group of rows.
#[derive(Debug, Clone)]
pub(super) enum Values {
    Count(Vec<u32>),
    Long(Vec<u64>),
    Number(Vec<f64>),
    Optional(Vec<Option<f64>>),
    Text(Vec<String>),
    Ids(Vec<Vec<u32>>),
}

impl Values {
    fn write(self, column: &mut SerializedColumnWriter<'_>) -> parquet::errors::Result<()> {
        match self {
            Self::Count(values) => {
                let values: Vec<i32> = values.into_iter().map(u32::cast_signed).collect();
                column.typed::<Int32Type>().write_batch(&values, None, None)
            }
            Self::Long(values) => {
                let values: Vec<i64> = values.into_iter().map(u64::cast_signed).collect();
                column.typed::<Int64Type>().write_batch(&values, None, None)
            }
            Self::Number(values) => column.typed::<DoubleType>().write_batch(&values, None, None),
            Self::Optional(values) => {
                let there: Vec<i16> =
                    values.iter().map(|value| i16::from(value.is_some())).collect();
                let values: Vec<f64> = values.into_iter().flatten().collect();
                column.typed::<DoubleType>().write_batch(&values, Some(&there), None)
            }
            Self::Text(values) => {
                let values: Vec<ByteArray> =
                    values.iter().map(|text| text.as_str().into()).collect();
                column.typed::<ByteArrayType>().write_batch(&values, None, None)
            }
            Self::Ids(lists) => {
                let (values, there, again) = levels(&lists);
                column.typed::<Int32Type>().write_batch(&values, Some(&there), Some(&again))
            }
        }
        .map(drop)
    }
}

/// Lists as their elements, whether there is one (an empty list has none), and whether it goes on with
/// the list before it.
fn levels(lists: &[Vec<u32>]) -> (Vec<i32>, Vec<i16>, Vec<i16>) {
    let (mut values, mut there, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for list in lists {
        there.extend(std::iter::repeat_n(1, list.len()));
        again.extend((0..list.len()).map(|at| i16::from(at > 0)));
        if list.is_empty() {
            there.push(0);
            again.push(0);
        }
        values.extend(list.iter().map(|id| id.cast_signed()));
    }
    (values, there, again)
}

/// Writes a table, a group of rows after the other. The same rows give the same bytes.
pub(super) struct Table<W: Write + Send> {
    writer: SerializedFileWriter<W>,
}

impl<W: Write + Send> Table<W> {
    /// Begins a table with these columns.
    pub(super) fn new(sink: W, name: &str, columns: &[(String, Kind)]) -> Result<Self> {
        let columns: Vec<String> = columns.iter().map(|(name, kind)| kind.declare(name)).collect();
        let schema = format!("message {name} {{ {} }}", columns.join(" "));
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = parse_message_type(&schema).and_then(|schema| {
            SerializedFileWriter::new(sink, Arc::new(schema), Arc::new(properties))
        });
        Ok(Self { writer: writer.map_err(failed)? })
    }

    /// Adds a group of rows, a column each, in the order of the columns.
    pub(super) fn group(&mut self, columns: Vec<Values>) -> Result<()> {
        let write = || {
            let mut group = self.writer.next_row_group()?;
            for values in columns {
                let column = group.next_column()?;
                let mut column = column.expect("as many columns as were declared");
                values.write(&mut column)?;
                column.close()?;
            }
            group.close()
        };
        write().map(drop).map_err(failed)
    }

    /// Ends the table.
    pub(super) fn finish(self) -> Result<()> {
        self.writer.close().map(drop).map_err(failed)
    }
}

fn failed(cause: ParquetError) -> Error {
    Error::new("cannot write the table").caused_by(cause)
}
