//! Lists of numbers, one for each document, end to end.

/// One list for each document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lists<T> {
    /// Where each document's list ends in `items`.
    pub(crate) ends: Vec<u32>,
    pub(crate) items: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { ends: Vec::new(), items: Vec::new() }
    }
}

impl<T: Copy> Lists<T> {
    /// Ends the list of one more document: it has the items that came since the last was closed.
    pub(crate) fn close(&mut self) {
        self.ends.push(self.items.len() as u32);
    }

    /// The list of a document.
    pub(crate) fn get(&self, doc: usize) -> &[T] {
        let start = doc.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.items[start..self.ends[doc] as usize]
    }

    /// The number of documents.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether every document has exactly one item, so that `items[doc]` is it.
    pub(crate) fn is_single(&self) -> bool {
        self.items.len() == self.ends.len()
            && self.ends.iter().enumerate().all(|(doc, end)| *end as usize == doc + 1)
    }

    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.items.clear();
    }
}
