//! Keys and values of one sequence, in pages that forks share.

use std::ops::Range;
use std::sync::Arc;

use crate::Config;
use crate::kernel::simd::LANES;

/// Positions in a page, counted from position 0 of the sequence.
///
/// Part of the numerics: attention adds up values page by page, so that the same position always
/// falls into the same partial sum.
pub(crate) const PAGE: usize = 64;

/// The keys and values of one sequence.
///
/// Grows by pages as positions come in, never to the full context up front. A fork shares its
/// parent's pages; a page is copied only when one of its owners writes into it.
#[derive(Debug, Clone)]
pub struct KvCache {
    layout: Layout,
    pages: Vec<Arc<Page>>,
    len: usize,
}

/// Shape of a page: for each layer and key/value head a block of keys, then a block of values.
///
/// Keys lie `[head_dim, PAGE]`, so that a vector of positions meets one query number, and values
/// `[PAGE, value_stride]`, so that a vector of values meets one weight: both sums of attention run
/// with outputs in the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    n_layers: usize,
    n_kv_heads: usize,
    /// Width of one head.
    pub(crate) head_dim: usize,
}

type Page = Vec<f32>;

impl Layout {
    pub(crate) fn of(config: &Config) -> Self {
        Self { n_layers: config.n_layers, n_kv_heads: config.n_kv_heads, head_dim: config.head_dim }
    }

    /// Numbers from one position's values to the next: whole vectors.
    pub(crate) fn value_stride(self) -> usize {
        self.head_dim.next_multiple_of(LANES)
    }

    fn keys_len(self) -> usize {
        self.head_dim * PAGE
    }

    fn block_len(self) -> usize {
        self.keys_len() + self.value_stride() * PAGE
    }

    fn page_len(self) -> usize {
        self.n_layers * self.n_kv_heads * self.block_len()
    }

    fn block(self, layer: usize, kv_head: usize) -> Range<usize> {
        let start = (layer * self.n_kv_heads + kv_head) * self.block_len();
        start..start + self.block_len()
    }
}

impl KvCache {
    /// An empty cache for a model of this shape; allocates nothing yet.
    pub fn new(config: &Config) -> Self {
        Self { layout: Layout::of(config), pages: Vec::new(), len: 0 }
    }

    /// Positions held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no position is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the pages this cache holds, shared ones included.
    pub fn bytes(&self) -> usize {
        self.pages.len() * self.layout.page_len() * size_of::<f32>()
    }

    /// Bytes that a cache of a model of this shape takes for each position.
    pub fn bytes_per_position(config: &Config) -> u64 {
        (Layout::of(config).page_len() / PAGE * size_of::<f32>()) as u64
    }

    /// A cache with the first `pos` positions, sharing their pages; all of them where `pos` is beyond the end.
    #[must_use]
    pub fn fork_at(&self, pos: usize) -> Self {
        let len = pos.min(self.len);
        let pages = self.pages[..len.div_ceil(PAGE)].to_vec();
        Self { layout: self.layout, pages, len }
    }

    /// Forgets the positions from `pos` on; nothing where `pos` is beyond the end.
    pub fn truncate(&mut self, pos: usize) {
        self.len = self.len.min(pos);
        self.pages.truncate(self.len.div_ceil(PAGE));
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// Makes room for positions up to `end`, in pages that no fork shares.
    pub(crate) fn reserve(&mut self, end: usize) {
        if end > self.len
            && let Some(partial) = self.pages.get_mut(self.len / PAGE)
        {
            Arc::make_mut(partial);
        }
        while self.pages.len() * PAGE < end {
            self.pages.push(Arc::new(vec![0.0; self.layout.page_len()]));
        }
    }

    /// Writes the keys and values of one position of one layer, `[n_kv_heads, head_dim]` each.
    ///
    /// `pos` lies in reserved pages.
    pub(crate) fn write(&mut self, layer: usize, pos: usize, keys: &[f32], values: &[f32]) {
        let layout = self.layout;
        let (head_dim, slot) = (layout.head_dim, pos % PAGE);
        let page = Arc::make_mut(&mut self.pages[pos / PAGE]);
        let heads = keys.chunks_exact(head_dim).zip(values.chunks_exact(head_dim));
        for (kv_head, (key, value)) in heads.enumerate() {
            let block = &mut page[layout.block(layer, kv_head)];
            let (key_block, value_block) = block.split_at_mut(layout.keys_len());
            for (row, &number) in key_block.chunks_exact_mut(PAGE).zip(key) {
                row[slot] = number;
            }
            value_block[slot * layout.value_stride()..][..head_dim].copy_from_slice(value);
        }
    }

    /// The positions up to `len` have been written in every layer.
    pub(crate) fn commit(&mut self, len: usize) {
        self.len = len;
    }

    /// Keys `[head_dim, PAGE]` and values `[PAGE, value_stride]` of one page, layer and head.
    pub(crate) fn block(&self, page: usize, layer: usize, kv_head: usize) -> (&[f32], &[f32]) {
        self.pages[page][self.layout.block(layer, kv_head)].split_at(self.layout.keys_len())
    }
}
